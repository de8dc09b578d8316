"""One access token for all Kafka clients of a process: renewed well before it ends, fetched once for all.

Decides when a token is fetched and which one is used. Knows nothing of where tokens come from.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf

import structlog
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError

from worker.edges import clock

log = structlog.get_logger(__name__)

RENEW_AFTER = 0.75
"""Share of a token's life after which the next one is fetched: before connections log in again with it."""

RETRY_SECONDS = 2.0
"""Between a failure and the next attempt: aiokafka connects again much faster than that."""

SOONEST_SECONDS = 0.5
"""Between renewals that nobody waits for: a server may give out tokens that hardly live."""

WAIT_SECONDS = 1.0
"""How long a login waits for a renewal while the old token is still good."""


class TokenError(KafkaError):  # type: ignore[misc]  # aiokafka ships no types
    """There is no token to log in with; one line that names the setting, without any secret.

    A KafkaError, because aiokafka takes it for a connection that failed, and tries again.
    """


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and the seconds it lives from the moment it was asked for."""

    value: str = field(repr=False)
    lifetime: float


Fetch = Callable[[], Awaitable[Token]]


class Renewal:
    """What is known of the token. Plain state; times are monotonic seconds."""

    def __init__(self) -> None:
        self._value: str | None = None
        self._asked_at = self._ends_at = self._next_at = -inf
        self.problem = "no token has been fetched yet"

    def is_due(self, now: float) -> bool:
        """Return whether a token should be fetched."""
        return now >= self._next_at

    @property
    def next_at(self) -> float:
        """When the next one should be fetched."""
        return self._next_at

    def usable(self, now: float) -> str | None:
        """Return the token if it is still good."""
        return self._value if now < self._ends_at else None

    def fetched(self, token: Token, asked_at: float) -> None:
        """Take a new token, which lives from `asked_at`."""
        self._value = token.value
        self._asked_at, self._ends_at = asked_at, asked_at + token.lifetime
        self._next_at = asked_at + token.lifetime * RENEW_AFTER

    def refused(self, now: float) -> None:
        """Note that a broker did not take the token: fetch another, but not at once after a fetch."""
        self._next_at = min(self._next_at, max(now, self._asked_at + RETRY_SECONDS))

    def failed(self, problem: str, now: float) -> None:
        """Note that no token could be fetched; the old one stays in use while it is good."""
        self.problem = problem
        self._next_at = now + max(RETRY_SECONDS, (self._ends_at - now) / 10)


class SharedToken(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka ships no types
    """Hands every client the same token; one fetch at a time serves all that wait."""

    def __init__(self, fetch: Fetch, *, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._renewal = Renewal()
        self._fetching: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def token(self) -> str:
        """Return a token that is good now.

        Raises:
            TokenError: There is none, and none could be fetched.
        """
        if self._renewal.is_due(self._monotonic()):
            # The task is not cancelled with a connection: others may wait for it, too.
            old = self._renewal.usable(self._monotonic())
            await asyncio.wait({self._start()}, timeout=None if old is None else WAIT_SECONDS)
        usable = self._renewal.usable(self._monotonic())
        if usable is None:
            raise TokenError(self._renewal.problem)
        return usable

    def refused(self) -> None:
        """Note that a broker did not take the token: signing keys may have changed."""
        self._renewal.refused(self._monotonic())

    def _start(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._renew())
        return self._fetching

    async def _renew(self) -> None:
        asked_at = self._monotonic()
        try:
            self._renewal.fetched(await self._fetch(), asked_at)
        except TokenError as error:
            now = self._monotonic()
            self._renewal.failed(str(error.args[0]), now)
            if self._renewal.usable(now) is None:
                return  # whoever connects next tries again, and says so if that fails
            log.warning("cannot renew the token for Kafka; trying again", problem=self._renewal.problem)
        self._renew_later()

    def _renew_later(self) -> None:
        """Renew in time even if no client connects meanwhile: the endpoint may be down when one does."""
        if self._timer is not None:
            self._timer.cancel()
        delay = max(self._renewal.next_at - self._monotonic(), SOONEST_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(delay, self._start)
