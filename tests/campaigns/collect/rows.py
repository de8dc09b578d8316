"""Launches for tests of what is collected, and what is counted of them."""

from typing import Any

from tests.campaigns.store.support import NOON

ADD = """
INSERT INTO launch (id, slot, nonce, site, moment, content, target, start_at, ttl, state, written, campaign,
    created_at, last_due_at, done_at)
VALUES ($1, $1::bigint % 16, 'abcdefgh', $2, $3, '{"title": "Hello", "url": "https://shop.example/"}',
    '{"all": true}', $3, 3600, $4, $5, $6, $3, $3, $7)
"""
COUNTED = "SELECT launch, status, sum(count)::bigint, sum(attempted)::bigint FROM launch_count GROUP BY 1, 2"


async def add_launch(
    connection, site: int, number: int, *, state="written", written=0, campaign=None, at=NOON, done_at=None
) -> None:
    await connection.execute(ADD, number, site, at, state, written, campaign, done_at)


async def counted(connection) -> dict[tuple[int, str], tuple[int, int]]:
    """By launch and status: how many recipients, and how many of them were attempted."""
    rows: list[Any] = await connection.fetch(COUNTED)
    return {(launch, status): (count, attempted) for launch, status, count, attempted in rows}
