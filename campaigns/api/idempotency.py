"""Requests that may be repeated: the first answer stands for a day, kept in the effect's own transaction.

Decides what a repeat is answered. A refusal undoes everything, the key included: it may be tried again.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

import msgspec

from campaigns.adapters.messages import HttpAnswer
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Call
from campaigns.model.retention import Retention
from campaigns.store.idempotency import KeptAnswer

KEPT = Retention().idempotency
KEY_MAX = 255
REPLAYED = {"Idempotency-Replayed": "true"}


class Key(NamedTuple):
    """What tells one request from another: whose it is, which route's, and the client's own word for it."""

    credential: int
    route: str
    text: str


class Keys(Protocol):
    """The keys of one transaction."""

    async def lock(self, key: Key) -> bool:
        """Keep everybody else from a key until the transaction ends; False if somebody has it."""

    async def find(self, key: Key) -> KeptAnswer | None:
        """Look a key up."""

    async def keep(self, key: Key, kept: KeptAnswer) -> None:
        """Keep an answer, in place of an older one."""


Begin = Callable[[], AbstractAsyncContextManager[tuple[Any, Keys]]]
"""Begins a transaction: yields the service that works within it, and its keys."""


class Repeats:
    """Answers a repeated request as the first time.

    Args:
        begin: Begins a transaction.
        kept: How long an answer stands.
    """

    def __init__(self, begin: Begin, kept: timedelta = KEPT) -> None:
        self._begin = begin
        self._kept = kept

    async def once(
        self, key: Key, call: Call[Any, Any], run: Callable[[Call[Any, Any]], Awaitable[HttpAnswer]]
    ) -> HttpAnswer:
        """Run a call, or return what it was answered before.

        Raises:
            RefusedError: The same key came with another request, or its first request is still running.
        """
        digest = _digest(call)
        async with self._begin() as (service, keys):
            if not await keys.lock(key):
                raise RefusedError(
                    Reason.IN_PROGRESS,
                    "A request with this idempotency key is still running: repeat it later.",
                )
            found = await keys.find(key)
            if found is not None and call.now < found.created_at + self._kept:
                return _again(found, digest)
            answer = await run(replace(call, service=service))
            await keys.keep(key, KeptAnswer(digest, encode(answer), call.now))
            return answer


def _again(found: KeptAnswer, digest: bytes) -> HttpAnswer:
    if found.body != digest:
        raise RefusedError(
            Reason.KEY_REUSED, "This idempotency key came with another request before: make a new one."
        )
    return decode(found.answer).with_headers(REPLAYED)


def _digest(call: Call[Any, Any]) -> bytes:
    request = call.request
    return sha256(b"\0".join((request.path.encode(), request.query_string.encode(), request.body))).digest()


def encode(answer: HttpAnswer) -> bytes:
    """Write an answer down."""
    return msgspec.msgpack.encode((answer.status, answer.body, answer.media_type, dict(answer.headers)))


def decode(written: bytes) -> HttpAnswer:
    """Read what `encode` has written."""
    status, body, media_type, headers = msgspec.msgpack.decode(
        written, type=tuple[int, bytes, str, dict[str, str]]
    )
    return HttpAnswer(status, body, media_type, headers)
