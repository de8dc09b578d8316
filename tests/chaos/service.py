"""`python -m tests.chaos.service FOLDER SEED COUNT`: the push service of a run, in a process of its own.

Writes FOLDER/ca.pem and COUNT subscriptions to FOLDER/subscriptions.json, and prints its port. Then it
answers each line of its stdin, a command, with a line of JSON, and exits at the end of its stdin.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import uvloop

from crypto import base64url
from tests.chaos.campaign import recipient_id
from tests.chaos.verdict import Repeat
from worker.simulator.certificates import Certificates
from worker.simulator.faults import Faults, parse_share
from worker.simulator.journal import digest
from worker.simulator.service import SimulatedPushService

LATENCY, JITTER = 0.02, 0.06
SHARES = ("429=0.0005:retry_after=2", "503=0.0005:retry_after=1", "reset_early=0.002", "500=0.0005")
"""None accepts a push and hides it: every repeat is the worker's doing, except after a `drop`."""


class Counts:
    """The pushes by subscription and plaintext: their times in monotonic seconds, and their senders."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int], tuple[float, str]] = {}
        self._again: defaultdict[tuple[str, int], list[tuple[float, str]]] = defaultdict(list)
        self._last = 0.0
        self.repeats: list[Repeat] = []
        self.gap = 0.0

    def count(self, token: str, plaintext: bytes | None, headers: dict[bytes, bytes], _at: float) -> None:
        now, sender = time.monotonic(), _sender(headers[b"authorization"])
        self.gap = max(self.gap, now - (self._last or now))
        self._last = now
        mark = (token, digest(plaintext or b""))
        if mark in self._first:
            between = tuple(self._again[mark])
            self.repeats.append(Repeat(*self._first[mark], now, sender, _recipient(plaintext), between))
            self._again[mark].append((now, sender))
        else:
            self._first[mark] = (now, sender)

    def totals(self) -> dict[str, Any]:
        return {"reached": len(self._first), "repeated": len(self.repeats), "gap": self.gap}


def _recipient(plaintext: bytes | None) -> str:
    """Return the recipient whom a notification of the run greets."""
    title: str = json.loads(plaintext or b"{}")["notification"]["title"]
    return title.removeprefix("Hello ")


@lru_cache
def _sender(authorization: bytes) -> str:
    """Return the process that signed a push: each has its own VAPID subject."""
    claims = authorization.partition(b"t=")[2].split(b".")[1]
    subject: str = json.loads(base64url.decode(claims.decode()))["sub"]
    return subject.removeprefix("mailto:").partition("@")[0]


async def serve(folder: Path, seed: int, count: int) -> None:
    certificates = Certificates()
    certificates.write(folder)
    faults = Faults(seed, LATENCY, JITTER, tuple(parse_share(share) for share in SHARES))
    counts = Counts()
    context = certificates.server_context()
    async with SimulatedPushService(
        "fcm", ssl_context=context, faults=faults, keep="none", seed=seed, on_push=counts.count
    ) as service:
        made = [subscription.to_json() for subscription in service.subscribe(count)]
        (folder / "subscriptions.json").write_text(json.dumps(made))
        _say({"port": service.port})
        async for command in _lines():
            _say(await _done(command, service, counts))


async def _done(command: str, service: SimulatedPushService, counts: Counts) -> dict[str, Any]:
    if command == "drop":
        at = time.monotonic()
        unanswered = await service.drop_connections()
        return {"at": at, "cut": [recipient_id(subscription.number) for subscription in unanswered]}
    if command == "repeats":
        return {"repeats": counts.repeats}
    return {**counts.totals(), "taken": service.stats.taken}


async def _lines() -> Any:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(arguments: Iterable[str]) -> None:
    folder, seed, count = arguments
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(folder), int(seed), int(count)))


if __name__ == "__main__":
    main(sys.argv[1:])
