"""What a browser with a name of its own, its hwid, may do without a credential: act on that one row alone.

A hwid is a name, not a proof. So it takes over nobody's subscription that works, and says nothing about a
user: who a user is, is believed only where the site's identity is open.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from campaigns.model.attribute import seen
from campaigns.model.credential import CredentialKind, digest_of
from campaigns.model.ids import Kind
from campaigns.model.membership import acquaintance, unsubscribed
from campaigns.model.platforms import read_platform_id
from campaigns.model.problems import IdentityError, reject
from campaigns.model.scope import Permission, Scope
from campaigns.model.site import Site
from campaigns.model.subscriber import (
    RANDOM_BYTES,
    Known,
    Profile,
    Subscriber,
    SubscriberStatus,
    folded,
    profile_problems,
    read_subscription,
    subscriber_number,
)
from campaigns.model.tag_changes import TagChange, changed
from campaigns.operations.finding import the_site, there
from campaigns.operations.service import Service
from campaigns.operations.subscribers import Subscribing, enter, said_profile
from campaigns.store.aliases import find_any_alias
from campaigns.store.attributes import register_attributes
from campaigns.store.credentials import find_credential
from campaigns.store.database import Connection, OvertakenError
from campaigns.store.devices import find_named_devices
from campaigns.store.sites import find_any_site
from campaigns.store.subscribers import (
    add_subscriber,
    erase_subscriber,
    find_by_hwid,
    find_known,
    lock_subscribers,
    replace_subscriber,
)

SEEN_AGAIN = timedelta(hours=1)
"""How long after a browser was last heard of that is written down again."""


async def find_devices(scope: Scope, service: Service, site: int, names: Iterable[str]) -> list[int]:
    """Return the numbers of a site's subscribers with these hwids or endpoints; unknown ones are left out.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        return await find_named_devices(connection, site, names)


async def enter_site(
    service: Service, platform: CredentialKind, code: str, token: str | None, now: datetime
) -> Site:
    """Return the site that a device names, if it may call.

    A code that is the spelling of a site of ours is that site, whatever it was taken over for: or else
    another account could have its devices by taking its code over.

    Args:
        service: What operations need.
        platform: Whose spelling the code is.
        code: The site's id at the platform.
        token: What the device shows.
        now: The moment.

    Raises:
        NotFoundError: There is no such site.
        IdentityError: The site wants a token, and this is none of its account's.
    """
    async with service.begin() as connection:
        number = read_platform_id(platform, Kind.SITE, code)
        site = None if number is None else await find_any_site(connection, number)
        if site is None:
            number = await find_any_alias(connection, platform=platform, kind="site", text=code)
            site = there(None if number is None else await find_any_site(connection, number), "site")
        if site.defaults.device_token:
            credential = await find_credential(connection, digest_of(token or ""))
            is_right = credential is not None and credential.kind is platform and credential.is_valid(now)
            if not is_right or credential is None or not _may(credential.scope, site):
                raise IdentityError("The site's devices must show a token, and this is none of its own.")
    return site


def _may(scope: Scope, site: Site) -> bool:
    return scope.account == site.account and scope.covers(site.id) and scope.allows(Permission.SUBSCRIBERS)


def believed(site: Site, external_id: str | None) -> str | None:
    """Return who a device says that its user is, if that is believed without a proof."""
    return external_id if site.identity_secret is None else None


# ── subscribing ─────────────────────────────────────────────────────────────────────────────────────────────


async def register_device(service: Service, site: Site, said: Subscribing, now: datetime) -> None:
    """Let a device subscribe, or confirm that it is subscribed; its profile has its hwid.

    Raises:
        InvalidError: Something that it says is wrong.
        ConflictError: Its endpoint or hwid is somebody else's.
    """
    subscription = read_subscription(service.endpoints, said.subscription)
    profile = said_profile(service, said)
    endpoint, hwid = subscription.endpoint, profile.hwid
    while True:
        with suppress(OvertakenError):  # by an import, which locks nobody before it is there
            async with service.begin() as connection:
                await lock_subscribers(connection, site.id, endpoint=endpoint, hwid=hwid)
                known = await find_known(connection, site.id, number=None, endpoint=endpoint, hwid=hwid)
                whole = await _absorbed(connection, known, profile)
                reject(profile_problems(whole, service.zones))
                await enter(
                    connection,
                    service,
                    site,
                    subscription=subscription,
                    profile=whole,
                    named=None,
                    now=now,
                )
                await register_attributes(connection, site.id, seen(whole.attributes or {}))
            return


