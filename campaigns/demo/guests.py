"""Decides who subscribes in the demo, and what becomes of each. Pure: the same seed gives the same guests."""

from collections.abc import Iterator
from enum import Enum
from random import Random
from typing import NamedTuple, TypeVar

PUSH_SERVICES = ("fcm", "mozilla", "wns", "apple")
TAGS = ("news", "sale", "vip")

Chosen = TypeVar("Chosen")


class Fate(Enum):
    """What is arranged to happen to a guest's push; the value is the answer of its push service."""

    TAKEN = 201
    GONE = 410
    NOT_FOUND = 404
    TOO_LARGE = 413


SHARES = {Fate.GONE: 0.02, Fate.NOT_FOUND: 0.01, Fate.TOO_LARGE: 0.005}
"""Shares of all guests; the rest is taken."""


class Reaction(Enum):
    """What a guest does with a push; the value is what the browser reports, and with which button."""

    CLICKS = ("clicked", None)
    FIRST_BUTTON = ("clicked", 0)
    DISMISSES = ("dismissed", None)
    LOOKS = None


REACTIONS = {Reaction.CLICKS: 0.06, Reaction.FIRST_BUTTON: 0.02, Reaction.DISMISSES: 0.04}
"""Shares of those who see it; the rest only looks."""

SEEN = 0.25
"""Share of the pushes taken that are shown: the other browsers are not running."""


class Guest(NamedTuple):
    """A subscriber of the demo.

    Attributes:
        name: An attribute, which the notification names.
        push_service: Its browser's.
        fate: What its push service answers.
        tags: Labels.
        language: A language tag.
        sees: Whether its browser shows what arrives.
        reaction: What it then does.
    """

    name: str
    push_service: str
    fate: Fate
    tags: tuple[str, ...]
    language: str
    sees: bool
    reaction: Reaction


def guests(count: int, seed: int) -> Iterator[Guest]:
    """Yield so many guests."""
    dice = Random(seed)  # noqa: S311 - repeatable, not secret
    for number in range(count):
        yield Guest(
            name=f"Guest {number:,}",
            push_service=PUSH_SERVICES[number % len(PUSH_SERVICES)],
            fate=_choice(dice, SHARES, Fate.TAKEN),
            tags=tuple(tag for tag in TAGS if dice.random() < 1 / 2),
            language=dice.choice(("de", "en", "fr")),
            sees=dice.random() < SEEN,
            reaction=_choice(dice, REACTIONS, Reaction.LOOKS),
        )


def _choice(dice: Random, shares: dict[Chosen, float], otherwise: Chosen) -> Chosen:
    drawn = dice.random()
    for each, share in shares.items():
        drawn -= share
        if drawn < 0:
            return each
    return otherwise
