"""The status port: serves liveness, readiness and metrics.

Knows nothing of workers: callables supply the answers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from worker.edges.process.listening import HostError, PortError, listen

_SHUTDOWN_SECONDS = 1.0
"""How long a scrape in progress may delay the exit."""

PREFIX = "PUSHMILL_"

Ready = Callable[[], str | None]
Render = Callable[[], Awaitable[bytes] | bytes]
Reason = Callable[[], Awaitable[str | None] | str | None]
"""Returns None if all is well, otherwise the reason why it is not, or an awaitable of that."""

T = TypeVar("T")


def _turning() -> None:
    """Report no problem: a process that answers at all is healthy."""


class StatusPortError(RuntimeError):
    """The status port cannot be listened on; the message names the settings."""


class StatusServer:
    """Serves `/healthz`, `/readyz` and `/metrics` while its `async with` block runs.

    Args:
        host: Name or address to listen on; None is every address, IPv4 and IPv6.
        port: TCP port, or 0 for any free one.
        ready: Returns why `/readyz` should answer 503, or None.
        render: Returns the metrics in Prometheus' text format 0.0.4, or an awaitable of them.
        healthy: Returns why `/healthz` should answer 503, or None; by default None while the event loop runs.
        prefix: What the names of the settings begin with.
    """

    def __init__(
        self,
        host: str | None,
        port: int,
        *,
        ready: Reason,
        render: Render,
        healthy: Reason = _turning,
        prefix: str = PREFIX,
    ) -> None:
        self._host = host
        self._asked_port = port
        self._healthy = healthy
        self._ready = ready
        self._render = render
        self._prefix = prefix
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that is listened on.

        Raises:
            RuntimeError: The `async with` block is not running.
        """
        if self._runner is None:
            raise RuntimeError("the status server is not running; enter it with `async with`")
        return int(self._runner.addresses[0][1])

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            StatusPortError: The port is taken or not permitted, or the host is not this machine's.
        """
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            for each in await asyncio.to_thread(listen, self._host, self._asked_port):
                await web.SockSite(runner, each).start()
        except (HostError, PortError) as error:
            await runner.cleanup()
            raise self._listening_error(error) from error
        self._runner = runner
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _listening_error(self, error: HostError | PortError) -> StatusPortError:
        if isinstance(error, HostError):
            return StatusPortError(
                f"{self._prefix}STATUS_HOST is {self._host}: cannot listen there ({error}); use an address "
                "of this machine, or leave it unset for all of them"
            )
        return StatusPortError(
            f"{self._prefix}STATUS_PORT is {self._asked_port}: cannot listen there on "
            f"{self._host or 'every address'} ({error}); choose a free port, or 0 for any"
        )

    def _application(self) -> web.Application:
        application = web.Application()
        application.add_routes(
            [
                web.get("/healthz", self._answer_health),
                web.get("/readyz", self._answer_readiness),
                web.get("/metrics", self._answer_metrics),
            ]
        )
        return application

    async def _answer_health(self, _request: web.Request) -> web.Response:
        return _respond(await _resolve(self._healthy()), "ok")

    async def _answer_readiness(self, _request: web.Request) -> web.Response:
        return _respond(await _resolve(self._ready()), "ready")

    async def _answer_metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=await _resolve(self._render()), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        )


async def _resolve(value: Awaitable[T] | T) -> T:
    return await value if isinstance(value, Awaitable) else value


def _respond(reason: str | None, fine: str) -> web.Response:
    return web.Response(status=503 if reason else 200, text=f"{reason or fine}\n")
