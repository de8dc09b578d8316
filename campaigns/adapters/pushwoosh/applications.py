"""Applications, which are sites: found by their codes, made, changed, told."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.pushwoosh.adapter import header_token
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Call
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.problems import IdentityError
from campaigns.model.site import Site, is_allowed_origin, origin_of
from campaigns.operations import sites as operations
from campaigns.operations.aliases import resolve, spellings
from campaigns.operations.devices import enter_site
from campaigns.operations.service import PAGE_MAX
from campaigns.operations.sites import KeyedSite, SiteChanges, SiteDraft

PLATFORM = CredentialKind.PUSHWOOSH


class ApplicationRequest(Struct, frozen=True, kw_only=True):
    """Which application, or the title of a new one."""

    auth: str | None = None
    application: str | None = None
    title: str | None = None


async def application_number(call: Call[Any, Any], code: str | None) -> int:
    """Return the number of the site that a server's request names.

    Raises:
        RefusedError: It names none.
        NotFoundError: It can be none.
    """
    if not code:
        raise RefusedError(Reason.INVALID, "No application or group code given")
    return await resolve(call.caller, call.service, Kind.SITE, PLATFORM, code)


async def device_site(call: Call[Any, Any], code: str | None) -> Site:
    """Return the site that a device's request names, if that device may call.

    Raises:
        RefusedError: It names none; or the device has no token, or is on another's page.
        NotFoundError: There is none.
    """
    if not code:
        raise RefusedError(Reason.INVALID, "No application or group code given")
    token, origin = header_token(call.request), call.request.headers.get("origin")
    try:
        site = await enter_site(call.service, PLATFORM, code, token, call.now)
    except IdentityError as error:
        raise RefusedError(Reason.UNAUTHENTICATED, error.detail) from None
    if origin is not None and not is_allowed_origin(site, origin, dev=call.service.dev):
        raise RefusedError(Reason.FORBIDDEN, "Pages of this origin may not do this.")
    return site


async def get(call: Call[Any, ApplicationRequest]) -> dict[str, Any]:
    """Tell an application."""
    number = await application_number(call, call.body.application)
    found = await operations.get_site(call.caller, call.service, number)
    return {"application": (await _told(call, [found]))[0]}


async def list_all(call: Call[Any, ApplicationRequest]) -> dict[str, Any]:
    """List the applications that the token may use."""
    return {"applications": await _told(call, [each async for each in sites_of(call)])}


async def sites_of(call: Call[Any, Any]) -> AsyncIterator[KeyedSite]:
    """Yield the sites that the token may use."""
    after: int | None = 0
    while after is not None:
        page = await operations.get_sites(call.caller, call.service, after, PAGE_MAX)
        for each in page.items:
            yield each
        after = page.next


async def _told(call: Call[Any, Any], sites: list[KeyedSite]) -> list[dict[str, Any]]:
    numbers = [each.site.id for each in sites]
    codes = await spellings(call.caller, call.service, Kind.SITE, PLATFORM, numbers)
    return [
        {
            "code": codes[each.site.id],
            "name": each.site.name,
            "title": each.site.name,
            "url": each.site.url,
            "vapid_key": each.public_key,
        }
        for each in sites
    ]


async def create(call: Call[Any, ApplicationRequest]) -> dict[str, str]:
    """Add an application with a key of its own. Its title must be its URL: a site has one."""
    title = (call.body.title or "").strip()
    url = title if "://" in title else f"https://{title}"
    if origin_of(url) is None or "." not in url:
        raise refused("title", "must be the site's URL (https://shop.example); its name can be changed then")
    added = await operations.create_site(call.caller, call.service, SiteDraft(url=url))
    codes = await spellings(call.caller, call.service, Kind.SITE, PLATFORM, [added.site.id])
    return {"application": codes[added.site.id]}


async def update(call: Call[Any, ApplicationRequest]) -> None:
    """Change an application's name."""
    number = await application_number(call, call.body.application)
    name = call.body.title
    changes = SiteChanges(name=msgspec.UNSET if name is None else name)
    await operations.edit_site(call.caller, call.service, number, changes)
