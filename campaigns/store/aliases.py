"""Aliases: what a customer's code holds from the platform that it comes from, as ids of ours."""

from collections.abc import Iterable

from campaigns.store.database import Connection

ADD = """
INSERT INTO alias (platform, kind, text, account, id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (platform, kind, text) DO UPDATE SET id = excluded.id WHERE alias.account = excluded.account
RETURNING id
"""
FIND = "SELECT id FROM alias WHERE platform = $1 AND kind = $2 AND text = $3 AND account = $4"
FIND_ANY = "SELECT id FROM alias WHERE platform = $1 AND kind = $2 AND text = $3"
OF_IDS = """
SELECT DISTINCT ON (id) id, text FROM alias
WHERE platform = $1 AND kind = $2 AND id = ANY($3::bigint[]) AND account = $4 ORDER BY id, text
"""


async def add_alias(
    connection: Connection, account: int, *, platform: str, kind: str, text: str, number: int
) -> bool:
    """Let a platform's text stand for a number from now on; False if it is another account's.

    Args:
        connection: A connection.
        account: Whose it is.
        platform: Whose spelling it is.
        kind: What it names: `site`, `segment`, `template`, `campaign`.
        text: The spelling.
        number: Our id.
    """
    return await connection.fetchval(ADD, platform, kind, text, account, number) is not None


async def find_alias(
    connection: Connection, account: int, *, platform: str, kind: str, text: str
) -> int | None:
    """Find what a platform's text stands for."""
    number: int | None = await connection.fetchval(FIND, platform, kind, text, account)
    return number


async def find_any_alias(connection: Connection, *, platform: str, kind: str, text: str) -> int | None:
    """Find what a platform's text stands for, for a browser, which shows no credential."""
    number: int | None = await connection.fetchval(FIND_ANY, platform, kind, text)
    return number


async def aliases_of(
    connection: Connection, account: int, *, platform: str, kind: str, numbers: Iterable[int]
) -> dict[int, str]:
    """Find how a platform spells ids of ours; those that were taken over from there, by our number."""
    rows = await connection.fetch(OF_IDS, platform, kind, list(numbers), account)
    return {row["id"]: row["text"] for row in rows}
