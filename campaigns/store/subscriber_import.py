"""Subscribers by the thousand: COPY into a table of the session, then a few statements for all of them.

A line costs only itself: whoever unsubscribed stays so, and nobody's keys or hwid are replaced. What a line
does not say stays as it is (`campaigns.model.subscriber.updated`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import asyncpg
from msgspec import Struct

from campaigns.model.subscriber import BrowserSubscription, Profile, SubscriberStatus
from campaigns.store import subscriber_counts
from campaigns.store.database import Connection, OvertakenError
from campaigns.store.subscribers import digest_of, profile_columns

CREATE = """
CREATE TEMP TABLE IF NOT EXISTS subscriber_import (
    line integer NOT NULL, id bigint NOT NULL, digest bytea NOT NULL,
    endpoint text NOT NULL, p256dh bytea NOT NULL, auth bytea NOT NULL, payload_format text NOT NULL,
    hwid text, external_id text, browser text, os text, platform text, device text, language text,
    country text, region text, city text, zone text, landing_url text, tags text[], attributes jsonb,
    has_device boolean GENERATED ALWAYS AS (num_nonnulls(browser, os, platform, device) > 0) STORED,
    known bigint,                                     -- whom it updates; null: somebody new
    problem text
) ON COMMIT DELETE ROWS
"""
CLEAR = "DELETE FROM subscriber_import"  # of an import in the same transaction
COLUMNS = (
    *(
        "line",
        "id",
        "digest",
        "endpoint",
        "p256dh",
        "auth",
        "payload_format",
        "hwid",
        "external_id",
        "browser",
    ),
    *("os", "platform", "device", "language", "country", "region", "city", "zone", "landing_url", "tags"),
    "attributes",
)

# Whoever comes second waits for the first one here, and then finds it in the next statement.
TAKE_ENDPOINTS = """
INSERT INTO subscriber_endpoint (site, digest, subscriber)
SELECT $1, digest, id FROM subscriber_import ORDER BY digest
ON CONFLICT (site, digest) DO NOTHING
"""
ANALYZE = "ANALYZE subscriber_import"
FIND_KNOWN = """
UPDATE subscriber_import AS i SET known = e.subscriber
FROM subscriber_endpoint AS e WHERE e.site = $1 AND e.digest = i.digest AND e.subscriber <> i.id
"""
LOCK_KNOWN = """
SELECT s.id FROM subscriber AS s JOIN subscriber_import AS i ON i.known = s.id ORDER BY s.id FOR UPDATE OF s
"""
REFUSE_KNOWN = """
UPDATE subscriber_import AS i
SET problem = CASE WHEN s.status = 'unsubscribed' THEN 'unsubscribed' ELSE 'other keys' END
FROM subscriber AS s
WHERE s.id = i.known
    AND (s.status = 'unsubscribed' OR (s.p256dh, s.auth) IS DISTINCT FROM (i.p256dh, i.auth))
"""
TAKE_HWIDS = """
INSERT INTO subscriber_key (site, kind, value, subscriber)
SELECT $1, 'hwid', hwid, coalesce(known, id) FROM subscriber_import
WHERE hwid IS NOT NULL AND problem IS NULL ORDER BY hwid, line
ON CONFLICT DO NOTHING
"""
REFUSE_HWIDS = """
UPDATE subscriber_import AS i SET problem = 'other hwid'
FROM subscriber_key AS k
WHERE k.site = $1 AND k.kind = 'hwid' AND k.value = i.hwid AND k.subscriber <> coalesce(i.known, i.id)
    AND i.problem IS NULL
"""
LEAVE_ENDPOINTS = """
DELETE FROM subscriber_endpoint AS e USING subscriber_import AS i
WHERE e.site = $1 AND e.digest = i.digest AND e.subscriber = i.id
    AND i.known IS NULL AND i.problem IS NOT NULL
"""
ADD = """
INSERT INTO subscriber (
    id, site, status, endpoint, p256dh, auth, vapid_key, payload_format, hwid, external_id, browser, os,
    platform, device, language, country, region, city, zone, landing_url, tags, attributes, created_at,
    updated_at, seen_at, status_at
)
SELECT
    id, $1, 'active', endpoint, p256dh, auth, $2, payload_format, hwid, external_id, browser, os,
    platform, device, language, country, region, city, zone, landing_url, coalesce(tags, '{}'),
    coalesce(jsonb_strip_nulls(attributes), '{}'), $3, $3, $3, $3
