"""From a job's notification and a recipient's variables to the bytes that the browser gets.

A notification is compiled once for jobs that bring the same one soon after each other, as a campaign's do:
what is the same for every job is JSON bytes from then on, and what is the same for every recipient once a
job's ids are in it. Decides what a notification looks like; knows nothing of encryption or requests.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from crypto.aes128gcm import MAX_PLAINTEXT
from crypto.errors import PayloadTooLargeError
from worker.records.job import Recipient, SendJob
from worker.records.notification import Action, Notification, decode_notification
from worker.records.values import Scalar, encode_json

DECLARATIVE_WEB_PUSH = 8030
TEMPLATES_MAX_BYTES = 65_536
"""Of a notification as JSON, before anything is filled in: all of it goes into each record of a tier."""

# A campaign's records come soon after each other, with the same notification. Large ones are not kept, or
# hostile ones would fill the memory: these held 13 MiB at worst.
_TEMPLATES_KEPT = 128
_KEPT_MAX_BYTES = 4_096

JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"

# Slices that every place of every message needs, made once.
_UNQUOTED = slice(1, -1)
_SENDABLE = slice(MAX_PLAINTEXT + 1)

_VARIABLE = re.compile(r"\{\{([A-Za-z0-9_]+)(?:\|(.*?))?\}\}", re.DOTALL)
_HTTPS_HOST = re.compile(r"https://[^\x00-\x20/?#\\@]+[/?#]", re.IGNORECASE)
_ABSOLUTE_HTTPS = re.compile(r"https://[^\x00-\x20/?#\\@]+(?:[/?#][^\x00-\x1f]*)?", re.IGNORECASE)


class BadNotificationError(ValueError):
    """A title that ends up empty, or a URL that ends up not absolute https."""


@dataclass(frozen=True, slots=True)
class RecipientId:
    """A place in a text that the recipient's id goes into.

    Attributes:
        quoted: As in `Variable`.
    """

    quoted: bool = False

    def text(self, recipient: Recipient) -> str:
        """What goes in."""
        return quote(recipient.id, safe="") if self.quoted else recipient.id


@dataclass(frozen=True, slots=True)
class Variable:
    """A place in a text that a recipient's own value goes into.

    Attributes:
        name: Of the value.
        fallback: For recipients without it.
        quoted: Whether it is percent-encoded (RFC 3986 section 2.1).
    """

    name: str
    fallback: str
    quoted: bool = False

    def text(self, recipient: Recipient) -> str:
        """What goes in, cut where it could not be sent anyway."""
        value = (recipient.variables or _NO_VALUES).get(self.name, self.fallback)
        text = (value if isinstance(value, str) else encode_json(value).decode())[_SENDABLE]
        if not self.quoted or (text.isascii() and text.isalnum()):  # `quote` costs as much as all the rest
            return text
        return quote(text, safe="")


_NO_VALUES: Mapping[str, Scalar] = {}


@dataclass(frozen=True, slots=True)
class Checked:
    """A text that has to be looked at once its variables are filled in: they may make it a wrong one.

    Attributes:
        parts: Constants and variables.
        is_right: Whether the text is what its field needs.
    """

    parts: tuple["_Part", ...]
    is_right: Callable[[str], bool]

    @property
    def least_bytes(self) -> int:
        """Of what is the same for everyone, as part of a JSON string."""
        return len(encode_json(_constants(self.parts))) - 2

    def text(self, recipient: Recipient) -> str:
        """The text for one recipient.

        Raises:
            BadNotificationError: It is not what its field needs.
            PayloadTooLargeError: It alone is longer than any push may be.
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
_Place = Variable | RecipientId | Checked