async def _absorbed(connection: Connection, known: Known, profile: Profile) -> Profile:
    """Return what is said, with what was said before under a new name of a browser that is known by its keys.

    A page that has lost its storage makes a new hwid, and may tell tags before it tells its endpoint.
    """
    stranger, holder = known.by_hwid, known.by_endpoint
    if holder is None or stranger is None or stranger.id == holder.id or not _is_acquaintance(stranger):
        return profile
    await erase_subscriber(connection, stranger)
    attributes = {**(stranger.profile.attributes or {}), **(profile.attributes or {})}
    return msgspec.structs.replace(profile, attributes=attributes)


def _is_acquaintance(subscriber: Subscriber) -> bool:
    return subscriber.status is SubscriberStatus.OFF and subscriber.subscription is None


async def unregister_device(service: Service, site: Site, hwid: str, now: datetime) -> None:
    """Let a device unsubscribe; one that is not subscribed, or not known, need not."""
    async with service.begin() as connection:
        old = await _locked(connection, site, hwid)
        if old is not None and not _is_acquaintance(old):
            await replace_subscriber(connection, old, unsubscribed(old, now))


async def erase_device(service: Service, site: Site, hwid: str) -> None:
    """Erase a device, and all that leads to it; one that is not known is gone already."""
    async with service.begin() as connection:
        old = await _locked(connection, site, hwid)
        if old is not None:
            await erase_subscriber(connection, old)


# ── what is known of one ────────────────────────────────────────────────────────────────────────────────────


async def get_device(service: Service, site: Site, hwid: str) -> Subscriber | None:
    """Return a device; None if it is not known."""
    async with service.begin() as connection:
        return await find_by_hwid(connection, site.id, hwid)


async def touch_device(service: Service, site: Site, hwid: str, now: datetime) -> None:
    """Note that a device was heard of."""
    async with service.begin() as connection:
        old = await _locked(connection, site, hwid)
        if old is not None and now - old.seen_at >= SEEN_AGAIN:
            await replace_subscriber(connection, old, msgspec.structs.replace(old, seen_at=now))


async def name_user(service: Service, site: Site, hwid: str, external_id: str, now: datetime) -> None:
    """Note whose device this is, where the site believes that; one that is not known has to register first.

    Raises:
        InvalidError: It can be no external id.
    """
    if believed(site, external_id) is None:
        return
    reject(profile_problems(Profile(external_id=external_id), service.zones))
    async with service.begin() as connection:
        old = await _locked(connection, site, hwid)
        if old is not None and old.profile.external_id != external_id:
            profile = msgspec.structs.replace(old.profile, external_id=external_id)
            new = msgspec.structs.replace(old, profile=profile, updated_at=now, seen_at=now)
            await replace_subscriber(connection, old, new)


async def tag_device(
    service: Service, site: Site, changes: Iterable[TagChange], profile: Profile, now: datetime
) -> None:
    """Change attributes of a device; one that is not known yet is from now on.

    Args:
        service: What operations need.
        site: Whose device it is.
        changes: What is to be different.
        profile: Its hwid, and what it says of itself besides.
        now: The moment.

    Raises:
        InvalidError: Something about it would be wrong.
    """
    given = list(changes)
    while True:
        with suppress(OvertakenError):  # by an import, as above
            return await _tag(service, site, given, profile, now)


async def _tag(
    service: Service, site: Site, changes: Iterable[TagChange], profile: Profile, now: datetime
) -> None:
    async with service.begin() as connection:
        old = await _locked(connection, site, profile.hwid or "")
        known = profile if old is None else old.profile
        attributes = changed(known.attributes or {}, changes)
        said = folded(msgspec.structs.replace(known, attributes=attributes))
        reject(profile_problems(said, service.zones))
        if old is None:
            number = subscriber_number(service.random(RANDOM_BYTES))
            await add_subscriber(connection, acquaintance(number, site.id, said, now))
        else:
            new = msgspec.structs.replace(old, profile=said, updated_at=now, seen_at=now)
            await replace_subscriber(connection, old, new)
        await register_attributes(connection, site.id, seen(attributes))


async def _locked(connection: Connection, site: Site, hwid: str) -> Subscriber | None:
    await lock_subscribers(connection, site.id, hwid=hwid)
    return await find_by_hwid(connection, site.id, hwid)
