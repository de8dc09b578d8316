"""From a job's notification and a recipient's variables to the bytes that the browser gets.

A job is compiled once: all that is the same for every recipient is JSON bytes from then on. Decides what a
notification looks like; knows nothing of encryption or requests.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
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
    """A text with variables, and what it must be once they are filled in.

    Attributes:
        frame: The text with `%s` in each variable's place.
        variables: In their order.
    """

    frame: str
    variables: tuple[Variable, ...] = ()

    @property
    def least_bytes(self) -> int:
        """Of what is the same for everyone, as JSON."""
        return len(encode_json(self.frame % (("",) * len(self.variables))))

    def fill(self, values: Mapping[str, Scalar]) -> str:
        """Put a recipient's values in.

        Raises:
            BadNotificationError: The text is not what its field needs.
            PayloadTooLargeError: The text alone is longer than any push may be.
        """
        found = []
        room = MAX_PLAINTEXT
        for variable in self.variables:
            text = self.value(variable, values)
            room -= len(text)
            if room < 0:  # before it is put together: a few bytes of template could ask for gigabytes
                raise PayloadTooLargeError(MAX_PLAINTEXT - room, MAX_PLAINTEXT)
            found.append(text)
        return self.frame % tuple(found)

    def value(self, variable: Variable, values: Mapping[str, Scalar]) -> str:
        """A variable's value as text, or its fallback, cut where it could not be sent anyway."""
        value = values.get(variable.name)
        if value is None:
            value = variable.fallback
        text = value if isinstance(value, str) else encode_json(value).decode()
        return text[: MAX_PLAINTEXT + 1]


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
        return text if plain or self.frame == "%s" else quote(text, safe="")


@dataclass(frozen=True)
class Message:
    """A job's compiled content: constant bytes, with texts in between that differ by recipient.

    Attributes:
        content_type: Of what is rendered.
        frame: The bytes that are the same for everyone, with `%b` in each text's place.
        texts: In their order.
        template_bytes: Of what it was compiled from; 0 where that is the constant bytes themselves.
    """

    content_type: str
    frame: bytes = field(repr=False)
    texts: tuple[Text, ...] = field(default=(), repr=False)
    template_bytes: int = 0

    @cached_property
    def fits(self) -> bool:
        """Whether it can fit into a push at all, whatever the variables are."""
        least = sum(text.least_bytes for text in self.texts)
        return least <= self._room and self.template_bytes <= TEMPLATES_MAX_BYTES

    @cached_property
    def _room(self) -> int:
        """Bytes that are left for the texts."""
        return MAX_PLAINTEXT - len(self.frame % ((b"",) * len(self.texts)))

    def render(self, recipient: Recipient) -> bytes:
        """The plaintext for one recipient, UTF-8.

        Raises:
            BadNotificationError: Its title or a URL does not come out right.
            PayloadTooLargeError: It is longer than any push may be.
        """
        values = {**(recipient.variables or {}), "recipient_id": recipient.id}
        filled = []
        room = self._room
        for text in self.texts:
            written = encode_json(text.fill(values))
            room -= len(written)
            if room < 0:  # before it is put together, as in `Text.fill`
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
    builtin = {"job_id": job.job_id, "campaign_id": job.campaign_id, "site_id": job.site_id}
    content = _declarative(job.notification, mutable=job.mutable, ids=builtin)
    pieces: list[bytes | Text] = []
    _add_json(content, builtin, pieces)
    frame = b"".join(_constant(piece) if isinstance(piece, bytes) else b"%b" for piece in pieces)
    texts = tuple(piece for piece in pieces if isinstance(piece, Text))
    return Message(JSON, frame, texts, len(encode_json(job.notification)))


def _constant(text: bytes) -> bytes:
    """Part of a frame that stands for itself."""
    return text.replace(b"%", b"%%")


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
    parts = list(_parse(template))
    text = _framed(kind, parts)
    known = [text.value(p, builtin) if isinstance(p, Variable) and p.name in builtin else p for p in parts]
    text = _framed(kind, known)
    if text.variables:
        return text
    try:
        return encode_json(text.fill({}))
    except (BadNotificationError, PayloadTooLargeError):
        return text  # is wrong for each recipient, and says so for each


def _framed(kind: type[Text], parts: Sequence[str | Variable]) -> Text:
    frame = "".join("%s" if isinstance(part, Variable) else part.replace("%", "%%") for part in parts)
    return kind(frame, tuple(part for part in parts if isinstance(part, Variable)))


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
