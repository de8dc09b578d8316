"""Templates of a notification's texts: parsed once, with placeholders for what differs by recipient.

Decides what a text becomes; knows nothing of the notification that it is part of.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import quote

from crypto.aes128gcm import MAX_PLAINTEXT
from crypto.errors import PayloadTooLargeError
from worker.records.recipient import Recipient
from worker.records.values import Scalar, encode_json

JOB_VARIABLES = ("job_id", "campaign_id", "site_id")
"""Members of a job that are variables in its texts."""

# Slices that every placeholder of every message needs, made once.
UNQUOTED = slice(1, -1)
_SENDABLE = slice(MAX_PLAINTEXT + 1)

_VARIABLE = re.compile(r"\{\{([A-Za-z0-9_]+)(?:\|(.*?))?\}\}", re.DOTALL)
_HTTPS_HOST = re.compile(r"https://[^\x00-\x20/?#\\@]+[/?#]", re.IGNORECASE)
_ABSOLUTE_HTTPS = re.compile(r"https://[^\x00-\x20/?#\\@]+(?:[/?#][^\x00-\x1f]*)?", re.IGNORECASE)

_NO_VALUES: Mapping[str, Scalar] = {}


class BadNotificationError(ValueError):
    """A title that ends up empty, or a URL that ends up not absolute https."""


# ── placeholders ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RecipientId:
    """A placeholder for the recipient's id.

    Attributes:
        quoted: Whether the id is percent-encoded (RFC 3986 section 2.1).
    """

    quoted: bool = False

    def text(self, recipient: Recipient) -> str:
        """Return the id."""
        return quote(recipient.id, safe="") if self.quoted else recipient.id


@dataclass(frozen=True, slots=True)
class Variable:
    """A placeholder for one of a recipient's variables.

    Attributes:
        name: Name of the variable.
        fallback: Text for recipients without it.
        quoted: Whether the value is percent-encoded (RFC 3986 section 2.1).
    """

    name: str
    fallback: str
    quoted: bool = False

    def text(self, recipient: Recipient) -> str:
        """Return the value as text, cut where it is too long to be sent anyway."""
        value = (recipient.variables or _NO_VALUES).get(self.name, self.fallback)
        text = (value if isinstance(value, str) else encode_json(value).decode())[_SENDABLE]
        if not self.quoted or (text.isascii() and text.isalnum()):  # `quote` costs as much as all the rest
            return text
        return quote(text, safe="")


@dataclass(frozen=True, slots=True)
class Checked:
    """A placeholder for a whole text that must be checked once its variables are filled in.

    Attributes:
        parts: Constants and variables.
        is_right: Whether the text is what its field needs.
    """

    parts: tuple["_Part", ...]
    is_right: Callable[[str], bool]

    @property
    def least_bytes(self) -> int:
        """Size of the constants as part of a JSON string."""
        return len(encode_json(_constants(self.parts))) - 2

    def text(self, recipient: Recipient) -> str:
        """Return the text for one recipient.

        Raises:
            BadNotificationError: The text is not what its field needs.
            PayloadTooLargeError: The text alone is longer than any push may be.
        """
        found = []
        room = MAX_PLAINTEXT
        for part in self.parts:
            text = part if isinstance(part, str) else part.text(recipient)
            room -= len(text)
            if room < 0:  # before it is put together: a few bytes of template could ask for gigabytes
                raise PayloadTooLargeError(MAX_PLAINTEXT - room, MAX_PLAINTEXT)
            found.append(text)
        text = "".join(found)
        if not self.is_right(text):
            raise BadNotificationError
        return text


_Part = str | Variable | RecipientId
Placeholder = Variable | RecipientId | Checked

Piece = bytes | Placeholder
"""Part of a message's frame, its `%` doubled, or a placeholder in it."""


def constant(text: bytes) -> bytes:
    """Escape bytes for a frame, which the `%` operator fills in."""
    return text.replace(b"%", b"%%")


# ── kinds of text ───────────────────────────────────────────────────────────────────────────────────────────


class Kind(NamedTuple):
    """What a field's text must be.

    Attributes:
        is_right: Whether a text is valid for the field.
        is_sure: Whether a template always gives a valid text, whatever the values of its variables.
        quotes: Whether values are percent-encoded, unless the text is a single variable.
    """

    is_right: Callable[[str], bool]
    is_sure: Callable[[Sequence[_Part]], bool]
    quotes: bool = False


def _is_url(text: str) -> bool:
    return _ABSOLUTE_HTTPS.fullmatch(text) is not None


def _is_surely_url(parts: Sequence[_Part]) -> bool:
    """Whether the host is constant: percent-encoded values behind it can do no harm."""
    first = parts[0] if parts else ""
    return isinstance(first, str) and _HTTPS_HOST.match(first) is not None and _is_url(_constants(parts))


def _constants(parts: Sequence[_Part]) -> str:
    return "".join(part for part in parts if isinstance(part, str))


TEXT = Kind(lambda _text: True, lambda _parts: True)
TITLE = Kind(lambda text: bool(text.strip()), lambda parts: bool(_constants(parts).strip()))
URL = Kind(_is_url, _is_surely_url, quotes=True)


# ── from a template to pieces ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Unbound:
    """A text with variables of its job, which `bind` fills in once the job is known."""

    kind: Kind
    parsed: tuple[str | Variable, ...]


def compile_text(kind: Kind, template: str) -> Iterable[Piece | Unbound]:
    """Compile a template to the pieces of a JSON string, quotation marks included."""
    parsed = tuple(_parse(template))
    if any(isinstance(part, Variable) and part.name in JOB_VARIABLES for part in parsed):
        return [Unbound(kind, parsed)]
    return _pieces(kind, parsed, {})


def bind(text: Unbound, ids: Mapping[str, str]) -> Iterator[Piece]:
    """Fill in a job's ids, by the names in `JOB_VARIABLES`."""
    return _pieces(text.kind, text.parsed, ids)


def _pieces(kind: Kind, parsed: Sequence[str | Variable], ids: Mapping[str, str]) -> Iterator[Piece]:
    quoted = kind.quotes and len(parsed) > 1
    parts = [part if isinstance(part, str) else _bound(part, ids, quoted=quoted) for part in parsed]
    is_constant = all(isinstance(part, str) for part in parts)
    yield b'"'
    if kind.is_sure(parts) or (is_constant and kind.is_right(_constants(parts))):
        for part in parts:
            yield constant(encode_json(part)[UNQUOTED]) if isinstance(part, str) else part
    else:
        yield Checked(tuple(parts), kind.is_right)
    yield b'"'


def _bound(variable: Variable, ids: Mapping[str, str], *, quoted: bool) -> _Part:
    """Turn a variable into a constant if it is one of the job's ids, or else into a placeholder."""
    if variable.name == "recipient_id":
        return RecipientId(quoted)
    if variable.name not in ids:
        return replace(variable, quoted=quoted)
    value = ids[variable.name]
    return quote(value, safe="") if quoted else value


def _parse(template: str) -> Iterator[str | Variable]:
    end = 0
    closed = template.rfind("}}") + 2  # so that a fallback without an end is not searched for again and again
    for match in _VARIABLE.finditer(template, 0, closed):
        if match.start() > end:
            yield template[end : match.start()]
        yield Variable(match.group(1), match.group(2) or "")
        end = match.end()
    if end < len(template):
        yield template[end:]
