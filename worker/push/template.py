"""Templates of a notification's texts: parsed once, with placeholders for what differs by recipient.

Decides what a text becomes; knows nothing of the notification that it is part of.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from msgspec import Raw

from crypto.aes128gcm import MAX_PLAINTEXT
from crypto.errors import PayloadTooLargeError
from worker.records.recipient import Recipient
from worker.records.values import Scalar, encode_json

JOB_VARIABLES = ("job_id", "campaign_id", "site_id")
"""Members of a job that are variables in its texts."""

# Slices that every placeholder of every message needs, made once.
UNQUOTED = slice(1, -1)
_SENDABLE = slice(MAX_PLAINTEXT + 1)

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*(?:\|(.*?))?\}\}", re.DOTALL)
_HTTPS_HOST = re.compile(r"https://[^\x00-\x20/?#\\@]+[/?#]", re.IGNORECASE)
_ABSOLUTE_HTTPS = re.compile(r"https://[^\x00-\x20/?#\\@]+(?:[/?#][^\x00-\x1f]*)?", re.IGNORECASE)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_RELATIVE = re.compile(r"[^\x00-\x1f]+")
_HOST_FOLLOWS = re.compile(r"[/\\]{2}")
_PICTURE_WHATEVER_FOLLOWS = re.compile(r"https://[^\x00-\x20/?#\\@]+[/?#]|data:|/[^/\\]", re.IGNORECASE)
_SPACES = "".join(map(chr, range(0x21)))
_WITHOUT_BREAKS = str.maketrans("", "", "\t\n\r")

_NOTHING = Raw(b'""')
_NO_VALUES: Mapping[str, Scalar | None] = {}


class BadNotificationError(ValueError):
    """A title that ends up empty, or a URL that ends up not absolute https.

    Attributes:
        detail: A short stable word for it, as outcomes have it.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


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
        value = (recipient.variables or _NO_VALUES).get(self.name)
        if value is None:
            value = self.fallback
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
        detail: The `detail` of a recipient for whom it is not.
    """

    parts: tuple["_Part", ...]
    is_right: Callable[[str], bool]
    detail: str

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
        text = _put_together(self.parts, recipient)
        if not self.is_right(text):
            raise BadNotificationError(self.detail)
        return text


@dataclass(frozen=True, slots=True)
class OptionalMember:
    """A placeholder for a whole member of an object, which is left out where its text is not right.

    Attributes:
        start: The member up to its text: a comma, its name and a quotation mark.
        parts: Constants and variables.
        is_right: Whether the text is what its field needs.
    """

    start: bytes
    parts: tuple["_Part", ...]
    is_right: Callable[[str], bool]

    def text(self, recipient: Recipient) -> Raw:
        """Return the member for one recipient, or nothing, in place of a text that is encoded.

        Raises:
            PayloadTooLargeError: The text alone is longer than any push may be.
        """
        text = _put_together(self.parts, recipient)
        return Raw(b'"%b%b"' % (self.start, encode_json(text)[1:])) if self.is_right(text) else _NOTHING


def _put_together(parts: Iterable["_Part"], recipient: Recipient) -> str:
    found = []
    room = MAX_PLAINTEXT
    for part in parts:
        text = part if isinstance(part, str) else part.text(recipient)
        room -= len(text)
        if room < 0:  # before it is put together: a few bytes of template could ask for gigabytes
            raise PayloadTooLargeError(MAX_PLAINTEXT - room, MAX_PLAINTEXT)
        found.append(text)
    return "".join(found)


@dataclass(frozen=True, slots=True)
class JobId:
    """A gap for one of a job's ids, in a text that is right whatever they are.

    Attributes:
        name: One of `JOB_VARIABLES`.
        quoted: Whether the id is percent-encoded (RFC 3986 section 2.1).
    """

    name: str
    quoted: bool = False

    def of(self, ids: Mapping[str, str]) -> bytes:
        """Return the constant that fills the gap."""
        value = ids[self.name]
        return constant(encode_json(quote(value, safe="") if self.quoted else value)[UNQUOTED])


_Part = str | Variable | RecipientId
Placeholder = Variable | RecipientId | Checked | OptionalMember
"""Each has a `text`, which is encoded as a JSON string and then stripped of its quotation marks."""

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
        detail: The `detail` of a recipient whose text is not valid; None if the field is left out instead.
    """

    is_right: Callable[[str], bool]
    is_sure: Callable[[Sequence[_Part]], bool]
    quotes: bool = False
    detail: str | None = None