FROM subscriber_import WHERE known IS NULL AND problem IS NULL ORDER BY id
"""
COUNT_ADDED = """
SELECT (id % 16)::smallint, count(*) FROM subscriber_import WHERE known IS NULL AND problem IS NULL GROUP BY 1
"""
COUNT_UPDATED = """
SELECT s.status, (s.id % 16)::smallint, count(*)
FROM subscriber_import AS i JOIN subscriber AS s ON s.id = i.known WHERE i.problem IS NULL GROUP BY 1, 2
"""
LEAVE_KEYS = """
DELETE FROM subscriber_key AS k USING subscriber_import AS i, subscriber AS s
WHERE s.id = i.known AND i.problem IS NULL AND k.site = $1 AND k.subscriber = s.id AND (
    (k.kind = 'hwid' AND k.value = s.hwid AND i.hwid <> s.hwid)
    OR (k.kind = 'external_id' AND k.value = s.external_id AND i.external_id <> s.external_id)
)
"""
UPDATE = """
UPDATE subscriber AS s SET
    status = CASE s.status WHEN 'off' THEN 'off' ELSE 'active' END,
    status_at = CASE WHEN s.status IN ('active', 'off') THEN s.status_at ELSE $2 END,
    vapid_key = $1,
    payload_format = i.payload_format,
    hwid = coalesce(i.hwid, s.hwid),
    external_id = coalesce(i.external_id, s.external_id),
    browser = CASE WHEN i.has_device THEN i.browser ELSE s.browser END,
    os = CASE WHEN i.has_device THEN i.os ELSE s.os END,
    platform = CASE WHEN i.has_device THEN i.platform ELSE s.platform END,
    device = CASE WHEN i.has_device THEN i.device ELSE s.device END,
    language = coalesce(i.language, s.language),
    country = coalesce(i.country, s.country),
    region = coalesce(i.region, s.region),
    city = coalesce(i.city, s.city),
    zone = coalesce(i.zone, s.zone),
    landing_url = coalesce(i.landing_url, s.landing_url),
    tags = coalesce(i.tags, s.tags),
    attributes = jsonb_strip_nulls(s.attributes || coalesce(i.attributes, '{}')),
    updated_at = $2
