"""How often a caller may ask, counted by the library `limits`: in memory, or where replicas share a storage.

Decides which limits there are. A storage that is away limits nobody: it must not stop the service.
"""

import asyncio
import math
import time
from typing import Any, NamedTuple

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from campaigns.adapters.refusals import Reason, RefusedError

log = structlog.get_logger(__name__)

IN_MEMORY = "memory://"
EXPIRY_SECONDS = 1.0
ANSWER_SECONDS = 1.0
"""How long a request waits for the storage."""

AWAY_SECONDS = 60.0
"""How often it is said that the storage is away."""

FAILED_LOGINS = RateLimitItemPerMinute(10, namespace="failed-logins")
"""By address: whoever guesses credentials is soon stopped."""

LOGIN = "login"
"""The limit of routes that take a credential in the body: who guesses there is stopped, too."""

OPEN: dict[str, RateLimitItem] = {
    LOGIN: RateLimitItemPerMinute(600, namespace="login"),
    "subscribe": RateLimitItemPerMinute(60, namespace="subscribe"),
    "events": RateLimitItemPerMinute(600, namespace="events"),
    "open": RateLimitItemPerMinute(1200, namespace="open"),
    "preflight": RateLimitItemPerMinute(1200, namespace="preflight"),
}
"""By address, for routes that need no credential; many people may share one address."""

SITE = RateLimitItemPerSecond(50, namespace="site")
"""New subscribers, by site."""


_VARIABLE = "PUSHMILL_CAMPAIGNS_RATE_LIMIT_STORAGE"


class StorageError(RuntimeError):
    """The storage cannot be used at all; the message names the setting, and never its value."""


class TooManyError(RefusedError):
    """Nothing is left.

    Attributes:
        left: Until when.
    """

    def __init__(self, left: "Left") -> None:
        self.left = left
        seconds = max(1, math.ceil(left.seconds))
        super().__init__(
            Reason.TOO_MANY_REQUESTS,
            f"Too many requests: try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


class Left(NamedTuple):
    """What a caller has left.

    Attributes:
        limit: Requests in a window.
        remaining: What is left of them in this one.
        seconds: Until the next window.
    """

    limit: int
    remaining: int
    seconds: float


def per_minute(amount: int) -> RateLimitItem:
    """Make the limit of a credential."""
    return RateLimitItemPerMinute(amount, namespace="credential")


class Limiter:
    """Counts requests.

    Args:
        url: The storage's, as `limits` spells it.

    Raises:
        StorageError: There is none of this kind here.
    """

    def __init__(self, url: str) -> None:
        self._storage = _storage(url)
        self._windows = FixedWindowRateLimiter(self._storage)
        self._told = -math.inf

    async def take(self, limit: RateLimitItem, *who: str | int) -> Left | None:
        """Count one request.

        Returns:
            What is left; None if the storage is away.

        Raises:
            RefusedError: Nothing was left.
        """
        names = tuple(map(str, who))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                fits = await self._windows.hit(limit, *names)
                left = await self._left(limit, names)
        except self._away as error:
            self._tell(error)
            return None
        if not fits:
            raise TooManyError(left)
        return left

    async def check(self, limit: RateLimitItem, *who: str | int) -> None:
        """Look whether a request would still fit, without counting it.

        Raises:
            RefusedError: It would not.
        """
        names = tuple(map(str, who))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if not await self._windows.test(limit, *names):
                    raise TooManyError(await self._left(limit, names))
        except self._away as error:
            self._tell(error)

    async def note(self, limit: RateLimitItem, *who: str | int) -> None:
        """Count one request, whether it fits or not."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._windows.hit(limit, *map(str, who))
        except self._away as error:
            self._tell(error)

    async def _left(self, limit: RateLimitItem, names: tuple[str, ...]) -> Left:
        stats = await self._windows.get_window_stats(limit, *names)
        return Left(limit.amount, stats.remaining, max(0.0, stats.reset_time - time.time()))

    @property
    def _away(self) -> Any:
        found = self._storage.base_exceptions
        return (*(found if isinstance(found, tuple) else (found,)), OSError, TimeoutError)

    def _tell(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._told >= AWAY_SECONDS:
            self._told = now
            log.error("cannot count requests; limiting nobody", error=type(error).__name__)


class _Memory(MemoryStorage):
    """The library's, which would look through all of its keys at every single request."""

    STORAGE_SCHEME = ["async+pushmill-memory"]  # noqa: RUF012 - the library's own way to register a storage

    _expired_at = -math.inf

    async def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - the library's, by its mangled name
        now = time.monotonic()
        if now - self._expired_at >= EXPIRY_SECONDS:
            self._expired_at = now
            await self._MemoryStorage__expire_events()  # type: ignore[attr-defined] # the library's, as above


def _storage(url: str) -> Storage:
    if url == IN_MEMORY:
        return _Memory()
    try:
        storage = storage_from_string(f"async+{url}")
    except ConfigurationError:
        raise StorageError(_missing(url)) from None
    except Exception as error:  # noqa: BLE001 - whatever the storage's own library says of the URL, secrets too
        raise StorageError(f"{_VARIABLE} cannot be used ({type(error).__name__}); correct it") from None
    assert isinstance(storage, Storage)  # noqa: S101 - what begins with async+ is one of these
    return storage


def _missing(url: str) -> str:
    package = "memcachio" if url.startswith("memcached") else "coredis"
    return f"{_VARIABLE} needs another package: pip install {package}"