def _is_url(text: str) -> bool:
    return _ABSOLUTE_HTTPS.fullmatch(text) is not None


def _is_picture(text: str) -> bool:
    """Whether a browser can show what a URL leads to: absolute https, `data:`, or relative to the site.

    Source: https://url.spec.whatwg.org/#url-parsing: spaces around a URL do not count, nor do tabs and line
    breaks; two slashes of either kind begin a host. http is mixed content on a site of https.
    """
    text = text.strip(_SPACES).translate(_WITHOUT_BREAKS)
    if _HOST_FOLLOWS.match(text):
        text = f"https://{text[2:]}"
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _RELATIVE.fullmatch(text) is not None
    if scheme.group().lower() == "https:":
        return _is_url(text) and _can_be_parsed(text)
    return scheme.group().lower() == "data:"


def _is_surely_picture(parts: Sequence[_Part]) -> bool:
    first = parts[0] if parts else ""
    return (
        isinstance(first, str)
        and _PICTURE_WHATEVER_FOLLOWS.match(first) is not None
        and _is_picture(_constants(parts))
    )


def _can_be_parsed(url: str) -> bool:
    try:
        port = urlsplit(url).port
    except ValueError:  # brackets without an address in them, or a port beyond 65535
        return False
    return port != 0


def _is_surely_url(parts: Sequence[_Part]) -> bool:
    """Whether the host is constant: percent-encoded values behind it can do no harm."""
    first = parts[0] if parts else ""
    return isinstance(first, str) and _HTTPS_HOST.match(first) is not None and _is_url(_constants(parts))


def _constants(parts: Sequence[_Part]) -> str:
    return "".join(part for part in parts if isinstance(part, str))


TEXT = Kind(lambda _text: True, lambda _parts: True)
TITLE = Kind(
    lambda text: bool(text.strip()), lambda parts: bool(_constants(parts).strip()), detail="bad_title"
)
URL = Kind(_is_url, _is_surely_url, quotes=True, detail="bad_url")
PICTURE = Kind(_is_picture, _is_surely_picture, quotes=True)


# ── from a template to pieces ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Unbound:
    """A text with variables of its job, which `bind` fills in once the job is known.

    Attributes:
        kind: What its field needs.
        parsed: Constants and variables.
        start: JSON before the text, its quotation mark included.
    """

    kind: Kind
    parsed: tuple[str | Variable, ...]
    start: bytes


def compile_text(kind: Kind, template: str, start: bytes = b'"') -> Iterator[Piece | JobId | Unbound]:
    """Compile a template to the pieces of a JSON string, quotation marks included.

    Args:
        kind: What the text must be.
        template: The template.
        start: JSON before the text. Where it is left out, so is this.
    """
    text = Unbound(kind, tuple(_parse(template)), start)
    ids = [part.name for part in text.parsed if isinstance(part, Variable) and part.name in JOB_VARIABLES]
    if not ids:
        yield from bind(text, {})
    elif kind.is_sure(_parts(text, {})):
        for piece in _string(_parts(text, {}), start):
            if isinstance(piece, Variable) and piece.name in ids:
                yield JobId(piece.name, piece.quoted)
            else:
                yield piece
    else:
        yield text


def bind(text: Unbound, ids: Mapping[str, str]) -> Iterator[Piece]:
    """Fill in a job's ids, by the names in `JOB_VARIABLES`."""
    kind, start, parts = text.kind, text.start, _parts(text, ids)
    if kind.is_sure(parts) or (_is_constant(parts) and kind.is_right(_constants(parts))):
        yield from _string(parts, start)
    elif kind.detail is not None:
        yield constant(start)
        yield Checked(tuple(parts), kind.is_right, kind.detail)
        yield b'"'
    elif not _is_constant(parts):
        yield OptionalMember(start, tuple(parts), kind.is_right)


def _parts(text: Unbound, ids: Mapping[str, str]) -> list[_Part]:
    quoted = text.kind.quotes and len(text.parsed) > 1
    return [part if isinstance(part, str) else _bound(part, ids, quoted=quoted) for part in text.parsed]


def _string(parts: Iterable[_Part], start: bytes) -> Iterator[bytes | Variable | RecipientId]:
    yield constant(start)
    for part in parts:
        yield constant(encode_json(part)[UNQUOTED]) if isinstance(part, str) else part
    yield b'"'


def _is_constant(parts: Iterable[_Part]) -> bool:
    return all(isinstance(part, str) for part in parts)


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
        yield Variable(match.group(1), (match.group(2) or "").strip())
        end = match.end()
    if end < len(template):
        yield template[end:]