FROM subscriber_import AS i
WHERE s.id = i.known AND i.problem IS NULL
"""
TAKE_EXTERNAL_IDS = """
INSERT INTO subscriber_key (site, kind, value, subscriber)
SELECT $1, 'external_id', external_id, coalesce(known, id) FROM subscriber_import
WHERE external_id IS NOT NULL AND problem IS NULL ORDER BY external_id, coalesce(known, id)
ON CONFLICT DO NOTHING
"""
PROBLEMS = "SELECT line, problem FROM subscriber_import WHERE problem IS NOT NULL ORDER BY line"

_ATTEMPTS = 3
_ACTIVE = SubscriberStatus.ACTIVE


class ImportProblem(StrEnum):
    """Why a line of an import changes nothing: the values are those of the column `problem`.

    `unsubscribed`: whoever has this endpoint asked not to be sent to. `other keys`: the endpoint is known
    with others. `other hwid`: somebody else has the hwid.
    """

    UNSUBSCRIBED = "unsubscribed"
    OTHER_KEYS = "other keys"
    OTHER_HWID = "other hwid"


class ImportLine(Struct, frozen=True):
    """A subscriber to be imported.

    Attributes:
        number: Of the line that it stands on.
        subscription: Has passed the door.
        profile: What the line says; None: nothing.
    """

    number: int
    subscription: BrowserSubscription
    profile: Profile


class Rejected(NamedTuple):
    """A line that changed nothing."""

    line: int
    problem: ImportProblem


class Imported(NamedTuple):
    """What became of lines."""

    added: int
    updated: int
    rejected: list[Rejected]


async def import_subscribers(
    connection: Connection,
    site: int,
    lines: Sequence[ImportLine],
    *,
    vapid_key: str,
    now: datetime,
    new_number: Callable[[], int],
) -> Imported:
    """Add and update subscribers; of several lines with one endpoint, the last one counts.

    Args:
        connection: A connection with a transaction, which does nothing else.
        site: Whose they are; the caller has checked that.
        lines: The subscribers; a few thousand at a time.
        vapid_key: The key that their subscriptions were made with.
        now: The moment.
        new_number: Draws a subscriber's number.

    Raises:
        OvertakenError: Some of them were erased meanwhile, at every attempt; nothing may be kept.
    """
    latest = {line.subscription.endpoint: line for line in lines}
    batch = _Batch(site, vapid_key, now, list(latest.values()))
    for left in reversed(range(_ATTEMPTS)):
        try:
            async with connection.transaction():
                done = await _import(connection, batch, new_number)
        except (asyncpg.UniqueViolationError, OvertakenError):  # a number is taken, or somebody gone
            if not left:
                raise
        else:
            return done._replace(updated=done.updated + len(lines) - len(latest))
    raise AssertionError("the last attempt returns or raises")


class _Batch(NamedTuple):
    """What is imported at once."""

    site: int
    vapid_key: str
    now: datetime
    lines: list[ImportLine]

    def says(self, field: str) -> bool:
        """Whether any line says something of this field."""
        return any(getattr(line.profile, field) is not None for line in self.lines)


async def _import(connection: Connection, batch: _Batch, new_number: Callable[[], int]) -> Imported:
    """Import once.

    Raises:
        OvertakenError: Somebody who is known was erased between two statements.
        UniqueViolationError: Somebody has one of the numbers.
    """
    await connection.execute(CREATE)
    await connection.execute(CLEAR)
    records = [_record(line, new_number()) for line in batch.lines]
    await connection.copy_records_to_table("subscriber_import", records=records, columns=COLUMNS)
    taken = _rows(await connection.execute(TAKE_ENDPOINTS, batch.site))
    all_new = taken == len(records)
    if not all_new:
        await connection.execute(ANALYZE)
        known = _rows(await connection.execute(FIND_KNOWN, batch.site))
        locked = len(await connection.fetch(LOCK_KNOWN))
        if taken + known < len(records) or locked < known:
            raise OvertakenError
        await connection.execute(REFUSE_KNOWN)
    if batch.says("hwid"):
        await connection.execute(TAKE_HWIDS, batch.site)
        if _rows(await connection.execute(REFUSE_HWIDS, batch.site)):
            await connection.execute(LEAVE_ENDPOINTS, batch.site)
    changes = Counter({(_ACTIVE, slot): count for slot, count in await connection.fetch(COUNT_ADDED)})
    added = _rows(await connection.execute(ADD, batch.site, batch.vapid_key, batch.now))
    updated = 0 if all_new else await _update(connection, batch, changes)
    if batch.says("external_id"):
        await connection.execute(TAKE_EXTERNAL_IDS, batch.site)
    await subscriber_counts.change(connection, batch.site, changes)
    problems = await connection.fetch(PROBLEMS) if added + updated < len(records) else []
    return Imported(added, updated, [Rejected(line, ImportProblem(problem)) for line, problem in problems])


async def _update(
    connection: Connection, batch: _Batch, changes: Counter[tuple[SubscriberStatus, int]]
) -> int:
    """Update those who are known, and note in `changes` who is active again."""
    for status, slot, count in await connection.fetch(COUNT_UPDATED):
        if status not in {_ACTIVE, SubscriberStatus.OFF}:
            changes[SubscriberStatus(status), slot] -= count
            changes[_ACTIVE, slot] += count
    await connection.execute(LEAVE_KEYS, batch.site)
    return _rows(await connection.execute(UPDATE, batch.vapid_key, batch.now))


def _record(line: ImportLine, number: int) -> tuple[object, ...]:
    subscription, profile = line.subscription, line.profile
    *columns, _tags, _attributes = profile_columns(profile)
    return (
        *(line.number, number, digest_of(subscription.endpoint)),
        *(subscription.endpoint, subscription.p256dh, subscription.auth),
        *(*columns, profile.tags, profile.attributes),
    )


def _rows(status: str) -> int:
    """Return the number of rows of a command's status: `INSERT 0 7`, `UPDATE 7`."""
    return int(status.rpartition(" ")[2])
