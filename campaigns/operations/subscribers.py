"""Subscribers: browsers that subscribe and unsubscribe, and what customers read and change of them."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from campaigns.model.attribute import seen
from campaigns.model.device import device_of
from campaigns.model.membership import displaced, newcomer, own_hwid, subscribed, unsubscribed
from campaigns.model.problems import FieldProblem, IdentityError, NotFoundError, reject
from campaigns.model.scope import Permission, Scope
from campaigns.model.secrets import Purpose, identity_name, proves_identity, unseal
from campaigns.model.site import Site
from campaigns.model.subscriber import (
    KEY_MAX,
    RANDOM_BYTES,
    TAG_MAX,
    BrowserSubscription,
    Profile,
    Subscriber,
    SubscriberStatus,
    folded,
    match,
    merged,
    profile_problems,
    read_subscription,
    subscriber_number,
)
from campaigns.model.texts import text_problem
from campaigns.model.tokens import read_subscriber_token, subscriber_token
from campaigns.operations.finding import the_site, the_subscriber, there
from campaigns.operations.service import Page, Service, page_of
from campaigns.store.attributes import register_attributes
from campaigns.store.database import Connection, OvertakenError
from campaigns.store.sites import find_any_site
from campaigns.store.subscriber_counts import count_subscribers
from campaigns.store.subscribers import (
    add_subscriber,
    erase_subscriber,
    find_known,
    find_subscriber_of_site,
    list_by_external_id,
    list_subscribers,
    lock_subscribers,
    replace_subscriber,
)

ERASED_AT_ONCE = 1_000
"""Subscribers with one external id that are erased; nobody has so many browsers."""


class Subscribing(Struct, frozen=True, kw_only=True):
    """What a browser says when it subscribes.

    Attributes:
        subscription: What its `PushSubscription.toJSON()` gives, decoded.
        token: Its own token, if it has one.
        proof: That the external id is its user's: see `campaigns.model.secrets.identity_proof`.
        user_agent: The request's header.
        profile: What it says of itself; the device comes from the header, the country from its zone where
            nothing else tells it.
    """

    subscription: object
    token: str | None = None
    proof: str | None = None
    user_agent: str = ""
    profile: Profile = Profile()

    def __repr__(self) -> str:
        return "Subscribing(…)"


class Subscribed(Struct, frozen=True):
    """A subscriber's number and its own token, by which the browser is known from now on."""

    number: int
    token: str

    def __repr__(self) -> str:
        return f"Subscribed({self.number})"


class SubscriberChanges(Struct, frozen=True, kw_only=True):
    """What a customer changes of a subscriber.

    Attributes:
        external_id: None: it has none any more.
        tags: All that it has from now on.
        attributes: Those that change; one that is null is removed.
        language: A language tag.
        zone: A time zone of tzdata.
        country: ISO 3166-1 alpha-2.
    """

    external_id: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    attributes: dict[str, Any] | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    zone: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET


# ── browsers ────────────────────────────────────────────────────────────────────────────────────────────────


async def subscribe(service: Service, site_number: int, said: Subscribing, now: datetime) -> Subscribed:
    """Let a browser subscribe, or confirm that it is subscribed. It shows no credential.

    Raises:
        NotFoundError: There is no such site.
        InvalidError: Something that it says is wrong.
        IdentityError: It says who its user is, and does not prove it.
        ConflictError: Its endpoint or hwid is somebody else's.
    """
    subscription = read_subscription(service.endpoints, said.subscription)
    profile = said_profile(service, said)
    reject(profile_problems(profile, service.zones))
    named = _named(service, site_number, said.token)
    while True:
        with suppress(OvertakenError):  # by an import, which locks nobody before it is there
            async with service.begin() as connection:
                site = there(await find_any_site(connection, site_number), "site")
                _check_identity(service, site, profile.external_id, said.proof)
                subscriber = await enter(
                    connection,
                    service,
                    site,
                    subscription=subscription,
                    profile=profile,
                    named=named,
                    now=now,
                )
                await register_attributes(connection, site.id, seen(profile.attributes or {}))
            key = service.secrets.keys(Purpose.SUBSCRIBER_TOKEN).signing
            return Subscribed(subscriber.id, subscriber_token(key, site.id, subscriber.id))


def said_profile(service: Service, said: Subscribing) -> Profile:
    """Return what a browser says of itself, as it is kept."""
    device = device_of(service.read_user_agent(said.user_agent)) if said.user_agent else said.profile.device
    country = said.profile.country or service.zones.country_of(said.profile.zone)
    return folded(msgspec.structs.replace(said.profile, device=device, country=country))


def _named(service: Service, site: int, token: str | None) -> int | None:
    """Return whom a token names; None for one that is not this site's, which proves nothing."""
    read = read_subscriber_token(service.secrets.keys(Purpose.SUBSCRIBER_TOKEN), token or "")
    return read.subscriber if read is not None and read.site == site else None


def _check_identity(service: Service, site: Site, external_id: str | None, proof: str | None) -> None:
    if external_id is None or site.identity_secret is None:
        return
    secret = unseal(service.secrets.keys(Purpose.SEAL), identity_name(site.account), site.identity_secret)
    if not proves_identity(secret, external_id, proof or ""):
        raise IdentityError("The proof is not right for this external id.")


