"""How ids are spelled where they leave the service: in its own API, in Kafka and in commands.

Inside, an id is a number. Whatever is no id in its one spelling reads as None, so that a caller answers with
"not found"; nothing here raises for what a client sent.
"""

import re
from enum import StrEnum
from typing import NamedTuple

END = 2**40
"""Ids are below this: a recipient's token has five bytes for a launch."""

SUBSCRIBER_END = 2**53
"""Subscribers' ids are random and below this: the largest whole numbers that JSON carries everywhere."""

SLOTS = 16
"""Launches are divided into this many slots, each written by one launcher at a time."""

NONCE_LENGTH = 8
_NUMBER = r"(0|[1-9][0-9]{0,15})"
_NONCE = rf"[a-z2-7]{{{NONCE_LENGTH}}}"
_LAUNCH = re.compile(rf"launch_{_NUMBER}_({_NONCE})")
_NONCE_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class Kind(StrEnum):
    """What an id is of; the values are the prefixes."""

    SITE = "site"
    SUBSCRIBER = "sub"
    CAMPAIGN = "camp"
    SEGMENT = "seg"
    TEMPLATE = "tmpl"
    FLOW = "flow"
    CREDENTIAL = "cred"


_SPELLINGS = {kind: re.compile(rf"{kind}_{_NUMBER}") for kind in Kind}


class LaunchId(NamedTuple):
    """A launch's id: its number, and eight random characters so that no other installation has the same."""

    number: int
    nonce: str

    def __str__(self) -> str:
        return f"launch_{self.number}_{self.nonce}"


def end_of(kind: Kind) -> int:
    """Return the bound that ids of a kind stay below."""
    return SUBSCRIBER_END if kind is Kind.SUBSCRIBER else END


def spell(kind: Kind, number: int) -> str:
    """Spell an id: `site_7`."""
    return f"{kind}_{number}"


def read(kind: Kind, text: str) -> int | None:
    """Read what `spell` has spelled; None if it is anything else."""
    match = _SPELLINGS[kind].fullmatch(text)
    number = int(match[1]) if match else -1
    return number if 0 <= number < end_of(kind) else None


def read_launch(text: str) -> LaunchId | None:
    """Read a launch's id (`launch_7_abcdefgh`); None if it is anything else."""
    match = _LAUNCH.fullmatch(text)
    return LaunchId(int(match[1]), match[2]) if match and int(match[1]) < END else None


def make_nonce(random: bytes) -> str:
    """Make a launch's eight characters from five random bytes (RFC 4648 section 6, in lower case)."""
    number = int.from_bytes(random[:5])
    return "".join(_NONCE_ALPHABET[(number >> shift) & 31] for shift in range(35, -1, -5))


def slot_of(number: int) -> int:
    """Return the slot of a launch, from 0 to `SLOTS` - 1."""
    return number % SLOTS
