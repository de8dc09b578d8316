"""PushPilot's websites: sites."""

from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from campaigns.adapters.pushpilot.adapter import Envelope
from campaigns.adapters.routes import Call
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind
from campaigns.operations.aliases import spellings
from campaigns.operations.service import PAGE_MAX
from campaigns.operations.sites import KeyedSite, get_sites


class WebsiteAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """A website."""

    id: str
    name: str
    description: str
    domain: str
    is_active: bool
    vapid_public_key: str
    team_id: str


async def list_all(call: Call[Any, None]) -> Envelope:
    """List all websites of the key."""
    found: list[KeyedSite] = []
    after: int | None = 0
    while after is not None:
        page = await get_sites(call.caller, call.service, after, PAGE_MAX)
        found += page.items
        after = page.next
    numbers = [each.site.id for each in found]
    ids = await spellings(call.caller, call.service, Kind.SITE, CredentialKind.PUSHPILOT, numbers)
    websites = [website_answer(each, ids[each.site.id]) for each in found]
    return Envelope(message="Websites for the team", data={"websites": websites})


def website_answer(found: KeyedSite, spelled: str) -> WebsiteAnswer:
    """Say a site."""
    site = found.site
    return WebsiteAnswer(
        id=spelled,
        name=site.name,
        description="",
        domain=urlsplit(site.url).netloc,
        is_active=True,
        vapid_public_key=found.public_key,
        team_id=str(site.account),
    )
