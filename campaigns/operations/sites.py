"""Sites: added with a key of their own, listed, changed."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Struct, UnsetType

from campaigns.model.ids import make_nonce
from campaigns.model.problems import ConflictError, NotFoundError, invalid, reject
from campaigns.model.scope import Permission, Scope
from campaigns.model.secrets import NONCE_BYTES, Purpose, identity_name, seal, unseal, vapid_key_name
from campaigns.model.site import Defaults, NewSite, Site, origin_of, site_problems
from campaigns.operations.finding import the_site, there
from campaigns.operations.service import Page, Service, page_of
from campaigns.store.database import Connection
from campaigns.store.sites import add_site, find_any_site, list_sites, replace_site
from campaigns.store.vapid_keys import VapidKey, add_vapid_key, find_vapid_key
from crypto import base64url
from crypto.errors import VapidKeyError
from crypto.key_forms import read_vapid_key
from crypto.vapid import generate_vapid_key
from worker.records.values import ID_PATTERN

IDENTITY_BYTES = 32
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


class SiteDraft(Struct, frozen=True, kw_only=True):
    """A site that is to be added.

    Attributes:
        url: Where it is.
        origins: Whose pages may subscribe browsers; None: that of the URL.
        redirect_origins: Where redirected clicks may lead besides.
        name: For people; None: the host.
        zone: A time zone of tzdata.
        vapid_key: What its key is to be called at the worker; None: a name is made.
        private_key: The key that the site's browsers are subscribed with, in any form; None: one is made.
        open_identity: Whether who says it is a user is believed without proof.
        defaults: What its campaigns begin with.
    """

    url: str
    origins: tuple[str, ...] | None = None
    redirect_origins: tuple[str, ...] = ()
    name: str | None = None
    zone: str = "UTC"
    vapid_key: str | None = None
    private_key: bytes | None = None
    open_identity: bool = False
    defaults: Defaults = Defaults()

    def __repr__(self) -> str:
        return f"SiteDraft({self.url!r})"


class SiteChanges(Struct, frozen=True, kw_only=True):
    """What is to be different about a site."""

    url: str | UnsetType = UNSET
    origins: tuple[str, ...] | UnsetType = UNSET
    redirect_origins: tuple[str, ...] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    zone: str | UnsetType = UNSET
    defaults: Defaults | UnsetType = UNSET


class KeyedSite(Struct, frozen=True):
    """A site, and the public half of its key.

    Attributes:
        site: The site.
        public_key: As pages use it, base64url: the `applicationServerKey`.
        identity_secret: What the site's own server proves users' ids with. Told once, when it is made.
    """

    site: Site
    public_key: str
    identity_secret: str | None = None

    def __repr__(self) -> str:
        return f"KeyedSite({self.site!r})"


async def create_site(scope: Scope, service: Service, draft: SiteDraft) -> KeyedSite:
    """Add a site.

    Raises:
        ForbiddenError: The credential may not, or is for one site alone.
        InvalidError: Something about it is wrong.
        ConflictError: There is a key of that name already.
    """
    scope.require(Permission.SITES)
    if scope.site is not None:
        raise NotFoundError("site")
    identity = None if draft.open_identity else base64url.encode(service.random(IDENTITY_BYTES))
    site = _new_site(scope, service, draft, identity)
    reject(site_problems(site, service.zones))
    async with service.begin() as connection:
        key = await _create_key(connection, scope, service, site.vapid_key, draft.private_key)
        added = await add_site(connection, scope.account, site)
    return KeyedSite(added, base64url.encode(key.public), identity)


def _new_site(scope: Scope, service: Service, draft: SiteDraft, identity: str | None) -> NewSite:
    origin = origin_of(draft.url)  # without one the URL is wrong, and nothing that is made of it
    host = urlsplit(draft.url).hostname if origin else None
    name = draft.vapid_key or f"{_NOT_IN_NAMES.sub('-', host or 'site')[:64]}-{make_nonce(service.random(5))}"
    if re.fullmatch(ID_PATTERN, name) is None:
        raise invalid("vapid_key", "must be letters, digits, . _ : and -; at most 128")
    sealed = None if identity is None else _sealed(service, identity_name(scope.account), identity.encode())
    return NewSite(
        url=draft.url,
        origins=((origin,) if origin else ()) if draft.origins is None else draft.origins,
        redirect_origins=draft.redirect_origins,
        name=host or "site" if draft.name is None else draft.name,
        zone=draft.zone,
        vapid_key=name,
        identity_secret=sealed,
        defaults=draft.defaults,
    )


def _sealed(service: Service, name: str, secret: bytes) -> bytes:
    return seal(service.secrets.keys(Purpose.SEAL), name, secret, service.random(NONCE_BYTES))


async def _create_key(
    connection: Connection, scope: Scope, service: Service, name: str, private_key: bytes | None
) -> VapidKey:
    try:
        pair = generate_vapid_key() if private_key is None else read_vapid_key(private_key)
    except VapidKeyError as error:
        raise invalid("private_key", str(error)) from None
    sealed = _sealed(service, vapid_key_name(name), pair.to_pem())
    key = await add_vapid_key(connection, scope.account, name=name, public=pair.public, sealed=sealed)
    if key is None:
        raise ConflictError(f"There is a key {name} already; give this one another name.")
    return key


async def get_site(scope: Scope, service: Service, number: int) -> KeyedSite:
    """Return a site.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        return await _keyed(connection, await the_site(connection, scope, number))


