"""Every input: a valid record, changed in one place, as one serializer writes it, or in its envelope.

Decides which inputs there are, and which of them a shorter run takes; knows nothing of the worker.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from random import Random
from typing import Any

from tests.fuzz.serializers.changes import KINDS, put
from tests.fuzz.serializers.jobs import CONTROLS, JOBS, SUBSCRIPTIONS, Start
from tests.fuzz.serializers.shapes import Path, places
from tests.fuzz.serializers.writing import FRAMES, STYLES, write

NOW = 1_800_000_000.0
"""When a record is taken up: 2027-01-15T08:00:00Z."""

Headers = tuple[tuple[str, bytes | None], ...]
TRACED: Headers = (("traceparent", b"00-1"),)


@dataclass(frozen=True, slots=True)
class Input:
    """One input.

    Attributes:
        start: The valid record's name.
        kind: What is done to it.
        place: Where.
        path: The exact place.
        style: Who writes it.
        written: What is written there.
        means: What that means.
        is_harmless: Whether nothing may come of the change.
        headers: Kafka's headers of the record.
        timestamp: The record's timestamp, in seconds since the epoch.
    """

    start: str
    kind: str
    place: str
    path: Path
    style: str
    written: Any
    means: Any
    is_harmless: bool = False
    headers: Headers = TRACED
    timestamp: float = NOW

    @property
    def record(self) -> Start:
        """The valid record."""
        return STARTS[self.start]

    @property
    def meant(self) -> Any:
        """The tree that the record means."""
        return put(self.record.tree, self.path, self.means)

    @property
    def value(self) -> bytes:
        """The bytes of the record."""
        tree = put(self.record.tree, self.path, self.written)
        return FRAMES[self.style](tree) if self.style in FRAMES else write(tree, STYLES[self.style])


STARTS = JOBS | CONTROLS | SUBSCRIPTIONS

_HEADERS: dict[str, Headers] = {
    "a null": (("spanId", None),),
    "a null beside others": (("a", b"1"), ("b", None), ("a", b"2")),
    "an empty value": (("a", b""),),
    "an empty name": (("", b"1"),),
    "a name of other letters": (("Ünï-код 😀", b"\xff\x00"),),
    "a replaced character": (("\ufffd", None),),
    "names of ours": (("error-code", b"x"), ("source-offset", None), ("truncated-from-bytes", b"1")),
    "none": (),
}
_TIMESTAMPS = {
    "seconds": NOW / 1000,
    "microseconds": NOW * 1000,
    "nanoseconds": NOW * 1e6,
    "zero": 0.0,
    "minus one": -0.001,
    "just ahead": NOW + 5,
    "days ahead": NOW + 4 * 86_400,
    "the year 1": -6e10,
    "behind": NOW - 20,
}


def every() -> Iterator[Input]:
    """Yield every input."""
    for name, start in STARTS.items():
        if name in JOBS:
            yield from _envelopes(name, start)
        for style in (*STYLES, *FRAMES):
            yield _same(name, style, start.tree, kind="a serializer's style", place=style)
        for place in places(start.tree, start.kind):
            for kind, (changes, is_harmless) in KINDS.items():
                about = (name, kind, place.name, place.path)
                for change in changes(place):
                    yield from (Input(*about, style, *change, is_harmless) for style in STYLES)


def _envelopes(name: str, start: Start) -> Iterator[Input]:
    for style in STYLES:
        about = (name, style, start.tree)
        for what, headers in _HEADERS.items():
            yield _same(*about, kind="headers", place=what, headers=headers)
        for what, timestamp in _TIMESTAMPS.items():
            yield _same(*about, kind="timestamps", place=what, timestamp=timestamp)


def _same(name: str, style: str, tree: Any, kind: str, place: str, **more: Any) -> Input:
    return Input(name, kind, place, (), style, tree, tree, is_harmless=True, **more)


@cache
def drawn(most: int) -> tuple[Input, ...]:
    """Draw inputs: one of every kind in every place, then any others; always the same ones."""
    random = Random(0)
    found = sorted(every(), key=_spot)
    groups = [list(group) for _, group in groupby(found, _spot)]
    first = [random.choice(group) for group in groups]
    if most <= len(first):
        return tuple(random.sample(first, most))
    taken = {id(each) for each in first}
    rest = [each for each in found if id(each) not in taken]
    return (*first, *random.sample(rest, min(most - len(first), len(rest))))


def _spot(each: Input) -> tuple[str, str, str]:
    return each.start, each.kind, each.place
