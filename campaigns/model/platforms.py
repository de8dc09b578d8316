"""How each platform spells ids of ours, so that its clients take them for its own.

What a customer's code holds already, the table of aliases knows; that is looked up first.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind, spell
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


def _decimal(_kind: Kind, number: int) -> str:
    return str(number)


def _object_id(_kind: Kind, number: int) -> str:
    return f"{number:024x}"


def _code(_kind: Kind, number: int) -> str:
    digits = f"{number:010X}"
    return f"{digits[:5]}-{digits[5:]}"


_SPELLINGS: Mapping[CredentialKind, Callable[[Kind, int], str]] = {
    CredentialKind.SENDPULSE: _decimal,
    CredentialKind.PUSHARY: spell,  # prefixed, as ours are
    CredentialKind.TRUEPUSH: _object_id,
    CredentialKind.PUSHPILOT: _decimal,
    CredentialKind.PUSHWOOSH: _code,
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
