"""`python -m tests.chaos.campaigns.push_service FOLDER COUNT KEY…`: the push service of a run, in a process.

It has COUNT subscriptions, which take no memory until they are pushed to; each is restricted to one of the
KEYs in turn. Writes FOLDER/ca.pem, and for each key FOLDER/subscribers-N.jsonl: what `pushmill campaigns
subscribers import` reads. Then prints its port, and answers each line of its stdin with what it has counted.
"""

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import uvloop

from tests.chaos.service import _lines, _say
from worker.simulator.certificates import Certificates
from worker.simulator.journal import Journal, Push
from worker.simulator.profiles import FCM
from worker.simulator.rules import Known
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription, Subscriptions

FIFTY = 50
ONE_KEY, ALL_KEYS, GONE = "one-key", "all-keys", "gone"
"""Tags: fifty subscribers of the first key, fifty more of all keys in turn, and those who are gone."""

GONE_SHARE = 100
"""One of so many subscriptions is gone: the service answers 410."""


def tags_of(number: int, keys: int) -> list[str]:
    """Return the tags of a subscriber."""
    if number < FIFTY * keys:
        return [ONE_KEY] if number % keys == 0 else []
    if number < FIFTY * (keys + 1):
        return [ALL_KEYS]
    return [GONE] if number % GONE_SHARE == GONE_SHARE - 1 else []


class NumberedSubscriptions(Subscriptions):
    """Those of all numbers below `count`, made when somebody asks for one."""

    def __init__(self, origin: str, count: int, keys: list[str]) -> None:
        super().__init__(FCM, origin, key_pairs=64, seed=0)
        self._count, self._keys = count, keys
        self._start = FCM.prefix.encode()
        for number in range(64):
            self._receiver(number)

    def numbered(self, number: int) -> Subscription:
        expires_at = 0.0 if GONE in tags_of(number, len(self._keys)) else float("inf")
        token = f"n{number}"
        known = Known(self._keys[number % len(self._keys)], expires_at)
        endpoint = f"{self._origin}{FCM.prefix}{token}"
        return Subscription(number, token, endpoint, self._receiver(number), known)

    def at(self, target: bytes) -> Subscription | None:
        digits = target.removeprefix(self._start + b"n")
        is_known = digits.isdigit() and int(digits) < self._count
        return self.numbered(int(digits)) if is_known else None


class Tally(Journal):
    """Counts subscriptions by the topic of what was pushed to them, and by the answer."""

    def __init__(self) -> None:
        super().__init__("none")
        self._seen: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        self.pushes = 0

    def append(self, owner: int, push: Push) -> None:
        self.pushes += 1
        self._seen[push.topic, push.status].add(owner)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many subscriptions were answered what, by topic."""
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (topic, status), owners in self._seen.items():
            found[topic][str(status)] = len(owners)
        return found

    def totals(self) -> dict[str, Any]:
        answered = sum(map(len, self._seen.values()))
        return {"pushes": self.pushes, "repeated": self.pushes - answered}


def import_lines(subscriptions: NumberedSubscriptions, numbers: Iterable[int], keys: int) -> Iterator[bytes]:
    """Yield subscribers as they are imported."""
    for number in numbers:
        line: dict[str, Any] = {"subscription": subscriptions.numbered(number).to_json()}
        if tags := tags_of(number, keys):
            line["tags"] = tags
        yield json.dumps(line).encode() + b"\n"


async def serve(folder: Path, count: int, keys: list[str]) -> None:
    certificates = Certificates()
    certificates.write(folder)
    context = certificates.server_context()
    async with SimulatedPushService("fcm", ssl_context=context, keep="none", decrypt_every=0) as service:
        subscriptions, tally = NumberedSubscriptions(service.origin, count, keys), Tally()
        service._intake.subscriptions, service._intake.journal = subscriptions, tally
        for first in range(len(keys)):
            with (folder / f"subscribers-{first}.jsonl").open("wb") as file:
                file.writelines(import_lines(subscriptions, range(first, count, len(keys)), len(keys)))
        _say({"port": service.port})
        async for command in _lines():
            _say(dict(tally.counts()) if command == "counts" else tally.totals())


def main(arguments: list[str]) -> None:
    folder, count, *keys = arguments
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(folder), int(count), keys))


if __name__ == "__main__":
    main(sys.argv[1:])
