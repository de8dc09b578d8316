"""How each platform spells ids of ours, so that its clients take them for its own.

What a customer's code holds already, the table of aliases knows; that is looked up first.
"""

import re
from collections.abc import Callable, Mapping

from msgspec import Struct

from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind, end_of, read, spell
from campaigns.model.problems import FieldProblem

ALIAS_MAX = 256
"""Characters of an id that is taken over; the longest that a platform is known to have are 36."""

PLATFORMS = tuple(kind for kind in CredentialKind if kind is not CredentialKind.OWN)


class Alias(Struct, frozen=True):
    """An id that a customer's code holds.

    Attributes:
        platform: Whose it is.
        text: As it is spelled there.
    """

    platform: CredentialKind
    text: str


def platform_spelling(platform: CredentialKind, kind: Kind, number: int) -> str:
    """Spell an id of ours as a platform would.

    Args:
        platform: One of `PLATFORMS`.
        kind: What it is of.
        number: Below `ids.END`.
    """
    return _SPELLINGS[platform](kind, number)


def read_platform_id(platform: CredentialKind, kind: Kind, text: str) -> int | None:
    """Read what `platform_spelling` has spelled; None if it is anything else.

    Args:
        platform: One of `PLATFORMS`.
        kind: What it is of.
        text: As a client wrote it.
    """
    number = _READERS[platform](kind, text)
    return number if number is not None and number < end_of(kind) else None


def _decimal(_kind: Kind, number: int) -> str:
    return str(number)


def _read_decimal(_kind: Kind, text: str) -> int | None:
    return int(text) if _DECIMAL.fullmatch(text) else None


def _object_id(_kind: Kind, number: int) -> str:
    return f"{number:024x}"


def _read_object_id(_kind: Kind, text: str) -> int | None:
    return int(text, 16) if _OBJECT_ID.fullmatch(text) else None


def _code(kind: Kind, number: int) -> str:
    """Spell a code of Pushwoosh: a message's has three parts, any other two."""
    if kind is Kind.CAMPAIGN:
        digits = f"{number:020X}"
        return f"{digits[:4]}-{digits[4:12]}-{digits[12:]}"
    digits = f"{number:010X}"
    return f"{digits[:5]}-{digits[5:]}"


def _read_code(kind: Kind, text: str) -> int | None:
    pattern = _MESSAGE_CODE if kind is Kind.CAMPAIGN else _CODE
    return int(text.replace("-", ""), 16) if pattern.fullmatch(text) else None


_DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_CODE = re.compile(r"[0-9A-F]{5}-[0-9A-F]{5}")
_MESSAGE_CODE = re.compile(r"[0-9A-F]{4}-[0-9A-F]{8}-[0-9A-F]{8}")

_SPELLINGS: Mapping[CredentialKind, Callable[[Kind, int], str]] = {
    CredentialKind.SENDPULSE: _decimal,
    CredentialKind.PUSHARY: spell,  # prefixed, as ours are
    CredentialKind.TRUEPUSH: _object_id,
    CredentialKind.PUSHPILOT: _decimal,
    CredentialKind.PUSHWOOSH: _code,
}
_READERS: Mapping[CredentialKind, Callable[[Kind, str], int | None]] = {
    CredentialKind.SENDPULSE: _read_decimal,
    CredentialKind.PUSHARY: read,
    CredentialKind.TRUEPUSH: _read_object_id,
    CredentialKind.PUSHPILOT: _read_decimal,
    CredentialKind.PUSHWOOSH: _read_code,
}


def alias_problem(alias: Alias) -> FieldProblem | None:
    """Find what is wrong with an id that is to be taken over."""
    if alias.platform not in PLATFORMS:
        return FieldProblem("as", f"must name one of {', '.join(PLATFORMS)}")
    if (
        not 0 < len(alias.text) <= ALIAS_MAX
        or not alias.text.isprintable()
        or alias.text.strip() != alias.text
    ):
        return FieldProblem("as", f"must be an id of 1 to {ALIAS_MAX} characters, without spaces around it")
    return None
