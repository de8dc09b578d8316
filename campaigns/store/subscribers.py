"""Subscribers: the row, what must be unique about it, and how many a site has of each status.

Endpoints and keys are secrets: no error shows a row. Whoever unsubscribes leaves the digest of the endpoint
behind, so that no import takes it for somebody new.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from hashlib import sha256

import msgspec

from campaigns.model.device import Device
from campaigns.model.scope import Scope
from campaigns.model.subscriber import BrowserSubscription, Known, Profile, Subscriber, SubscriberStatus
from campaigns.store import subscriber_counts
from campaigns.store.database import Connection, OvertakenError, Row
from campaigns.store.engagement import forget_subscriber
from campaigns.store.erasures import add_erasure
from campaigns.store.rows import read

LOCK = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key"

FIND = """
SELECT subscriber.* FROM subscriber JOIN site ON site.id = subscriber.site
WHERE subscriber.id = $1 AND site.account = $2 AND ($3::bigint IS NULL OR site.id = $3)
"""
# What may be changed is locked: imports and outcomes change rows, too, and counts follow each change once.
FIND_TO_CHANGE = FIND + "FOR UPDATE OF subscriber"
FIND_IN_SITE = "SELECT * FROM subscriber WHERE id = $1 AND site = $2 FOR UPDATE"
FIND_BY_ENDPOINT = """
SELECT subscriber.* FROM subscriber_endpoint JOIN subscriber ON subscriber.id = subscriber_endpoint.subscriber
WHERE subscriber_endpoint.site = $1 AND digest = $2
FOR UPDATE OF subscriber
"""
FIND_BY_HWID = """
SELECT subscriber.* FROM subscriber_key JOIN subscriber ON subscriber.id = subscriber_key.subscriber
WHERE subscriber_key.site = $1 AND kind = 'hwid' AND value = $2
FOR UPDATE OF subscriber
"""
LIST_BY_EXTERNAL_ID = """
SELECT subscriber.* FROM subscriber_key JOIN subscriber ON subscriber.id = subscriber_key.subscriber
WHERE subscriber_key.site = $1 AND kind = 'external_id' AND value = $2 AND subscriber.id > $3
ORDER BY subscriber.id LIMIT $4
"""
# By the index on site, status and id: one walk for each status.
LIST = """
SELECT page.* FROM unnest($2::text[]) AS wanted (status), LATERAL (
    SELECT * FROM subscriber
    WHERE site = $1 AND subscriber.status = wanted.status AND id > $3 AND ($4::text IS NULL OR $4 = ANY(tags))
    ORDER BY id LIMIT $5
) AS page
ORDER BY page.id LIMIT $5
"""
ADD = """
INSERT INTO subscriber (
    id, site, status, endpoint, p256dh, auth, vapid_key, payload_format, hwid, external_id, browser, os,
    platform, device, language, country, region, city, zone, landing_url, tags, attributes, created_at,
    updated_at, seen_at, status_at
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
    $24, $25, $26
)
"""
REPLACE = """
UPDATE subscriber SET
    status = $3, endpoint = $4, p256dh = $5, auth = $6, vapid_key = $7, payload_format = $8, hwid = $9,
    external_id = $10, browser = $11, os = $12, platform = $13, device = $14, language = $15, country = $16,
    region = $17, city = $18, zone = $19, landing_url = $20, tags = $21, attributes = $22, created_at = $23,
    updated_at = $24, seen_at = $25, status_at = $26, former_digest = coalesce($27, former_digest)
WHERE id = $1 AND site = $2
"""
ERASE = "DELETE FROM subscriber WHERE id = $1 AND site = $2 RETURNING former_digest"
FORGET_ZONES = "DELETE FROM former_zone WHERE subscriber = $1"
# Imports take no locks of these: what one has added since we looked is somebody else's by now.
TAKE_ENDPOINT = """
INSERT INTO subscriber_endpoint (site, digest, subscriber) VALUES ($1, $2, $3)
ON CONFLICT (site, digest) DO UPDATE SET subscriber = excluded.subscriber
WHERE subscriber_endpoint.subscriber = excluded.subscriber
RETURNING subscriber
"""
TAKE_HWID = """
INSERT INTO subscriber_key (site, kind, value, subscriber) VALUES ($1, 'hwid', $2, $3)
ON CONFLICT (site, value) WHERE kind = 'hwid' DO UPDATE SET subscriber = excluded.subscriber
WHERE subscriber_key.subscriber = excluded.subscriber
RETURNING subscriber
"""
LEAVE_ENDPOINT = "DELETE FROM subscriber_endpoint WHERE site = $1 AND digest = $2 AND subscriber = $3"
TAKE_EXTERNAL_ID = """
INSERT INTO subscriber_key (site, kind, value, subscriber) VALUES ($1, 'external_id', $2, $3)
ON CONFLICT (site, kind, value, subscriber) DO NOTHING
"""
LEAVE_KEY = "DELETE FROM subscriber_key WHERE site = $1 AND kind = $2 AND value = $3 AND subscriber = $4"


def digest_of(endpoint: str) -> bytes:
    """Return what an endpoint is looked up by: its SHA-256."""
    return sha256(endpoint.encode()).digest()


# ── finding ─────────────────────────────────────────────────────────────────────────────────────────────────


async def find_subscriber(
    connection: Connection, scope: Scope, number: int, *, to_change: bool = False
) -> Subscriber | None:
    """Find a subscriber within a scope.

    Args:
        connection: A connection.
        scope: Who asks.
        number: Its number.
        to_change: Whether nobody else may change it until the transaction ends.
    """
    statement = FIND_TO_CHANGE if to_change else FIND
    return _found(await connection.fetchrow(statement, number, scope.account, scope.site))


async def find_subscriber_of_site(connection: Connection, site: int, number: int) -> Subscriber | None:
    """Find a site's subscriber, to change it: its browser shows its token."""
    return _found(await connection.fetchrow(FIND_IN_SITE, number, site))


