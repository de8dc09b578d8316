"""Simulated push services in a process of their own, and how a benchmark talks to them.

    python -m benchmarks.services FOLDER COUNT

They check headers and tokens, decrypt nothing, and keep a row for each push, so that what came twice shows.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import uvloop

from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService

Subscriptions = list[dict[str, Any]]
"""As browsers give them to a site: endpoint and keys."""


@dataclass(frozen=True)
class Service:
    """A push service as its clients know it."""

    origin: str
    ca: Path

    @property
    def port(self) -> int:
        return int(self.origin.rpartition(":")[2])

    def subscribe(self, count: int) -> Subscriptions:
        return self._ask("POST", "/subscribe", {"count": count})

    def forget(self) -> None:
        self._ask("DELETE", "/stats")

    @property
    def stats(self) -> dict[str, Any]:
        return self._ask("GET", "/stats")

    @property
    def repeats(self) -> int:
        """Pushes to a subscription beyond its first."""
        return self._ask("GET", "/repeats")["repeats"]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        context = ssl.create_default_context(cafile=self.ca)
        with urlopen(Request(self.origin + path, data, method=method), context=context, timeout=60) as answer:
            return json.load(answer)


@asynccontextmanager
async def push_services(folder: Path, count: int = 1) -> AsyncIterator[list[Service]]:
    """Run push services in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.services", str(folder), str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    try:
        origins = json.loads(await process.stdout.readline())
        yield [Service(origin, folder / "ca.pem") for origin in origins]
    finally:
        process.stdin.close()
        await process.wait()


async def _serve(folder: Path, count: int) -> None:
    certificates = Certificates()
    certificates.write(folder)
    context = certificates.server_context()
    async with AsyncExitStack() as stack:
        services = [
            await stack.enter_async_context(
                SimulatedPushService("fcm", ssl_context=context, keep="digest", decrypt_every=0, seed=number)
            )
            for number in range(count)
        ]
        print(json.dumps([service.origin for service in services]), flush=True)
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