async def enter(
    connection: Connection,
    service: Service,
    site: Site,
    *,
    subscription: BrowserSubscription,
    profile: Profile,
    named: int | None,
    now: datetime,
) -> Subscriber:
    """Let a subscription in: whose it is, `match` decides."""
    endpoint, hwid = subscription.endpoint, profile.hwid
    await lock_subscribers(connection, site.id, number=named, endpoint=endpoint, hwid=hwid)
    known = await find_known(connection, site.id, number=named, endpoint=endpoint, hwid=hwid)
    found = match(known, subscription)
    profile = own_hwid(profile, known, found)
    if found.displaced is not None:
        await replace_subscriber(connection, found.displaced, displaced(found.displaced, now))
    old = found.subscriber
    if old is None:
        number = subscriber_number(service.random(RANDOM_BYTES))
        new = newcomer(number, site.id, subscription, vapid_key=site.vapid_key, profile=profile, now=now)
        await add_subscriber(connection, new)
    else:
        new = subscribed(old, subscription, site.vapid_key, profile, now)
        reject(profile_problems(new.profile, service.zones))  # what is known and what is said may be too much
        await replace_subscriber(connection, old, new)
    return new


async def unsubscribe(service: Service, site: int, token: str, now: datetime) -> None:
    """Let a browser unsubscribe; again changes nothing. It shows no credential but its own token.

    Raises:
        NotFoundError: The token is nobody's.
    """
    number = _named(service, site, token)
    if number is None:
        raise NotFoundError("subscriber")
    async with service.begin() as connection:
        await lock_subscribers(connection, site, number=number)
        old = there(await find_subscriber_of_site(connection, site, number), "subscriber")
        await replace_subscriber(connection, old, unsubscribed(old, now))


# ── customers ───────────────────────────────────────────────────────────────────────────────────────────────


async def get_subscriber(scope: Scope, service: Service, number: int) -> Subscriber:
    """Return a subscriber.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        return await the_subscriber(connection, scope, number)


async def get_subscribers(
    scope: Scope,
    service: Service,
    site: int,
    *,
    status: SubscriberStatus | None = None,
    tag: str | None = None,
    external_id: str | None = None,
    after: int,
    limit: int,
) -> Page[Subscriber]:
    """List a site's subscribers by number.

    Args:
        scope: Who asks.
        service: What operations need.
        site: Whose they are.
        status: Only those in this one.
        tag: Only those with this one.
        external_id: Only those of this user.
        after: Begin behind this number; -1 for the first.
        limit: At most so many.

    Raises:
        ForbiddenError: The credential may not.
        InvalidError: No subscriber can have such a tag or external id.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    reject((*_text_problems("tag", tag, TAG_MAX), *_text_problems("external_id", external_id, KEY_MAX)))
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        if external_id is not None:
            found = await list_by_external_id(connection, site, external_id, after, limit + 1)
            page = page_of(found, limit, lambda each: each.id)
            items = [each for each in page.items if _is_wanted(each, status, tag)]
            return Page(items, page.next)
        statuses = tuple(SubscriberStatus) if status is None else (status,)
        found = await list_subscribers(
            connection, site, statuses=statuses, tag=tag, after=after, limit=limit + 1
        )
    return page_of(found, limit, lambda each: each.id)


def _text_problems(field: str, text: str | None, most: int) -> Iterator[FieldProblem]:
    problem = None if text is None else text_problem(text, most, least=1)
    if problem:
        yield FieldProblem(field, problem)


def _is_wanted(subscriber: Subscriber, status: SubscriberStatus | None, tag: str | None) -> bool:
    return status in (None, subscriber.status) and (tag is None or tag in (subscriber.profile.tags or ()))


async def count_by_status(scope: Scope, service: Service, site: int) -> dict[SubscriberStatus, int]:
    """Return how many subscribers a site has of each status.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.READ)
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        return await count_subscribers(connection, site)


async def edit_subscriber(
    scope: Scope, service: Service, number: int, changes: SubscriberChanges, now: datetime
) -> Subscriber:
    """Change what is known of a subscriber.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        InvalidError: Something about it would be wrong.
    """
    scope.require(Permission.SUBSCRIBERS)
    async with service.begin() as connection:
        old = await the_subscriber(connection, scope, number, to_change=True)
        profile = folded(_changed(old.profile, changes))
        reject(profile_problems(profile, service.zones))
        new = msgspec.structs.replace(old, profile=profile, updated_at=now)
        await replace_subscriber(connection, old, new)
        await register_attributes(connection, old.site, seen(profile.attributes or {}))
    return new


def _changed(known: Profile, changes: SubscriberChanges) -> Profile:
    fields = {name: getattr(changes, name) for name in changes.__struct_fields__}
    given = {name: value for name, value in fields.items() if value is not UNSET}
    if "attributes" in given:
        given["attributes"] = merged(known.attributes or {}, given["attributes"])
    return msgspec.structs.replace(known, **given)


async def delete_subscriber(scope: Scope, service: Service, number: int) -> None:
    """Erase a subscriber, and all that leads to it.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
    """
    scope.require(Permission.SUBSCRIBERS)
    async with service.begin() as connection:
        found = await the_subscriber(connection, scope, number, to_change=True)
        await erase_subscriber(connection, found)


async def erase_user(scope: Scope, service: Service, site: int, external_id: str) -> list[int]:
    """Erase all subscribers of a user, and return their numbers.

    Raises:
        ForbiddenError: The credential may not.
        InvalidError: No subscriber can have such an external id.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.SUBSCRIBERS)
    reject(_text_problems("external_id", external_id, KEY_MAX))
    async with service.begin() as connection:
        await the_site(connection, scope, site)
        found = await list_by_external_id(connection, site, external_id, -1, ERASED_AT_ONCE)
        for each in found:
            await erase_subscriber(
                connection, await the_subscriber(connection, scope, each.id, to_change=True)
            )
    return [each.id for each in found]