@dataclass(frozen=True)
class Message:
    """A job's compiled content: constant bytes, with places in between for what differs by recipient.

    Attributes:
        content_type: Of what is rendered.
        frame: The bytes that are the same for everyone, with `%b` in each of these places.
        places: In their order.
        template_bytes: Of what it was compiled from; 0 where that is the constant bytes themselves.
    """

    content_type: str
    frame: bytes = field(repr=False)
    places: tuple[_Place, ...] = field(default=(), repr=False)
    template_bytes: int = 0

    @cached_property
    def fits(self) -> bool:
        """Whether it can fit into a push at all, whatever the variables are."""
        least = sum(place.least_bytes for place in self.places if isinstance(place, Checked))
        return least <= self._room and self.template_bytes <= TEMPLATES_MAX_BYTES

    @cached_property
    def _room(self) -> int:
        """Bytes that are left for what differs."""
        return MAX_PLAINTEXT - len(self.frame % ((b"",) * len(self.places)))

    def render(self, recipient: Recipient) -> bytes:
        """The plaintext for one recipient, UTF-8.

        Raises:
            BadNotificationError: Its title or a URL does not come out right.
            PayloadTooLargeError: It is longer than any push may be.
        """
        filled = []
        room = self._room
        for place in self.places:
            written = encode_json(place.text(recipient))[_UNQUOTED]
            room -= len(written)
            if room < 0:  # before it is put together, as in `Checked.text`
                break
            filled.append(written)
        if room < 0:
            raise PayloadTooLargeError(MAX_PLAINTEXT - room, MAX_PLAINTEXT)
        return self.frame % tuple(filled)


def compile_message(job: SendJob) -> Message:
    """Compile what a job sends: its `payload` as it is, or its notification as Declarative Web Push.

    Source: https://www.w3.org/TR/push-api/#declarative-push-message, WebKit's Declarative Web Push.
    """
    if job.notification is None:
        return Message(OCTETS, _constant((job.payload or "").encode()))
    encoded = encode_json(job.notification)
    compiled = _kept_template if len(encoded) <= _KEPT_MAX_BYTES else _template
    pieces = _with_ids(compiled(encoded, job.mutable), job)
    frame = b"".join(piece if isinstance(piece, bytes) else b"%b" for piece in pieces)
    places = tuple(piece for piece in pieces if not isinstance(piece, bytes))
    return Message(JSON, frame, places, len(encoded))


def _template(encoded: bytes, mutable: bool | None) -> list["_Piece | _OfJob"]:
    """Compile a notification: all but what its jobs' ids and its recipients make of it.

    Args:
        encoded: The notification as JSON: what templates can be told apart by.
        mutable: The job's member of that name.
    """
    pieces: list[_Piece | _OfJob] = []
    _add_json(_declarative(decode_notification(encoded), mutable=mutable), pieces)
    return list(_joined(pieces))


def _joined(pieces: Iterable["_Piece | _OfJob"]) -> Iterator["_Piece | _OfJob"]:
    """Constants in a row become one."""
    row: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            row.append(piece)
        else:
            yield b"".join(row)
            yield piece
            row.clear()
    yield b"".join(row)


_kept_template = lru_cache(_TEMPLATES_KEPT)(_template)


def _with_ids(template: Iterable["_Piece | _OfJob"], job: SendJob) -> list["_Piece"]:
    ids = {name: getattr(job, name) for name in _OF_JOBS}
    pieces: list[_Piece] = []
    for piece in template:
        if isinstance(piece, _OfJob):
            pieces += _written(piece.kind, piece.parsed, ids)
        else:
            pieces.append(piece)
    return pieces


def _constant(text: bytes) -> bytes:
    """Part of a frame that stands for itself."""
    return text.replace(b"%", b"%%")


def _declarative(notification: Notification, *, mutable: bool | None) -> dict[str, Any]:
    # Texts are put in as their kind, so that the encoder below knows what each must become.
    n = notification
    shown = {
        "title": _Marked(_TITLE, n.title),
        "navigate": _Marked(_URL, n.url),
        "body": n.body,
        "icon": _url(n.icon),
        "image": _url(n.image),
        "badge": _url(n.badge),
        "actions": None if n.actions is None else [_action(action) for action in n.actions],
        "tag": n.tag,
        "lang": n.lang,
        "dir": n.dir,
        "silent": n.silent,
        "renotify": n.renotify,
        "requireInteraction": n.require_interaction,
        "timestamp": round(n.timestamp.timestamp() * 1000) if n.timestamp else None,
        "data": {**(n.data or {}), "pushmill": _IDS},
    }
    top = {"web_push": DECLARATIVE_WEB_PUSH, "notification": _given(shown), "mutable": mutable}
    return _given(top)


def _action(action: Action) -> dict[str, Any]:
    return _given(
        {
            "action": action.action,
            "title": _Marked(_TITLE, action.title),
            "navigate": _Marked(_URL, action.url),
            "icon": _url(action.icon),
        }
    )


@dataclass(frozen=True, slots=True)
class _Marked:
    kind: "_Kind"
    template: str


