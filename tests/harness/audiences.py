"""Rows for tests of launches: an account's site, subscribers of it by the thousand, and launches to them."""

import os
from datetime import UTC, datetime
from typing import Any

from campaigns.model.secrets import NONCE_BYTES, Purpose, parse_secrets, seal, vapid_key_name
from campaigns.store.database import Connection
from crypto.vapid import generate_vapid_key
from tests.harness.campaigns_process import SECRET

START = datetime(2026, 11, 27, 9, tzinfo=UTC)
NONCE = "abcdefgh"

ACCOUNT = "INSERT INTO account (name) VALUES ('Shop') RETURNING id"
KEY = "INSERT INTO vapid_key (name, account, public, sealed) VALUES ($1, $2, $3, $4)"
SITE = """
INSERT INTO site (account, url, origins, name, zone, vapid_key)
VALUES ($1, 'https://shop.example', '{https://shop.example}', 'Shop', $2, $3) RETURNING id
"""
# Ids are spread evenly below 2^53, but in no order of anything else.
SUBSCRIBERS = """
INSERT INTO subscriber (id, site, status, endpoint, p256dh, auth, vapid_key, language, zone, tags, attributes)
SELECT $2::bigint + floor(n::numeric * 9007199254740992 / $3::bigint)::bigint, $1::bigint, 'active',
    'https://push.example/' || $1::bigint || '/' || n, $4, $5, $6, (ARRAY['de', 'en', 'fr'])[1 + n % 3],
    (ARRAY['Europe/Berlin', 'America/New_York', NULL])[1 + n % 3],
    CASE n % 10 WHEN 0 THEN '{vip}'::text[] ELSE '{}' END, jsonb_build_object('n', n, 'list', ARRAY['a', 'b'])
FROM generate_series(0, $3::bigint - 1) AS n
"""
COUNTED = """
INSERT INTO subscriber_count (site, status, slot, count) VALUES ($1, 'active', 0, $2)
ON CONFLICT (site, status, slot) DO UPDATE SET count = subscriber_count.count + $2
"""
CAMPAIGN = """
INSERT INTO campaign (site, name, status, content, target)
VALUES ($1, 'Sale', 'queued', '{}', '{"all": true}') RETURNING id
"""
CONTENT = {"title": "Hello {{n|you}}", "url": "https://shop.example/"}
_SEALS = parse_secrets(SECRET).keys(Purpose.SEAL)


async def add_site(connection: Connection, *, key: str = "shop", zone: str = "Europe/Berlin") -> int:
    """Add a site with an account of its own, and return its number.

    Its key is sealed as that of a real service: one that is started on the database looks whether it opens.
    """
    account = await connection.fetchval(ACCOUNT)
    made = generate_vapid_key()
    sealed = seal(_SEALS, vapid_key_name(key), made.to_pem(), os.urandom(NONCE_BYTES))
    await connection.execute(KEY, key, account, made.public, sealed)
    number: int = await connection.fetchval(SITE, account, zone, key)
    return number


async def add_subscribers(
    connection: Connection, site: int, count: int, *, first: int = 0, key: str = "shop"
) -> None:
    """Add active subscribers, a third for each language and zone; every tenth has the tag `vip`."""
    await connection.execute(SUBSCRIBERS, site, first, count, b"\x04" * 65, bytes(16), key)
    await connection.execute(COUNTED, site, count)


async def add_campaign(connection: Connection, site: int) -> int:
    number: int = await connection.fetchval(CAMPAIGN, site)
    return number


async def add_launch(connection: Connection, site: int, *, number: int, **columns: Any) -> int:
    """Add a launch with this number, to everyone at once unless columns say otherwise; return the number."""
    usual = {
        "id": number,
        "slot": number % 16,
        "nonce": NONCE,
        "site": site,
        "moment": START,
        "content": CONTENT,
        "target": {"all": True},
        "start_at": START,
        "ttl": 3600,
    }
    given = usual | columns
    names, places = ", ".join(given), ", ".join(f"${place}" for place in range(1, len(given) + 1))
    await connection.execute(f"INSERT INTO launch ({names}) VALUES ({places})", *given.values())
    return number


async def add_to_outbox(
    connection: Connection, launch: int, subscribers: list[int], *, urgent: bool = False
) -> None:
    """Let a relay write a launch for these subscribers."""
    for each in subscribers:
        await connection.execute(
            "INSERT INTO outbox (relay, launch, subscriber, urgent) VALUES ($1, $2, $3, $4)",
            *(launch % 16, launch, each, urgent),
        )


async def subscribers_of(connection: Connection, site: int) -> list[int]:
    """Return the numbers of a site's subscribers in order."""
    return [
        row["id"]
        for row in await connection.fetch("SELECT id FROM subscriber WHERE site = $1 ORDER BY id", site)
    ]
