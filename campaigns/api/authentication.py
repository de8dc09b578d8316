"""Who asks: a request's credential, looked up by its digest and remembered for a few seconds.

Decides when whoever guesses is stopped. Knows no platform's way to show a credential, and keeps no token.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from campaigns.adapters.messages import HttpRequest
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Adapter
from campaigns.api.addresses import counted_as
from campaigns.api.limits import FAILED_LOGINS, Limiter
from campaigns.model.credential import TOKEN_MAX, Credential, digest_of

REMEMBERED_SECONDS = 5.0
"""A credential that is revoked works no longer than this."""

REMEMBERED_MAX = 10_000

Find = Callable[[bytes], Awaitable[Credential | None]]
"""Looks a credential up by the SHA-256 of its token."""


class Authenticator:
    """Tells whose a request is.

    Args:
        find: Asks the database.
        limiter: Counts failed logins.
        monotonic: A clock that never goes back, in seconds.
    """

    def __init__(self, find: Find, limiter: Limiter, monotonic: Callable[[], float]) -> None:
        self._find = find
        self._limiter = limiter
        self._monotonic = monotonic
        self._remembered: dict[bytes, tuple[float, Credential]] = {}

    async def credential(self, adapter: Adapter, request: HttpRequest, now: datetime) -> Credential:
        """Return the credential that a request shows.

        Raises:
            RefusedError: It shows none, or none that is known and valid; or its address guesses.
        """
        token = adapter.token(request)
        if not token:
            raise RefusedError(Reason.UNAUTHENTICATED, "This needs a credential.")
        found = await self._look_up(token, request.address)
        if found is None or found.kind != adapter.name or not found.is_valid(now):
            if found is None or found.is_valid(now):  # a token that has ended was no guess
                await self._limiter.note(FAILED_LOGINS, counted_as(request.address))
            raise RefusedError(Reason.UNAUTHENTICATED, "This credential is not known, or no longer valid.")
        return found

    async def _look_up(self, token: str, address: str) -> Credential | None:
        digest = digest_of(token)
        until, known = self._remembered.get(digest, (0.0, None))
        if known is not None and self._monotonic() < until:
            return known
        self._remembered.pop(digest, None)
        await self._limiter.check(FAILED_LOGINS, counted_as(address))
        found = await self._find(digest) if len(token) <= TOKEN_MAX else None
        if found is not None:
            self._remember(digest, found)
        return found

    def _remember(self, digest: bytes, found: Credential) -> None:
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[digest] = self._monotonic() + REMEMBERED_SECONDS, found
