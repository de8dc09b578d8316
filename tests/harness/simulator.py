"""Simulated push services in a process of their own, and a client that talks to one from outside.

    python -m tests.harness.simulator FOLDER COUNT PORT

They check headers and tokens but decrypt nothing, and keep a row for each push, so that repeats show.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import uvloop

from tests.harness.json_process import json_process
from worker.simulator.certificates import Certificates
from worker.simulator.child import serve_services
from worker.simulator.service import SimulatedPushService

Subscriptions = list[dict[str, Any]]
"""As browsers give them to a site: endpoint and keys."""


@dataclass(frozen=True)
class PushServiceClient:
    """A simulated push service as its clients know it; each request blocks."""

    origin: str
    ca: Path

    @property
    def port(self) -> int:
        return int(self.origin.rpartition(":")[2])

    def subscribe(self, count: int) -> Subscriptions:
        subscriptions: Subscriptions = self._ask("POST", "/subscribe", {"count": count})
        return subscriptions

    @property
    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self._ask("GET", "/stats")
        return stats

    @property
    def repeats(self) -> int:
        """Pushes to a subscription beyond its first."""
        return int(self._ask("GET", "/repeats")["repeats"])

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        context = ssl.create_default_context(cafile=self.ca)
        with urlopen(Request(self.origin + path, data, method=method), context=context, timeout=60) as answer:
            return json.load(answer)


@asynccontextmanager
async def push_services(
    folder: Path, count: int = 1, port: int = 0
) -> AsyncIterator[list[PushServiceClient]]:
    """Run push services in another process, on free ports or one of them on a given port."""
    async with json_process(__name__, folder, count, port) as process:
        origins = await process.hear()
        yield [PushServiceClient(origin, folder / "ca.pem") for origin in origins]


async def _serve(folder: Path, count: int, port: int) -> None:
    certificates = Certificates()
    certificates.write(folder)
    context = certificates.server_context()
    services = [
        SimulatedPushService(
            "fcm", port=port, ssl_context=context, keep="digest", decrypt_every=0, seed=number
        )
        for number in range(count)
    ]
    await serve_services(services, [service.origin for service in services])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(sys.argv[1]), *map(int, sys.argv[2:])))
