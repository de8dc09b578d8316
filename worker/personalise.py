"""From a job's notification and a recipient's variables to the bytes that the browser gets.

A job is compiled once: all that is the same for every recipient is JSON bytes from then on. Decides what a
notification looks like; knows nothing of encryption or requests.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from crypto.aes128gcm import MAX_PLAINTEXT
from crypto.errors import PayloadTooLargeError
from worker.job import Action, Notification, Recipient, Scalar, SendJob, encode_json

DECLARATIVE_WEB_PUSH = 8030
TEMPLATES_MAX_BYTES = 65_536
"""Of a notification as JSON, before anything is filled in: all of it goes into each record of a tier."""

JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"

_VARIABLE = re.compile(r"\{\{([A-Za-z0-9_]+)(?:\|(.*?))?\}\}", re.DOTALL)
_ABSOLUTE_HTTPS = re.compile(r"https://[^\x00-\x20/?#\\@]+(?:[/?#][^\x00-\x1f]*)?", re.IGNORECASE)


class BadNotificationError(ValueError):
    """A title that ends up empty, or a URL that ends up not absolute https."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A place in a text that a recipient's own value goes into."""

    name: str
    fallback: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text with variables, and what it must be once they are filled in."""

    parts: tuple[str | Variable, ...]

    @property
    def least_bytes(self) -> int:
        """Of what is the same for everyone, as JSON."""
        return len(encode_json("".join(part for part in self.parts if isinstance(part, str))))

    def fill(self, values: Mapping[str, Scalar]) -> str:
        """Put a recipient's values in.

        Raises:
            BadNotificationError: The text is not what its field needs.
            PayloadTooLargeError: The text alone is longer than any push may be.
        """
        filled = []
        room = MAX_PLAINTEXT
        for part in self.parts:
            text = part if isinstance(part, str) else self.value(part, values)
            room -= len(text)
            if room < 0:  # before it is put together: a few bytes of template could ask for gigabytes
                raise PayloadTooLargeError(MAX_PLAINTEXT - room, MAX_PLAINTEXT)
            filled.append(text)
        return "".join(filled)

    def value(self, variable: Variable, values: Mapping[str, Scalar]) -> str:
        """A variable's value as text, or its fallback, cut where it could not be sent anyway."""
        value = values.get(variable.name)
        return (variable.fallback if value is None else _spell(value))[: MAX_PLAINTEXT + 1]


class Title(Text):
    """A text that must not be empty."""

    __slots__ = ()

    def fill(self, values: Mapping[str, Scalar]) -> str:
        """As `Text.fill`."""
        text = Text.fill(self, values)
        if not text.strip():
            raise BadNotificationError
        return text


class Url(Text):
    """A text that must be an absolute https URL; values are percent-encoded unless it is one variable."""

    __slots__ = ()

    def fill(self, values: Mapping[str, Scalar]) -> str:
        """As `Text.fill`."""
        url = Text.fill(self, values)
        if not _ABSOLUTE_HTTPS.fullmatch(url):
            raise BadNotificationError
        return url

    def value(self, variable: Variable, values: Mapping[str, Scalar]) -> str:
        """As `Text.value`, percent-encoded (RFC 3986 section 2.1)."""
        text = Text.value(self, variable, values)
        plain = text.isascii() and text.isalnum()  # needs no `quote`, which costs as much as all the rest
        return text if plain or len(self.parts) == 1 else quote(text, safe="")


def _spell(value: Scalar) -> str:
    return value if isinstance(value, str) else encode_json(value).decode()


