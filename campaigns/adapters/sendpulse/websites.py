"""SendPulse's websites: sites, what is known of each, and the variables of their subscribers."""

from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from campaigns.adapters.routes import Call
from campaigns.adapters.sendpulse.dates import midnight, said
from campaigns.adapters.sendpulse.wire import ListQuery, Total, website_ids, website_of, zone_of
from campaigns.model.attribute import Type
from campaigns.model.condition import Comparison, Op
from campaigns.model.ids import Kind, spell
from campaigns.model.subscriber import SubscriberStatus
from campaigns.operations.listing import Window, all_sites, count_all_sites
from campaigns.operations.segments import get_attributes, preview_segment
from campaigns.operations.sites import get_site
from campaigns.operations.subscribers import count_by_status
from campaigns.sdk.snippet import snippet

ACTIVE = 1
TYPES = {Type.NUMBER: "number", Type.DATE: "date"}
"""What SendPulse calls types; any other is a `string` there."""


class Website(Struct, frozen=True, kw_only=True):
    """A site in the list; `status` is 1, for they all are active."""

    id: int | str
    url: str
    add_date: str
    status: int = ACTIVE


class WebsiteInfo(Struct, frozen=True, kw_only=True):
    """A site, and how many subscribers it has."""

    id: int | str
    url: str
    status: str = "active"
    icon: str
    add_date: str
    total_subscribers: int
    unsubscribed: int
    subscribers_today: int
    active_subscribers: int


class Variable(Struct, frozen=True, kw_only=True):
    """A variable of a site's subscribers."""

    id: int
    name: str
    type: str


class Code(Struct, frozen=True, kw_only=True):
    """What a site puts on its pages: the address of the script, and the whole element."""

    script_url: str
    script_code: str


def host_of(url: str) -> str:
    """Return a site's address as SendPulse says it: without scheme."""
    return urlsplit(url).netloc


async def list_all(call: Call[ListQuery, None]) -> list[Website]:
    """List sites."""
    zone = await zone_of(call)
    found = await all_sites(call.caller, call.service, Window(*call.query.bounds()))
    ids = await website_ids(call, [site.id for site in found])
    return [
        Website(id=ids[site.id], url=host_of(site.url), add_date=said(site.created_at, zone))
        for site in found
    ]


async def count(call: Call[Any, None]) -> Total:
    """Count sites."""
    return Total(await count_all_sites(call.caller, call.service))


async def info(call: Call[Any, None]) -> WebsiteInfo:
    """Tell what is known of a site; `subscribers_today` are those who came today, and are still active."""
    number, zone = await website_of(call), await zone_of(call)
    site = (await get_site(call.caller, call.service, number)).site
    counts = await count_by_status(call.caller, call.service, number)
    today = Comparison("created_at", Op.GE, midnight(call.now, zone))
    return WebsiteInfo(
        id=(await website_ids(call, [number]))[number],
        url=host_of(site.url),
        icon=site.defaults.icon or "",
        add_date=said(site.created_at, zone),
        total_subscribers=sum(counts.values()),
        unsubscribed=counts[SubscriberStatus.UNSUBSCRIBED],
        subscribers_today=(await preview_segment(call.caller, call.service, number, today)).subscribers,
        active_subscribers=counts[SubscriberStatus.ACTIVE],
    )


async def code(call: Call[Any, None]) -> Code:
    """Tell what goes on a site's pages."""
    keyed = await get_site(call.caller, call.service, await website_of(call))
    url = call.service.public_url
    page = snippet(url, spell(Kind.SITE, keyed.site.id), keyed.public_key).page
    return Code(script_url=f"{url}/sdk/site.js", script_code=page)


async def variables(call: Call[Any, None]) -> list[Variable]:
    """List the variables that a site's subscribers have."""
    found = await get_attributes(call.caller, call.service, await website_of(call))
    return [Variable(id=each.id, name=each.name, type=TYPES.get(each.type, "string")) for each in found]