async def find_known(
    connection: Connection, site: int, *, number: int | None, endpoint: str, hwid: str | None
) -> Known:
    """Find everybody who may be meant by a subscription that comes in.

    Args:
        connection: A connection with a transaction, after `lock_subscribers`.
        site: Whose subscriber it is.
        number: Whom its token names.
        endpoint: That of the subscription.
        hwid: The browser's own name for itself.
    """
    by_token = None if number is None else await find_subscriber_of_site(connection, site, number)
    by_endpoint = _found(await connection.fetchrow(FIND_BY_ENDPOINT, site, digest_of(endpoint)))
    by_hwid = None if hwid is None else await find_by_hwid(connection, site, hwid)
    return Known(by_token, by_endpoint, by_hwid)


async def find_by_hwid(connection: Connection, site: int, hwid: str) -> Subscriber | None:
    """Find the subscriber with a hwid, to change it."""
    return _found(await connection.fetchrow(FIND_BY_HWID, site, hwid))


async def list_by_external_id(
    connection: Connection, site: int, external_id: str, after: int, limit: int
) -> list[Subscriber]:
    """List a user's subscribers, one for each browser, by number, beginning behind `after`."""
    rows = await connection.fetch(LIST_BY_EXTERNAL_ID, site, external_id, after, limit)
    return [read_subscriber(row) for row in rows]


async def list_subscribers(
    connection: Connection,
    site: int,
    *,
    statuses: Iterable[SubscriberStatus] = tuple(SubscriberStatus),
    tag: str | None = None,
    after: int = -1,
    limit: int,
) -> list[Subscriber]:
    """List a site's subscribers by number.

    Args:
        connection: A connection.
        site: Whose they are.
        statuses: Only those of these.
        tag: Only those with this one.
        after: Begin behind this number.
        limit: At most so many.
    """
    rows = await connection.fetch(LIST, site, list(statuses), after, tag, limit)
    return [read_subscriber(row) for row in rows]


async def pages(connection: Connection, site: int, size: int = 1_000) -> AsyncIterator[list[Subscriber]]:
    """Yield all subscribers of a site by number, a page for each statement.

    Who comes or changes meanwhile may be missed; nobody is yielded twice.
    """
    after = -1
    while page := await list_subscribers(connection, site, after=after, limit=size):
        yield page
        after = page[-1].id


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────


async def lock_subscribers(
    connection: Connection,
    site: int,
    *,
    number: int | None = None,
    endpoint: str = "",
    hwid: str | None = None,
) -> None:
    """Let nobody else who locks one of these go on until the transaction ends: browsers call twice."""
    named = {"number": number, "endpoint": endpoint or None, "hwid": hwid}
    await connection.execute(LOCK, sorted(_lock_keys(site, named)))


async def add_subscriber(connection: Connection, subscriber: Subscriber) -> None:
    """Add a subscriber; nobody else has been found with its endpoint or hwid.

    Raises:
        OvertakenError: Somebody has one of them by now.
    """
    await connection.execute(ADD, *_columns(subscriber))
    digest = _digest(subscriber)
    if digest is not None:
        await _take(connection, TAKE_ENDPOINT, subscriber, digest)
    await _take_keys(connection, subscriber, _keys(subscriber).items())
    await subscriber_counts.move(connection, subscriber.site, subscriber.id, to=subscriber.status)


