"""Answers to requests that may be repeated, kept in the transaction of what they did."""

from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from campaigns.store.database import Connection, Row

# Held until the transaction ends. Two keys with one number would only have to wait for each other.
LOCK = "SELECT pg_try_advisory_xact_lock($1)"
FIND = "SELECT body, answer, created_at FROM idempotency WHERE credential = $1 AND route = $2 AND key = $3"
KEEP = """
INSERT INTO idempotency (credential, route, key, body, answer, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (credential, route, key)
DO UPDATE SET body = excluded.body, answer = excluded.answer, created_at = excluded.created_at
"""
DELETE = """
DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
))
"""


class KeptAnswer(NamedTuple):
    """What a request was answered.

    Attributes:
        body: SHA-256 of the request.
        answer: As its keeper encoded it.
        created_at: When the request came.
    """

    body: bytes
    answer: bytes
    created_at: datetime


async def lock_idempotency_key(connection: Connection, credential: int, route: str, key: str) -> bool:
    """Keep everybody else from a key until the transaction ends; False if somebody has it."""
    digest = sha256(f"idempotency\n{credential}\n{route}\n{key}".encode()).digest()
    is_locked: bool = await connection.fetchval(LOCK, int.from_bytes(digest[:8], signed=True))
    return is_locked


async def find_answer(connection: Connection, credential: int, route: str, key: str) -> KeptAnswer | None:
    """Find what a key was answered."""
    row: Row | None = await connection.fetchrow(FIND, credential, route, key)
    return None if row is None else KeptAnswer(*row)


async def keep_answer(
    connection: Connection, credential: int, route: str, key: str, kept: KeptAnswer
) -> None:
    """Keep an answer, in place of an older one."""
    await connection.execute(KEEP, credential, route, key, *kept)


async def delete_answers(connection: Connection, before: datetime, limit: int) -> int:
    """Delete the answers to requests that came before a moment, at most so many; return how many."""
    return int((await connection.execute(DELETE, before, limit)).rpartition(" ")[2])
