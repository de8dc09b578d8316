"""Aliases: what a customer's code holds from the platform that it comes from, as ids of ours."""

from campaigns.store.database import Connection

ADD = """
INSERT INTO alias (platform, kind, text, account, id) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (platform, kind, text) DO UPDATE SET id = excluded.id WHERE alias.account = excluded.account
RETURNING id
"""
FIND = "SELECT id FROM alias WHERE platform = $1 AND kind = $2 AND text = $3 AND account = $4"
OF_ID = """
SELECT text FROM alias WHERE platform = $1 AND kind = $2 AND id = $3 AND account = $4 ORDER BY text LIMIT 1
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


async def alias_of(
    connection: Connection, account: int, *, platform: str, kind: str, number: int
) -> str | None:
    """Find how a platform spells one of our ids, if it was taken over from there."""
    text: str | None = await connection.fetchval(OF_ID, platform, kind, number, account)
    return text
