"""Recipients that a process wrote to a tier without ever committing it: they are open in two places."""

import time
from collections import defaultdict
from collections.abc import Iterator

import msgspec

from tests.chaos.verdict import HandOn
from tests.harness.kafka.group import Error

PASSING = (Error.COORDINATOR_LOAD_IN_PROGRESS, Error.COORDINATOR_NOT_AVAILABLE, Error.NOT_COORDINATOR)
"""Errors after which a commit is tried again."""


class _Recipient(msgspec.Struct):
    id: str


class _Later(msgspec.Struct):
    recipients: list[_Recipient]


_later = msgspec.json.Decoder(_Later)


class HandOns:
    """The hand-ons of a run's workers that are not committed yet.

    A process writes nothing more before the commit of its last checkpoint is answered: the next commit of its
    own that is stored settles everything that it has handed on.
    """

    def __init__(self) -> None:
        self._open: dict[str, list[HandOn]] = defaultdict(list)
        self._refused: list[HandOn] = []
        self.stuck: set[str] = set()
        """Processes that wait for a commit that is never answered, and so must exit by themselves."""

    def writes(self, user: str, topic: str, values: Iterator[bytes | None]) -> None:
        """Note the recipients in records written to a tier."""
        if ".later." in topic:
            at = time.monotonic()
            self._open[user] += (HandOn(each, at, user) for value in values for each in _recipients(value))

    def commits(self, user: str, error: Error | None) -> None:
        """Drop settled hand-ons; keep those that were refused for good, as the process may commit again."""
        if error is None:
            self.stuck.add(user)
            return
        self.stuck.discard(user)
        if error not in PASSING:
            left, at = self._open.pop(user, []), time.monotonic()
            self._refused += (each._replace(refused_at=at) for each in left if error)

    @property
    def uncommitted(self) -> Iterator[HandOn]:
        """Yield the recipients that are, or were, in a tier while still open where they came from."""
        yield from self._refused
        for left in self._open.values():
            yield from left


def _recipients(value: bytes | None) -> Iterator[str]:
    return (each.id for each in _later.decode(value or b"").recipients)
