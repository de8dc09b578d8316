"""From a job's notification and a recipient's variables to the bytes that the browser gets.

The jobs of a campaign carry the same notification in quick succession, so it is compiled once, to JSON bytes
with gaps. A job's ids are filled in once a job, a recipient's placeholders once a push.
Decides what a notification looks like; knows nothing of encryption or requests.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from crypto.aes128gcm import MAX_PLAINTEXT
from crypto.errors import PayloadTooLargeError
from worker.push.template import (
    JOB_VARIABLES,
    PICTURE,
    TEXT,
    TITLE,
    UNQUOTED,
    URL,
    Checked,
    JobId,
    Kind,
    Piece,
    Placeholder,
    Unbound,
    bind,
    compile_text,
    constant,
)
from worker.records.job import SendJob
from worker.records.notification import Action, Notification, decode_notification
from worker.records.recipient import Recipient
from worker.records.values import decode_json, encode_json

DECLARATIVE_WEB_PUSH = 8030
TEMPLATES_MAX_BYTES = 65_536
"""Maximum size of a notification as JSON with its templates: all of it is copied to every tier record."""

# A campaign's records come in quick succession, with the same notification. Large ones are not cached, or
# hostile ones would fill the memory: a full cache held 13 MiB at worst.
_TEMPLATES_KEPT = 128
_KEPT_MAX_BYTES = 4_096

JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"

_ACTION_TITLE = TITLE._replace(detail="bad_action")
_ACTION_URL = URL._replace(detail="bad_action")

# Templates of the ids that tell the page which message it was.
_IDS = {name: "{{" + name + "}}" for name in ("job_id", "campaign_id", "recipient_id")}


class Message(Struct, frozen=True):
    """A job's compiled content: constant bytes, with placeholders in between for what differs by recipient.

    Attributes:
        content_type: Media type of the plaintext.
        frame: The bytes that are the same for everyone, with `%b` for each placeholder.
        placeholders: The placeholders, in order.
        room: Bytes that are left for them in a push.
        template_bytes: Size of the JSON that it was compiled from; 0 if that was a text.
    """

    content_type: str
    frame: bytes
    placeholders: tuple[Placeholder, ...]
    room: int
    template_bytes: int = 0

    def __repr__(self) -> str:
        return f"Message({self.content_type!r}, {self.template_bytes} bytes of template)"

    @property
    def fits(self) -> bool:
        """Whether it can fit into a push at all, whatever the variables are."""
        least = sum(each.least_bytes for each in self.placeholders if isinstance(each, Checked))
        return least <= self.room and self.template_bytes <= TEMPLATES_MAX_BYTES

    def render(self, recipient: Recipient) -> bytes:
        """Render the plaintext for one recipient, in UTF-8.

        Raises:
            BadNotificationError: The title ends up empty, or a URL is not absolute https.
            PayloadTooLargeError: The text is longer than any push may be.
        """
        filled = []
        room = self.room
        for each in self.placeholders:
            written = encode_json(each.text(recipient))[UNQUOTED]
            room -= len(written)
            if room < 0:  # before it is put together, as in `Checked.text`
                break
            filled.append(written)
        if room < 0:
            raise PayloadTooLargeError(MAX_PLAINTEXT - room, MAX_PLAINTEXT)
        return self.frame % tuple(filled)


def compile_message(job: SendJob) -> Message:
    """Compile what a job sends: its `payload`, or its notification as Declarative Web Push.

    A `payload` that is a text goes out as it is; one that is an object is a template.
    Source: https://www.w3.org/TR/push-api/#declarative-push-message, WebKit's Declarative Web Push;
    `app_badge` beside `notification`: https://github.com/w3c/push-api/pull/402.
    """
    declarative = job.notification is not None
    if not declarative and not isinstance(job.payload, dict):
        text = (job.payload or "").encode()
        return Message(OCTETS, constant(text), (), MAX_PLAINTEXT - len(text))
    encoded = encode_json(job.notification if declarative else job.payload)
    compiled = _cached_template if len(encoded) <= _KEPT_MAX_BYTES else _template
    frame, placeholders = compiled(encoded, declarative, job.mutable).of(job)
    room = MAX_PLAINTEXT - len(frame % ((b"",) * len(placeholders)))
    return Message(JSON, frame, placeholders, room, len(encoded))


_ids_of = attrgetter(*JOB_VARIABLES)


class _Template(Struct, frozen=True):
    """A frame and its placeholders, with gaps for the ids of its jobs.

    Attributes:
        frame: A frame whose `%` are doubled, with `%b` for each of `ids`; None if a text has to be looked at
            once its ids are known.
        placeholders: The frame's.
        ids: The names of the ids, in order.
        pieces: What the frame is made from, in any case.
    """

    frame: bytes | None
    placeholders: tuple[Placeholder, ...]
    ids: tuple[JobId, ...]
    pieces: tuple[Piece | JobId | Unbound, ...]

    def of(self, job: SendJob) -> tuple[bytes, tuple[Placeholder, ...]]:
        """Fill in a job's ids."""
        ids = dict(zip(JOB_VARIABLES, _ids_of(job), strict=True))
        if self.frame is not None:
            return self.frame % tuple([each.of(ids) for each in self.ids]), self.placeholders
        bound: list[Piece] = []
        for piece in self.pieces:
            if isinstance(piece, Unbound):
                bound += bind(piece, ids)
            else:
                bound.append(piece.of(ids) if isinstance(piece, JobId) else piece)
        return _frame(bound), _placeholders(bound)