async def defaults_of(scope: Scope, service: Service, number: int) -> Defaults:
    """Return what a site's campaigns begin with, and how it is answered.

    Raises:
        NotFoundError: There is no such site.
    """
    async with service.begin() as connection:
        return (await the_site(connection, scope, number)).defaults


async def get_identity_secret(scope: Scope, service: Service, number: int) -> str | None:
    """Return what a site's own server proves users' ids with; None if nobody has to prove anything.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
        SealError: It was sealed under a secret that is not known here.
    """
    scope.require(Permission.ADMIN)
    async with service.begin() as connection:
        site = await the_site(connection, scope, number)
    if site.identity_secret is None:
        return None
    keys = service.secrets.keys(Purpose.SEAL)
    return unseal(keys, identity_name(site.account), site.identity_secret).decode()


async def get_public_site(service: Service, number: int) -> KeyedSite:
    """Return what a browser may know of a site, without a credential.

    Raises:
        NotFoundError: There is none.
    """
    async with service.begin() as connection:
        return await _keyed(connection, there(await find_any_site(connection, number), "site"))


async def _keyed(connection: Connection, site: Site) -> KeyedSite:
    key = there(await find_vapid_key(connection, site.account, site.vapid_key), "key")
    return KeyedSite(site, base64url.encode(key.public))


async def get_sites(scope: Scope, service: Service, after: int, limit: int) -> Page[KeyedSite]:
    """List sites by number, beginning behind `after`.

    Raises:
        ForbiddenError: The credential may not.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        found = await list_sites(connection, scope, after, limit + 1)
        keyed = [await _keyed(connection, site) for site in found]
    return page_of(keyed, limit, lambda each: each.site.id)


async def one_site(scope: Scope, service: Service) -> int:
    """Return the number of the only site that a credential is for: some platforms' requests name none.

    Raises:
        InvalidError: It is for several, or there is none yet.
    """
    if scope.site is not None:
        return scope.site
    async with service.begin() as connection:
        found = await list_sites(connection, scope, 0, 2)
    if len(found) != 1:
        raise invalid("site", "must be named, or use a credential that is for one site alone")
    return found[0].id


async def edit_site(scope: Scope, service: Service, number: int, changes: SiteChanges) -> KeyedSite:
    """Change a site.

    Raises:
        NotFoundError: There is none.
        ForbiddenError: The credential may not.
        InvalidError: Something about it would be wrong.
    """
    scope.require(Permission.SITES)
    async with service.begin() as connection:
        site = msgspec.structs.replace(await the_site(connection, scope, number), **given(changes))
        reject(site_problems(site, service.zones))
        await replace_site(connection, site)
        return await _keyed(connection, site)


def given(changes: Struct) -> Mapping[str, Any]:
    """Return the fields of changes that are to be different."""
    every = {name: getattr(changes, name) for name in changes.__struct_fields__}
    return {name: value for name, value in every.items() if value is not UNSET}
