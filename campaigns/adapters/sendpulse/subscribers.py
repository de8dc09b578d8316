"""SendPulse's subscriptions: a site's subscribers, and whether they are sent to."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from campaigns.adapters.devices import browser_name, system_name
from campaigns.adapters.routes import Call
from campaigns.adapters.sendpulse.dates import read_since, read_until, said
from campaigns.adapters.sendpulse.websites import TYPES
from campaigns.adapters.sendpulse.wire import Done, ListQuery, Total, number_of, website_of, zone_of
from campaigns.model.attribute import Attribute, AttributeValue
from campaigns.model.ids import Kind
from campaigns.model.problems import invalid
from campaigns.model.subscriber import Subscriber, SubscriberStatus
from campaigns.operations.listing import Window, all_subscribers
from campaigns.operations.segments import get_attributes
from campaigns.operations.subscribers import count_by_status
from campaigns.operations.switching import switch_subscriber

STATUSES = {SubscriberStatus.ACTIVE: 1, SubscriberStatus.UNSUBSCRIBED: 6}
"""SendPulse's numbers; any other is 0, which is off."""


class SubscriptionsQuery(ListQuery, frozen=True, kw_only=True):
    """Which subscribers.

    Attributes:
        subscription_date_from: Only those who came on this day or later.
        subscription_date_to: Only those who came on this day or before.
    """

    subscription_date_from: str | None = None
    subscription_date_to: str | None = None


class VariableValue(Struct, frozen=True, kw_only=True):
    """What a subscriber has for a variable."""

    id: int
    name: str
    type: str
    value: AttributeValue


class Subscription(Struct, frozen=True, kw_only=True):
    """A subscriber; what is not known is empty."""

    id: int
    browser: str
    lang: str
    os: str
    country_code: str
    city: str
    variables: list[VariableValue]
    subscription_date: str
    status: int


class StateRequest(Struct, frozen=True, kw_only=True):
    """Whether a subscriber is to be sent to.

    Attributes:
        id: Which.
        state: 1: from now on. 0: no longer.
    """

    id: int | str
    state: int


async def list_all(call: Call[SubscriptionsQuery, None]) -> list[Subscription]:
    """List a site's subscribers, whatever their status."""
    query, site, zone = call.query, await website_of(call), await zone_of(call)
    window = Window(
        *query.bounds(),
        read_since(query.subscription_date_from, zone, "subscription_date_from"),
        read_until(query.subscription_date_to, zone, "subscription_date_to"),
    )
    found = await all_subscribers(call.caller, call.service, site, window)
    registry = {each.name: each for each in await get_attributes(call.caller, call.service, site)}
    return [_subscription(each, registry, zone) for each in found]


async def count(call: Call[Any, None]) -> Total:
    """Count a site's subscribers, whatever their status."""
    counts = await count_by_status(call.caller, call.service, await website_of(call))
    return Total(sum(counts.values()))


async def change_state(call: Call[Any, StateRequest]) -> Done:
    """Switch a subscriber off or on."""
    body = call.body
    if body.state not in {0, 1}:
        raise invalid("state", "must be 1 (on) or 0 (off)")
    number = await number_of(call, Kind.SUBSCRIBER, str(body.id))
    await switch_subscriber(call.caller, call.service, number, call.now, on=body.state == 1)
    return Done()


def _subscription(subscriber: Subscriber, registry: Mapping[str, Attribute], zone: ZoneInfo) -> Subscription:
    profile = subscriber.profile
    values = (profile.attributes or {}).items()
    return Subscription(
        id=subscriber.id,
        browser=browser_name(profile.device.browser) or "",
        lang=(profile.language or "").partition("-")[0],
        os=system_name(profile.device.os) or "",
        country_code=profile.country or "",
        city=profile.city or "",
        variables=[_variable(registry[name], value) for name, value in values if name in registry],
        subscription_date=said(subscriber.created_at, zone),
        status=STATUSES.get(subscriber.status, 0),
    )


def _variable(attribute: Attribute, value: AttributeValue) -> VariableValue:
    kind = TYPES.get(attribute.type, "string")
    return VariableValue(id=attribute.id, name=attribute.name, type=kind, value=value)
