"""Subscribers for benchmarks: by the million, and as different from each other as real ones.

What is alike in all of them would be compressed away on the way to Kafka, so endpoints and keys are random.
Those who are really sent to share the subscriptions of a simulated push service.
"""

import base64

from campaigns.model.ids import SUBSCRIBER_END
from campaigns.store.database import Connection, Database
from tests.harness.audiences import COUNTED
from tests.harness.simulator import Subscriptions

TAGS = ("news", "sale")
ATTRIBUTE = ("plan", "pro")
"""What everybody has, beside a name of their own."""

# An endpoint is as long as Google's; the point of p256dh is on no curve, which only a worker would notice.
RANDOM = """
INSERT INTO subscriber (id, site, status, endpoint, p256dh, auth, vapid_key, browser, os, language, country,
    zone, tags, attributes)
SELECT $1::bigint + floor(n::numeric * 9007199254740992 / $2::bigint)::bigint, $1::bigint, 'active',
    'https://fcm.googleapis.com/fcm/send/'
        || left(translate(encode(sha512(seed) || sha512(seed || 'a'), 'base64'), E'+/=\\n', '-_'), 152),
    '\\x04'::bytea || sha512(seed || 'b'), substr(sha256(seed), 1, 16), $3, 'chrome', 'android',
    (ARRAY['de', 'en', 'fr'])[1 + n % 3], 'DE', 'Europe/Berlin', $4::text[],
    jsonb_build_object($5::text, $6::text, 'name', 'Guest ' || n)
FROM (
    SELECT n, convert_to($1::bigint || '/' || n, 'UTF8') AS seed FROM generate_series(0, $2::bigint - 1) AS n
) AS numbered
"""
SENDABLE = """
INSERT INTO subscriber (id, site, status, endpoint, p256dh, auth, vapid_key)
SELECT $1::bigint + floor(n::numeric * 9007199254740992 / $2::bigint)::bigint, $1::bigint, 'active',
    given.endpoint, given.p256dh, given.auth, $3
FROM generate_series(0, $2::bigint - 1) AS n
JOIN unnest($4::text[], $5::bytea[], $6::bytea[]) WITH ORDINALITY AS given (endpoint, p256dh, auth, place)
    ON given.place = 1 + n % cardinality($4::text[])
"""
SETTLE = ("VACUUM (ANALYZE) subscriber", "CHECKPOINT")
"""What a server does by itself in the time that such an audience takes to grow."""


def number_of(site: int, size: int, place: int) -> int:
    """Return the number of one of a site's subscribers, by its place among them."""
    return site + SUBSCRIBER_END * place // size


async def add_random_audience(database: Database, site: int, size: int, *, key: str) -> None:
    """Add active subscribers whom nobody can send to, with two tags, an attribute and a name."""
    async with database.transaction() as connection:
        await connection.execute(RANDOM, site, size, key, [*TAGS], *ATTRIBUTE)
        await _count(connection, site, size)
    await _settle(database)


async def add_sendable_audience(
    database: Database, site: int, size: int, subscriptions: Subscriptions, *, key: str
) -> None:
    """Add active subscribers who share some subscriptions of a simulated push service."""
    endpoints = [each["endpoint"] for each in subscriptions]
    keys = [each["keys"] for each in subscriptions]
    points, secrets = ([_bytes(each[name]) for each in keys] for name in ("p256dh", "auth"))
    async with database.transaction() as connection:
        await connection.execute(SENDABLE, site, size, key, endpoints, points, secrets)
        await _count(connection, site, size)
    await _settle(database)


async def _count(connection: Connection, site: int, size: int) -> None:
    await connection.execute(COUNTED, site, size)


async def _settle(database: Database) -> None:
    async with database.connection() as connection:
        for each in SETTLE:
            await connection.execute(each)


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