def _template(encoded: bytes, declarative: bool, mutable: bool | None) -> _Template:
    """Compile a template, leaving out the ids of its jobs and the variables of its recipients.

    Args:
        encoded: The template as JSON, by which it is cached.
        declarative: Whether it is a notification; else its members are upstream's own.
        mutable: The job's `mutable`.
    """
    if declarative:
        tree = _declarative(decode_notification(encoded), mutable=mutable)
    else:
        tree = decode_json(encoded)
    pieces: list[Piece | JobId | Unbound] = []
    _add_json(tree, pieces)
    joined = tuple(_joined(pieces))
    ids = tuple(piece for piece in joined if isinstance(piece, JobId))
    known = [piece for piece in joined if not isinstance(piece, Unbound)]
    if len(known) < len(joined):
        return _Template(None, (), ids, joined)
    frame = b"".join(b"%b" if isinstance(piece, JobId) else constant(_frame([piece])) for piece in known)
    return _Template(frame, _placeholders(known), ids, joined)


_cached_template = lru_cache(_TEMPLATES_KEPT)(_template)


def _frame(pieces: Iterable[Piece]) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else b"%b" for piece in pieces)


def _placeholders(pieces: Iterable[Piece | JobId]) -> tuple[Placeholder, ...]:
    return tuple(piece for piece in pieces if not isinstance(piece, bytes | JobId))


def _joined(pieces: Iterable[Piece | JobId | Unbound]) -> Iterator[Piece | JobId | Unbound]:
    """Join adjacent constants."""
    row: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            row.append(piece)
        else:
            yield b"".join(row)
            yield piece
            row.clear()
    yield b"".join(row)


# ── Declarative Web Push ────────────────────────────────────────────────────────────────────────────────────


def _declarative(notification: Notification, *, mutable: bool | None) -> dict[str, Any]:
    # Texts carry their kind, so that the encoder below knows what each must become.
    n = notification
    shown = {
        "title": _Marked(TITLE, n.title),
        "navigate": _Marked(URL, n.url),
        "body": n.body,
        "icon": _picture(n.icon),
        "image": _picture(n.image),
        "badge": _picture(n.badge),
        "actions": None if n.actions is None else [_action(action) for action in n.actions],
        "tag": n.tag,
        "lang": n.lang,
        "dir": n.dir,
        "silent": n.silent,
        "renotify": n.renotify,
        "requireInteraction": n.require_interaction,
        "timestamp": round(n.timestamp.timestamp() * 1000) if n.timestamp else None,
        "vibrate": n.vibrate,
        "data": _data(n.data or {}),
    }
    top = {
        "web_push": DECLARATIVE_WEB_PUSH,
        "notification": _given(shown),
        "app_badge": n.app_badge,
        "mutable": mutable,
    }
    return _given(top)


def _data(given: dict[str, Any]) -> dict[str, Any]:
    """Add the ids to what upstream gave: under a name that may be upstream's own, too, beside its members."""
    own = given.get("pushmill")
    return {**given, "pushmill": {**own, **_IDS} if isinstance(own, dict) else _IDS}


def _action(action: Action) -> dict[str, Any]:
    return _given(
        {
            "action": action.action,
            "title": _Marked(_ACTION_TITLE, action.title),
            "navigate": _Marked(_ACTION_URL, action.url),
            "icon": _picture(action.icon),
        }
    )


@dataclass(frozen=True, slots=True)
class _Marked:
    kind: Kind
    template: str


def _picture(template: str | None) -> _Marked | None:
    return None if template is None else _Marked(PICTURE, template)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _add_json(value: Any, pieces: list[Piece | JobId | Unbound]) -> None:
    """Encode a tree as JSON, with placeholders for what differs by job or recipient."""
    match value:
        case str():
            pieces += compile_text(TEXT, value)
        case dict():
            pieces.append(b"{")
            for number, (key, item) in enumerate(value.items()):
                start = (b"," if number else b"") + encode_json(key) + b":"
                _add_member(start, item, pieces)
            pieces.append(b"}")
        case list():
            pieces.append(b"[")
            for number, item in enumerate(value):
                pieces.append(b"," if number else b"")
                _add_json(item, pieces)
            pieces.append(b"]")
        case _:
            pieces.append(encode_json(value))


def _add_member(start: bytes, item: Any, pieces: list[Piece | JobId | Unbound]) -> None:
    if isinstance(item, _Marked):
        # A picture may be left out, with its name and the comma before it: it never comes first.
        pieces += compile_text(item.kind, item.template, start + b'"')
    else:
        pieces.append(constant(start))
        _add_json(item, pieces)
