"""Who has handed which recipients on to a tier, and never committed it: they are open in two places."""

import time
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from tests.chaos.verdict import HandOn
from tests.harness.kafka.group import Error

PASSING = (Error.COORDINATOR_LOAD_IN_PROGRESS, Error.COORDINATOR_NOT_AVAILABLE, Error.NOT_COORDINATOR)
"""Answers to a commit after which it is tried again."""


class _Recipient(msgspec.Struct):
    id: str


class _Later(msgspec.Struct):
    recipients: list[_Recipient]


_later = msgspec.json.Decoder(_Later)


class HandOns:
    """What the workers of a run hand on, until it is committed.

    A process writes nothing more before the commit of its last checkpoint is answered: whatever commit of its
    own is stored next settles all that it has handed on.
    """

    def __init__(self) -> None:
        self._open: dict[str, list[HandOn]] = defaultdict(list)
        self._refused: list[HandOn] = []
        self.stuck: set[str] = set()
        """Who waits for a commit that is never answered, and so must end by itself."""

    def writes(self, user: str, topic: str, values: Iterator[bytes | None]) -> None:
        """Note whom the records of a tier bring back."""
        if ".later." in topic:
            at = time.monotonic()
            self._open[user] += (HandOn(each, at, user) for value in values for each in _recipients(value))

    def commits(self, user: str, error: Error | None) -> None:
        """Forget what is settled; keep what was refused for good, as its process may go on committing."""
        if error is None:
            self.stuck.add(user)
            return
        self.stuck.discard(user)
        if error not in PASSING:
            left, at = self._open.pop(user, []), time.monotonic()
            self._refused += (each._replace(refused_at=at) for each in left if error)

    @property
    def uncommitted(self) -> Iterator[HandOn]:
        """Recipients that are, or were, in a tier and still open where they came from."""
        yield from self._refused
        for left in self._open.values():
            yield from left


def _recipients(value: bytes | None) -> Iterator[str]:
    return (each.id for each in _later.decode(value or b"").recipients)
