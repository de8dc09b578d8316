"""The demo's client of its push services: makes subscriptions, scripts answers, reads what they received."""

import asyncio
import base64
import json
import os
import ssl
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from worker.demo.drafts import SubscriptionKind
from worker.demo.evidence import Push
from worker.demo.processes import DemoProcess, ProcessDiedError
from worker.simulator.journal import Keep
from worker.simulator.profiles import PROFILES

START_SECONDS = 30.0
ROWS_A_REQUEST = 5_000
SCRIPTS_AT_ONCE = 16


class PushServices:
    """Four simulated push services over TLS, in a process of their own.

    Attributes:
        process: That process.
        origins: Origin of each profile, `https://localhost:PORT`.
        ca_file: Certificate of the authority that signed theirs.
    """

    def __init__(self, folder: Path, seed: int, keep: Keep = "digest") -> None:
        command = [sys.executable, "-m", "worker.simulator.child", str(folder), str(seed), keep]
        self.process = DemoProcess("the push services", command, os.environ, folder / "push-services.log")
        self.ca_file = folder / "ca.pem"
        self.origins: Mapping[str, str] = {}
        self._stack = AsyncExitStack()
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.process)
            async with asyncio.timeout(START_SECONDS):
                self.origins = await self._announced()
            tls = await asyncio.to_thread(ssl.create_default_context, cafile=self.ca_file)
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls))
            self._http = await stack.enter_async_context(session)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _announced(self) -> Mapping[str, str]:
        line = await self.process.line()
        if not line:
            await self.process.ended()
            raise ProcessDiedError(self.process.exit_message())
        origins: Mapping[str, str] = json.loads(line)
        return origins

    @property
    def hosts(self) -> str:
        """Their hosts, for `PUSHMILL_ENDPOINT_HOSTS`."""
        return ",".join(origin.removeprefix("https://") for origin in self.origins.values())

    async def subscribe(
        self, kind: SubscriptionKind, count: int, vapid_public_key: str
    ) -> Sequence[Mapping[str, Any]]:
        """Make subscriptions of one kind, shaped like `PushSubscription.toJSON()`."""
        asked: dict[str, Any] = {"count": count, "vapid_public_key": vapid_public_key}
        if kind.gone:
            asked["expires_in"] = 0
        made: Sequence[Mapping[str, Any]] = await self._ask("POST", kind.service, "/subscribe", asked)
        return made

    async def script(self, scripts: Iterable[tuple[str, str, int]]) -> None:
        """Script endpoints to answer once with a status; see `Production.scripts`."""
        remaining = iter(scripts)
        await asyncio.gather(*(self._script(remaining) for _ in range(SCRIPTS_AT_ONCE)))

    async def _script(self, remaining: Iterator[tuple[str, str, int]]) -> None:
        for service, endpoint, status in remaining:
            asked = {"subscription": endpoint, "answers": [{"status": status}]}
            await self._ask("POST", service, "/script", asked)

    async def pushes(self) -> list[Push]:
        """Return every push that they received for a known subscription."""
        return [push for service in self.origins for push in await self._pushes_of(service)]

    async def _pushes_of(self, service: str) -> list[Push]:
        prefix = self.origins[service] + PROFILES[service].prefix
        found: list[Push] = []
        while True:
            rows = await self._ask("GET", service, f"/pushes?first={len(found)}&count={ROWS_A_REQUEST}")
            found += (_push(prefix, row) for row in rows)
            if len(rows) < ROWS_A_REQUEST:
                return found

    async def _ask(self, method: str, service: str, target: str, body: Any = None) -> Any:
        url = self.origins[service] + target
        async with self._http.request(method, url, json=body, raise_for_status=True) as answer:
            return await answer.json()


def _push(prefix: str, row: Mapping[str, Any]) -> Push:
    text = row["plaintext"]
    return Push(
        endpoint=prefix + row["token"],
        taken=row["taken"],
        digest=row["digest"],
        at=row["at"],
        status=row["status"],
        text=None if text is None else base64.b64decode(text),
    )
