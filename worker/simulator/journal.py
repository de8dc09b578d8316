"""What a simulated push service remembers about the pushes that came: one row each.

Stored as columns of machine numbers, about 70 bytes a push, so that a million rows are affordable.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from worker.simulator.rules import URGENCIES

Keep = Literal["all", "digest", "none"]
"""``all`` keeps every plaintext, ``digest`` eight bytes of its hash, ``none`` no rows, only counters."""

_NONE = -1


class Push(msgspec.Struct, frozen=True):
    """One push that came for a known subscription.

    Attributes:
        token: Token of the subscription.
        attempt: Number of the push to this subscription, from 1.
        status: Status of the answer; 0 if none reached the sender.
        taken: Whether the service took it; a lost answer does not change that.
        cause: Name of the violation or the fault, ``undecryptable``, or empty.
        ttl: The TTL header in seconds.
        urgency: The Urgency header, ``normal`` without one.
        topic: The Topic header, empty without one.
        content_type: The Content-Type header, empty without one.
        at: When it arrived, in epoch seconds.
        monotonic: When it arrived, in seconds of the monotonic clock.
        digest: ``digest`` of the plaintext, 0 if it was not decrypted.
        plaintext: None unless all plaintexts are kept and this one was decrypted.
    """

    token: str
    attempt: int
    status: int
    taken: bool
    cause: str
    ttl: int
    urgency: str
    topic: str
    content_type: str
    at: float
    monotonic: float
    digest: int
    plaintext: bytes | None


class Words:
    """Maps texts to small numbers, and keeps each text once."""

    def __init__(self, *known: str) -> None:
        self._numbers = {text: number for number, text in enumerate(known)}
        self._texts = list(known)

    def number(self, text: str) -> int:
        """Return the number of a text, a new one if it has not been seen before."""
        number = self._numbers.setdefault(text, len(self._texts))
        if number == len(self._texts):
            self._texts.append(text)
        return number

    def text(self, number: int) -> str:
        """Return the text of a number."""
        return self._texts[number]


class Journal:
    """Rows of pushes, at most ``limit``; later pushes are only counted, as ``unkept``."""

    def __init__(self, keep: Keep = "all", limit: int = 2_000_000) -> None:
        self.keep = keep
        self.unkept = 0
        self._limit = limit
        self._owner, self._attempt, self._ttl = array("I"), array("I"), array("I")
        self._status, self._taken = array("H"), array("B")
        self._cause, self._urgency = array("I"), array("I")
        self._topic, self._content_type = array("I"), array("I")
        self._at, self._monotonic, self._digest = array("d"), array("d"), array("Q")
        self._before = array("i")  # the owner's previous row: a chain for each subscription
        self._last: dict[int, int] = {}
        self._plaintexts: dict[int, bytes] = {}
        self._causes, self._topics, self._types = Words(""), Words(""), Words("")
        self._urgencies = Words(*URGENCIES)

    def __len__(self) -> int:
        return len(self._owner)

    def append(self, owner: int, push: Push) -> None:
        """Add a row for the subscription number ``owner``."""
        if self.keep == "none":
            return
        if len(self._owner) >= self._limit:
            self.unkept += 1
            return
        row = len(self._owner)
        if self.keep == "all" and push.plaintext is not None:
            self._plaintexts[row] = push.plaintext
        self._write_numbers(owner, push)
        self._write_words(push)
        self._before.append(self._last.get(owner, _NONE))
        self._last[owner] = row

    def of(self, owner: int, token: str) -> list[Push]:
        """Return the pushes to one subscription, oldest first."""
        rows = []
        row = self._last.get(owner, _NONE)
        while row != _NONE:
            rows.append(row)
            row = self._before[row]
        return [self._read(row, token) for row in reversed(rows)]

    def rows(self, tokens: list[str], first: int = 0, count: int | None = None) -> Iterator[Push]:
        """Return rows in the order of arrival; ``tokens`` has the token of each subscription number."""
        end = len(self) if count is None else min(len(self), first + count)
        return (self._read(row, tokens[self._owner[row]]) for row in range(first, end))

    def repeats(self) -> int:
        """Count the pushes taken again: same subscription, same plaintext (or neither decrypted)."""
        taken = zip(self._taken, self._owner, self._digest, strict=True)
        seen = Counter((owner, mark) for is_taken, owner, mark in taken if is_taken)
        return seen.total() - len(seen)

    def _write_numbers(self, owner: int, push: Push) -> None:
        self._owner.append(owner)
        self._attempt.append(push.attempt)
        self._status.append(push.status)
        self._taken.append(push.taken)
        self._ttl.append(min(push.ttl, 0xFFFFFFFF))
        self._at.append(push.at)
        self._monotonic.append(push.monotonic)
        self._digest.append(push.digest)

    def _write_words(self, push: Push) -> None:
        self._cause.append(self._causes.number(push.cause))
        self._topic.append(self._topics.number(push.topic))
        self._content_type.append(self._types.number(push.content_type))
        self._urgency.append(self._urgencies.number(push.urgency))

    def _read(self, row: int, token: str) -> Push:
        return Push(
            token=token,
            attempt=self._attempt[row],
            status=self._status[row],
            taken=bool(self._taken[row]),
            cause=self._causes.text(self._cause[row]),
            ttl=self._ttl[row],
            urgency=self._urgencies.text(self._urgency[row]),
            topic=self._topics.text(self._topic[row]),
            content_type=self._types.text(self._content_type[row]),
            at=self._at[row],
            monotonic=self._monotonic[row],
            digest=self._digest[row],
            plaintext=self._plaintexts.get(row),
        )


def digest(plaintext: bytes) -> int:
    """Return eight bytes of hash of a plaintext as a number; never 0, which means "not decrypted"."""
    return int.from_bytes(hashlib.blake2b(plaintext, digest_size=8).digest()) or 1
