"""Idempotency keys in the database, and the transaction that a request with one runs in.

Answers are sealed: one may hold a secret that is told only once.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from campaigns.api.idempotency import Begin, Key
from campaigns.model.secrets import NONCE_BYTES, Purpose, seal, unseal
from campaigns.operations.service import Service
from campaigns.store.database import Connection
from campaigns.store.idempotency import KeptAnswer, find_answer, keep_answer, lock_idempotency_key


class StoredKeys:
    """See `campaigns.api.idempotency.Keys`."""

    def __init__(self, connection: Connection, service: Service) -> None:
        self._connection = connection
        self._service = service
        self._seals = service.secrets.keys(Purpose.SEAL)

    async def lock(self, key: Key) -> bool:
        """Keep everybody else from a key until the transaction ends; False if somebody has it."""
        return await lock_idempotency_key(self._connection, *key)

    async def find(self, key: Key) -> KeptAnswer | None:
        """Look a key up.

        Raises:
            SealError: The secret that it was sealed under is gone.
        """
        found = await find_answer(self._connection, *key)
        return found and found._replace(answer=unseal(self._seals, _name(key), found.answer))

    async def keep(self, key: Key, kept: KeptAnswer) -> None:
        """Keep an answer, in place of an older one."""
        sealed = seal(self._seals, _name(key), kept.answer, self._service.random(NONCE_BYTES))
        await keep_answer(self._connection, *key, kept._replace(answer=sealed))


def transactions(service: Service) -> Begin:
    """Return what begins a transaction for a request with a key."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[tuple[Service, StoredKeys]]:
        async with service.begin() as connection:
            yield service.within(connection), StoredKeys(connection, service)

    return begin


def _name(key: Key) -> str:
    return f"idempotency:{key.credential}:{key.route}:{key.text}"
