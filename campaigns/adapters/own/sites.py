"""Sites in the words of the own API."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from campaigns.adapters.own.lists import ListAnswer, ListQuery, list_answer
from campaigns.adapters.own.wire import Answer, Request, SiteId
from campaigns.adapters.routes import Call
from campaigns.model.ids import Kind, spell
from campaigns.model.site import Defaults, is_allowed_origin
from campaigns.operations.sites import (
    KeyedSite,
    SiteChanges,
    SiteDraft,
    create_site,
    edit_site,
    get_public_site,
    get_site,
    get_sites,
)

Origins = Annotated[tuple[str, ...], Meta(examples=[["https://shop.example"]])]


class SiteRequest(Request, frozen=True, kw_only=True):
    """A new site.

    Attributes:
        url: Where it is.
        origins: Whose pages may subscribe browsers; by default that of the URL.
        redirect_origins: Where redirected clicks may lead besides.
        name: For people; by default the host.
        zone: A time zone of tzdata, in which wall times of its campaigns are meant.
        vapid_key: What its key is called at the worker; by default a name is made.
        private_key: The key that its browsers are subscribed with, in any form; by default one is made.
        open_identity: Whether who says it is a user is believed without proof.
        defaults: What its campaigns begin with.
    """

    url: str
    origins: Origins | None = None
    redirect_origins: Origins = ()
    name: str | None = None
    zone: str = "UTC"
    vapid_key: str | None = None
    private_key: str | None = None
    open_identity: bool = False
    defaults: Defaults = Defaults()

    def __repr__(self) -> str:
        return f"SiteRequest({self.url!r})"


class SiteChange(Request, frozen=True, kw_only=True):
    """Changes to a site; what is left out stays."""

    url: str | UnsetType = UNSET
    origins: Origins | UnsetType = UNSET
    redirect_origins: Origins | UnsetType = UNSET
    name: str | UnsetType = UNSET
    zone: str | UnsetType = UNSET
    defaults: Defaults | UnsetType = UNSET


class SiteAnswer(Answer, frozen=True, kw_only=True):
    """A site.

    Attributes:
        id: Its id.
        url: Where it is.
        origins: Whose pages may subscribe browsers.
        redirect_origins: Where redirected clicks may lead besides.
        name: For people.
        zone: A time zone of tzdata.
        vapid_key: The name of its key at the worker.
        vapid_public_key: The `applicationServerKey` of its pages, base64url.
        defaults: What its campaigns begin with.
    """

    id: SiteId
    url: str
    origins: list[str]
    redirect_origins: list[str]
    name: str
    zone: str
    vapid_key: str
    vapid_public_key: str
    defaults: Defaults


class NewSiteAnswer(SiteAnswer, frozen=True, kw_only=True):
    """A site that was made.

    Attributes:
        identity_secret: What the site's own server proves users' ids with; told this once. Null if nobody
            has to prove anything.
    """

    identity_secret: str | None


async def create(call: Call[Any, SiteRequest]) -> NewSiteAnswer:
    """Add a site."""
    body = call.body
    draft = SiteDraft(
        url=body.url,
        origins=body.origins,
        redirect_origins=body.redirect_origins,
        name=body.name,
        zone=body.zone,
        vapid_key=body.vapid_key,
        private_key=None if body.private_key is None else body.private_key.encode(),
        open_identity=body.open_identity,
        defaults=body.defaults,
    )
    added = await create_site(call.caller, call.service, draft)
    return NewSiteAnswer(**_fields(added), identity_secret=added.identity_secret)


async def list_all(call: Call[ListQuery, None]) -> ListAnswer[SiteAnswer]:
    """List sites."""
    page = await get_sites(call.caller, call.service, call.query.after, call.query.limit)
    return list_answer(page, site_answer)


async def get(call: Call[Any, None]) -> SiteAnswer:
    """Answer with a site."""
    return site_answer(await get_site(call.caller, call.service, call.parameters["site"]))


async def change(call: Call[Any, SiteChange]) -> SiteAnswer:
    """Change a site."""
    changes = SiteChanges(**{name: getattr(call.body, name) for name in SiteChanges.__struct_fields__})
    return site_answer(await edit_site(call.caller, call.service, call.parameters["site"], changes))


async def allows_origin(origin: str, parameters: Any, service: Any) -> bool:
    """Whether a page of an origin may subscribe browsers to the site of a path."""
    found = await get_public_site(service, parameters["site"])
    return is_allowed_origin(found.site, origin, dev=service.dev)


async def allows_any_origin(_origin: str, _parameters: Any, _service: Any) -> bool:
    """Let every page call."""
    return True


def site_answer(found: KeyedSite) -> SiteAnswer:
    """Say a site."""
    return SiteAnswer(**_fields(found))


def _fields(found: KeyedSite) -> dict[str, Any]:
    site = found.site
    return {
        "id": spell(Kind.SITE, site.id),
        "url": site.url,
        "origins": list(site.origins),
        "redirect_origins": list(site.redirect_origins),
        "name": site.name,
        "zone": site.zone,
        "vapid_key": site.vapid_key,
        "vapid_public_key": found.public_key,
        "defaults": site.defaults,
    }
