"""A push service to test Web Push senders against: RFC 8030 over TLS, with the answers of a real one.

    async with SimulatedPushService("mozilla", ssl_context=Certificates().server_context()) as service:
        [subscription] = service.subscribe()
        ...                                          # send to subscription.endpoint
        assert service.pushes(subscription)[0].plaintext == b"..."

It checks, decrypts and records every push, and fails on demand: see ``Faults`` and ``script``.
"""

import asyncio
import contextlib
import math
import ssl
import time
from collections.abc import Iterable, Iterator
from typing import Self

from worker.simulator.admin import administer
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.connection import PushConnection, Reply
from worker.simulator.counters import Counters
from worker.simulator.faults import Faults
from worker.simulator.intake import Intake, PushHook
from worker.simulator.journal import Journal, Keep, Push
from worker.simulator.plans import Plans
from worker.simulator.profiles import PROFILES
from worker.simulator.rules import ReceivedRequest
from worker.simulator.sockets import listening_sockets
from worker.simulator.subscriptions import Subscription, Subscriptions

_BACKLOG = 2048
_CLOSE_TIMEOUT = 2.0


class SimulatedPushService:
    """One simulated push service, which serves in the running event loop inside ``async with``.

    Args:
        profile: ``fcm``, ``mozilla``, ``wns`` or ``apple``.
        host: Where to listen; ``localhost`` is both 127.0.0.1 and ::1.
        port: Where to listen; 0 picks a free port.
        ssl_context: The server's certificate; None serves plain HTTP, which no real sender accepts.
        faults: What goes wrong; can be changed while it runs.
        keep: What to keep of each push.
        keep_limit: Maximum number of rows kept; later pushes are only counted.
        decrypt_every: 1 decrypts every push, n every n-th, 0 none.
        key_pairs: Maximum number of receiver key pairs; further subscriptions share them.
        seed: Decides the subscription tokens, together with the profile; None makes new ones in each run.
        pace: Seconds between the pieces of an answer that is slow or endless.
        advertise: Host name in endpoints, if it is not ``host``.
        on_push: Called for each push taken.
    """

    def __init__(
        self,
        profile: str = "fcm",
        *,
        host: str = "localhost",
        port: int = 0,
        ssl_context: ssl.SSLContext | None,
        faults: Faults | None = None,
        keep: Keep = "all",
        keep_limit: int = 2_000_000,
        decrypt_every: int = 1,
        key_pairs: int = 64,
        seed: int | None = 0,
        pace: float = 0.1,
        advertise: str = "",
        on_push: PushHook | None = None,
    ) -> None:
        self._sockets = listening_sockets(host, port)
        self._ssl = ssl_context
        self._connections: set[PushConnection] = set()
        self._servers: list[asyncio.Server] = []
        self.pace = pace
        self.closed = False
        self.port: int = self._sockets[0].getsockname()[1]
        self.origin = _origin(advertise or host, self.port, secure=ssl_context is not None)
        subscriptions = Subscriptions(PROFILES[profile], self.origin, key_pairs=key_pairs, seed=seed)
        self._intake = Intake(
            PROFILES[profile],
            self.origin,
            subscriptions,
            Plans(faults or Faults()),
            Journal(keep, keep_limit),
            decrypt_every=decrypt_every,
            on_push=on_push,
        )

    # --- start and end

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for listening in self._sockets:
            server = await loop.create_server(
                lambda: PushConnection(self, self._connections),
                sock=listening,
                ssl=self._ssl,
                backlog=_BACKLOG,
            )
            self._servers.append(server)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        self.closed = True
        # Begin to wait before closing: afterwards, uvloop and asyncio before 3.12 would not wait at all.
        gone = asyncio.gather(*(server.wait_closed() for server in self._servers))
        await asyncio.sleep(0)
        for server in self._servers:
            server.close()
        for listening in self._sockets:
            listening.close()
        await self.drop_connections()
        with contextlib.suppress(TimeoutError):  # a handshake in progress cannot be aborted
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await gone

    async def drop_connections(self) -> list[Subscription]:
        """Break every open connection, as a restart of the service would, but go on listening.

        Returns:
            The subscription of each push that this leaves unanswered.
        """
        dropped = set(self._connections)  # a client that reconnects meanwhile may stay
        unanswered = [connection.abort() for connection in dropped]
        while dropped & self._connections:  # noqa: ASYNC110 - each goes within the next turns of the loop
            await asyncio.sleep(0)
        found = map(self._intake.subscriptions.at, unanswered)
        return [subscription for subscription in found if subscription is not None]

    # --- use

    @property
    def profile(self) -> str:
        """Name of the profile."""
        return self._intake.profile.name

    @property
    def stats(self) -> Counters:
        """Counters since the start."""
        return self._intake.counters

    @property
    def faults(self) -> Faults:
        """The fault plan; a new one takes effect with the next push."""
        return self._intake.plans.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._intake.plans.faults = faults

    def subscribe(
        self, count: int = 1, *, vapid_public_key: str = "", expires_in: float = math.inf
    ) -> list[Subscription]:
        """Make subscriptions, restricted to a VAPID key (base64url) unless that is empty.

        They expire in ``expires_in`` seconds, and then answer 410.
        """
        expires_at = time.time() + expires_in
        add = self._intake.subscriptions.add
        return [add(vapid_public_key=vapid_public_key, expires_at=expires_at) for _ in range(count)]

    def script(self, subscription: str | Subscription, answers: Iterable[ScriptedAnswer]) -> None:
        """Answer the next pushes to a subscription (or its token or endpoint) with these, one each."""
        self._intake.plans.script(self._intake.subscriptions.named(subscription), answers)

    def pushes(self, subscription: str | Subscription) -> list[Push]:
        """Return the pushes to a subscription (or its token or endpoint), oldest first."""
        found = self._intake.subscriptions.named(subscription)
        return self._intake.journal.of(found.number, found.token)

    def all_pushes(self) -> Iterator[Push]:
        """Return all pushes kept, in the order of arrival."""
        return self._intake.journal.rows(self._intake.subscriptions.tokens)

    def repeats(self) -> int:
        """Count the pushes taken again: same subscription, same plaintext, as far as kept."""
        return self._intake.journal.repeats()

    # --- the handler of its connections

    def connected(self) -> None:
        """Count a connection."""
        self.stats.connections += 1
        self.stats.open_connections += 1

    def disconnected(self) -> None:
        """Count a connection out."""
        self.stats.open_connections -= 1

    def resets(self, target: bytes) -> bool:
        """Return whether to reset the connection before reading the body."""
        return self._intake.resets(target)

    def answer(self, request: ReceivedRequest, *, keep_alive: bool, local: bool) -> Reply:
        """Answer a push, or a request of the admin API."""
        self.stats.entered()
        if self._intake.subscriptions.at(request.target) is None:
            reply = administer(self._intake, request, keep_alive=keep_alive, local=local)
            if reply is not None:
                return reply
        return self._intake.take(request, keep_alive=keep_alive)

    def answered(self) -> None:
        """Count a request out."""
        self.stats.left()


def _origin(host: str, port: int, *, secure: bool) -> str:
    name = f"[{host}]" if ":" in host else host
    scheme, default = ("https", 443) if secure else ("http", 80)
    return f"{scheme}://{name}" if port == default else f"{scheme}://{name}:{port}"