async def replace_subscriber(connection: Connection, old: Subscriber, new: Subscriber) -> None:
    """Write a subscriber as it is now; `old` is what was found in the same transaction, after a lock.

    Raises:
        OvertakenError: Somebody else has its new endpoint or hwid by now.
    """
    before, after = _digest(old), _digest(new)
    stays = before is not None and after is None and new.status is SubscriberStatus.UNSUBSCRIBED
    await connection.execute(REPLACE, *_columns(new), before if stays else None)
    if before != after:
        if before is not None and not stays:
            await connection.execute(LEAVE_ENDPOINT, old.site, before, old.id)
        if after is not None:
            await _take(connection, TAKE_ENDPOINT, new, after)
    await _replace_keys(connection, old, new)
    if new.status is not old.status:
        await subscriber_counts.move(connection, new.site, new.id, of=old.status, to=new.status)


async def erase_subscriber(connection: Connection, subscriber: Subscriber) -> None:
    """Delete a subscriber and all that leads to it, and let Kafka forget its endpoints."""
    rows = await connection.fetch(ERASE, subscriber.id, subscriber.site)
    for row in rows:
        await connection.execute(FORGET_ZONES, subscriber.id)
        await forget_subscriber(connection, subscriber.id)
        await add_erasure(connection, subscriber.site, subscriber.id)
        for digest in filter(None, (_digest(subscriber), row["former_digest"])):
            await connection.execute(LEAVE_ENDPOINT, subscriber.site, digest, subscriber.id)
        for kind, value in _keys(subscriber).items():
            await connection.execute(LEAVE_KEY, subscriber.site, kind, value, subscriber.id)
        await subscriber_counts.move(connection, subscriber.site, subscriber.id, of=subscriber.status)


async def _replace_keys(connection: Connection, old: Subscriber, new: Subscriber) -> None:
    before, after = _keys(old).items(), _keys(new).items()
    for kind, value in before - after:
        await connection.execute(LEAVE_KEY, old.site, kind, value, old.id)
    await _take_keys(connection, new, after - before)


async def _take_keys(connection: Connection, subscriber: Subscriber, keys: Iterable[tuple[str, str]]) -> None:
    for kind, value in keys:
        if kind == "hwid":
            await _take(connection, TAKE_HWID, subscriber, value)
        else:
            await connection.execute(TAKE_EXTERNAL_ID, subscriber.site, value, subscriber.id)


async def _take(connection: Connection, statement: str, subscriber: Subscriber, value: object) -> None:
    """Take what only one subscriber may have."""
    if await connection.fetchval(statement, subscriber.site, value, subscriber.id) is None:
        raise OvertakenError


def _lock_keys(site: int, named: Mapping[str, object]) -> Iterable[int]:
    for kind, value in named.items():
        if value is not None:
            digest = sha256(f"subscriber\n{site}\n{kind}\n{value}".encode()).digest()
            yield int.from_bytes(digest[:8], signed=True)


def _digest(subscriber: Subscriber) -> bytes | None:
    return None if subscriber.subscription is None else digest_of(subscriber.subscription.endpoint)


def _keys(subscriber: Subscriber) -> dict[str, str]:
    profile = subscriber.profile
    both = {"hwid": profile.hwid, "external_id": profile.external_id}
    return {kind: value for kind, value in both.items() if value is not None}


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def _found(row: Row | None) -> Subscriber | None:
    return None if row is None else read_subscriber(row)


def read_subscriber(row: Row) -> Subscriber:
    """Return a row as a subscriber."""
    columns = dict(row)
    has_keys = columns["endpoint"] is not None and columns["p256dh"] is not None
    return Subscriber(
        id=columns["id"],
        site=columns["site"],
        status=SubscriberStatus(columns["status"]),
        subscription=read(row, BrowserSubscription) if has_keys else None,
        vapid_key=columns["vapid_key"],
        profile=_profile(columns),
        created_at=columns["created_at"],
        updated_at=columns["updated_at"],
        seen_at=columns["seen_at"],
        status_at=columns["status_at"],
    )


def _profile(columns: Mapping[str, object]) -> Profile:
    device = {name: columns[name] for name in Device.__struct_fields__}
    return msgspec.convert({**columns, "device": device}, Profile)


def _columns(subscriber: Subscriber) -> tuple[object, ...]:
    subscription = subscriber.subscription
    keys = (subscription.endpoint, subscription.p256dh, subscription.auth) if subscription else (None,) * 3
    return (
        *(subscriber.id, subscriber.site, subscriber.status, *keys, subscriber.vapid_key),
        *profile_columns(subscriber.profile),
        *(subscriber.created_at, subscriber.updated_at, subscriber.seen_at, subscriber.status_at),
    )


def profile_columns(profile: Profile) -> tuple[object, ...]:
    """Return a profile as columns, from `payload_format` to `attributes`; nothing said is empty."""
    device = profile.device
    return (
        *(profile.payload_format, profile.hwid, profile.external_id),
        *(device.browser, device.os, device.platform, device.device),
        *(profile.language, profile.country, profile.region, profile.city, profile.zone, profile.landing_url),
        *(profile.tags or (), profile.attributes or {}),
    )