@dataclass(frozen=True)
class Message:
    """A job's compiled content: constant bytes, with texts in between that differ by recipient.

    Attributes:
        content_type: Of what is rendered.
        pieces: What is rendered, one after the other.
        template_bytes: Of what it was compiled from; 0 where that is the constant bytes themselves.
    """

    content_type: str
    pieces: tuple[bytes | Text, ...] = field(repr=False)
    template_bytes: int = 0

    @cached_property
    def fits(self) -> bool:
        """Whether it can fit into a push at all, whatever the variables are."""
        least = sum(len(each) if isinstance(each, bytes) else each.least_bytes for each in self.pieces)
        return least <= MAX_PLAINTEXT and self.template_bytes <= TEMPLATES_MAX_BYTES

    def render(self, recipient: Recipient) -> bytes:
        """The plaintext for one recipient, UTF-8.

        Raises:
            BadNotificationError: Its title or a URL does not come out right.
            PayloadTooLargeError: It is longer than any push may be.
        """
        values = {**(recipient.variables or {}), "recipient_id": recipient.id}
        rendered = []
        size = 0
        for piece in self.pieces:
            text = piece if isinstance(piece, bytes) else encode_json(piece.fill(values))
            size += len(text)
            if size > MAX_PLAINTEXT:  # before it is put together, as in `Text.fill`
                raise PayloadTooLargeError(size, MAX_PLAINTEXT)
            rendered.append(text)
        return b"".join(rendered)


def compile_message(job: SendJob) -> Message:
    """Compile what a job sends: its `payload` as it is, or its notification as Declarative Web Push.

    Source: https://www.w3.org/TR/push-api/#declarative-push-message, WebKit's Declarative Web Push.
    """
    if job.notification is None:
        return Message(OCTETS, ((job.payload or "").encode(),))
    builtin = {"job_id": job.job_id, "campaign_id": job.campaign_id, "site_id": job.site_id}
    content = _declarative(job.notification, mutable=job.mutable, ids=builtin)
    pieces: list[bytes | Text] = []
    _add_json(content, builtin, pieces)
    return Message(JSON, tuple(_merge(pieces)), len(encode_json(job.notification)))


def _declarative(notification: Notification, *, mutable: bool | None, ids: dict[str, str]) -> dict[str, Any]:
    # Texts are put in as their kind, so that the encoder below knows what each must become.
    marked = {"job_id": ids["job_id"], "campaign_id": ids["campaign_id"], "recipient_id": _RECIPIENT_ID}
    n = notification
    shown = {
        "title": _Marked(Title, n.title),
        "navigate": _Marked(Url, n.url),
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
        "data": {**(n.data or {}), "pushmill": marked},
    }
    top = {"web_push": DECLARATIVE_WEB_PUSH, "notification": _given(shown), "mutable": mutable}
    return _given(top)


def _action(action: Action) -> dict[str, Any]:
    return _given(
        {
            "action": action.action,
            "title": _Marked(Title, action.title),
            "navigate": _Marked(Url, action.url),
            "icon": _url(action.icon),
        }
    )


@dataclass(frozen=True, slots=True)
class _Marked:
    kind: type[Text]
    template: str


_RECIPIENT_ID = _Marked(Text, "{{recipient_id}}")


def _url(template: str | None) -> _Marked | None:
    return None if template is None else _Marked(Url, template)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _add_json(value: Any, builtin: Mapping[str, str], pieces: list[bytes | Text]) -> None:
    """Encode a tree as JSON, with the texts that hold variables left in between."""
    match value:
        case _Marked(kind, template):
            pieces.append(_text(kind, template, builtin))
        case str():
            pieces.append(_text(Text, value, builtin))
        case dict():
            pieces.append(b"{")
            for number, (key, item) in enumerate(value.items()):
                pieces.append((b"," if number else b"") + encode_json(key) + b":")
                _add_json(item, builtin, pieces)
            pieces.append(b"}")
        case list():
            pieces.append(b"[")
            for number, item in enumerate(value):
                pieces.append(b"," if number else b"")
                _add_json(item, builtin, pieces)
            pieces.append(b"]")
        case _:
            pieces.append(encode_json(value))


def _text(kind: type[Text], template: str, builtin: Mapping[str, str]) -> bytes | Text:
    text = kind(tuple(_parse(template)))
    filled = (
        text.value(p, builtin) if isinstance(p, Variable) and p.name in builtin else p for p in text.parts
    )
    text = kind(tuple(filled))
    if any(isinstance(part, Variable) for part in text.parts):
        return text
    try:
        return encode_json(text.fill({}))
    except (BadNotificationError, PayloadTooLargeError):
        return text  # is wrong for each recipient, and says so for each


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


def _merge(pieces: list[bytes | Text]) -> Iterator[bytes | Text]:
    constant: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            constant.append(piece)
            continue
        yield b"".join(constant)
        yield piece
        constant = []
    yield b"".join(constant)