class _Kind(NamedTuple):
    """What a field's text must be.

    Attributes:
        is_right: Whether a text is that.
        is_sure: Whether it is, whatever its variables' values are.
        quotes: Whether values are percent-encoded, unless the text is nothing but one.
    """

    is_right: Callable[[str], bool]
    is_sure: Callable[[Sequence[_Part]], bool]
    quotes: bool = False


def _is_url(text: str) -> bool:
    return _ABSOLUTE_HTTPS.fullmatch(text) is not None


def _is_surely_url(parts: Sequence[_Part]) -> bool:
    """Where the host is written out, percent-encoded values can do no harm behind it."""
    first = parts[0] if parts else ""
    return isinstance(first, str) and _HTTPS_HOST.match(first) is not None and _is_url(_constants(parts))


def _constants(parts: Sequence[_Part]) -> str:
    return "".join(part for part in parts if isinstance(part, str))


_TEXT = _Kind(lambda _text: True, lambda _parts: True)
_TITLE = _Kind(lambda text: bool(text.strip()), lambda parts: bool(_constants(parts).strip()))
_URL = _Kind(_is_url, _is_surely_url, quotes=True)

# Members of a job that texts may name; and the templates of what tells the page whose message it was.
_OF_JOBS = ("job_id", "campaign_id", "site_id")
_IDS = {name: "{{" + name + "}}" for name in ("job_id", "campaign_id", "recipient_id")}


def _url(template: str | None) -> _Marked | None:
    return None if template is None else _Marked(_URL, template)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _OfJob:
    """A text that names its job: what becomes of it is known with the job's ids."""

    kind: _Kind
    parsed: tuple[str | Variable, ...]


_Piece = bytes | _Place
"""Part of a frame, its `%` doubled, or a place in it."""


def _add_json(value: Any, pieces: list[_Piece | _OfJob]) -> None:
    """Encode a tree as JSON, with what differs by job or recipient left in between."""
    match value:
        case _Marked(kind, template):
            pieces += _text(kind, template)
        case str():
            pieces += _text(_TEXT, value)
        case dict():
            pieces.append(b"{")
            for number, (key, item) in enumerate(value.items()):
                pieces.append(_constant((b"," if number else b"") + encode_json(key) + b":"))
                _add_json(item, pieces)
            pieces.append(b"}")
        case list():
            pieces.append(b"[")
            for number, item in enumerate(value):
                pieces.append(b"," if number else b"")
                _add_json(item, pieces)
            pieces.append(b"]")
        case _:
            pieces.append(encode_json(value))


def _text(kind: _Kind, template: str) -> Iterable[_Piece | _OfJob]:
    parsed = tuple(_parse(template))
    if any(isinstance(part, Variable) and part.name in _OF_JOBS for part in parsed):
        return [_OfJob(kind, parsed)]
    return _written(kind, parsed, {})


def _written(kind: _Kind, parsed: Sequence[str | Variable], ids: Mapping[str, str]) -> Iterator[_Piece]:
    """A text as JSON, with a job's ids filled in."""
    quoted = kind.quotes and len(parsed) > 1
    parts = [part if isinstance(part, str) else _bound(part, ids, quoted=quoted) for part in parsed]
    constant = all(isinstance(part, str) for part in parts)
    yield b'"'
    if kind.is_sure(parts) or (constant and kind.is_right(_constants(parts))):
        for part in parts:
            yield _constant(encode_json(part)[_UNQUOTED]) if isinstance(part, str) else part
    else:
        yield Checked(tuple(parts), kind.is_right)
    yield b'"'


def _bound(variable: Variable, ids: Mapping[str, str], *, quoted: bool) -> _Part:
    """What a variable stands for in a job: a text that is the same for everyone, or a place."""
    if variable.name == "recipient_id":
        return RecipientId(quoted)
    if variable.name not in ids:
        return replace(variable, quoted=quoted)
    value = ids[variable.name]
    return quote(value, safe="") if quoted else value


def _parse(template: str) -> Iterator[str | Variable]:
    end = 0
    closed = template.rfind("}}") + 2  # so that a fallback without an end is not looked for again and again
    for match in _VARIABLE.finditer(template, 0, closed):
        if match.start() > end:
            yield template[end : match.start()]
        yield Variable(match.group(1), match.group(2) or "")
        end = match.end()
    if end < len(template):
        yield template[end:]
