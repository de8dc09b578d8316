"""The fields of the records that upstream writes, as docs/jobs.md lists them: a second reading of that page.

Says what each field must be, and walks a record along with it. Must import nothing of the worker.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Any, Final


class Role(StrEnum):
    """What the value of a field is for."""

    VERSION = "version"
    ID = "id"
    TEXT = "text"
    TITLE = "title"
    URL = "url"
    PICTURE = "picture"
    FLAG = "flag"
    INTEGER = "whole number"
    NUMBER = "number"
    WORD = "word"
    TOPIC = "topic"
    TIME = "time"
    FREE = "upstream's own"
    TEMPLATE = "payload"
    VARIABLES = "variables"
    VARIABLE = "variable"
    ENDPOINT = "endpoint"
    KEY = "key"
    OBJECT = "object"
    LIST = "list"


@dataclass(frozen=True)
class Field:
    """What a field holds.

    Attributes:
        role: What it is for.
        required: Whether a record without it is not valid.
        least: Least value of a number.
        most: Greatest value of a number.
        words: The allowed texts of a `WORD`.
        fields: Members of an `OBJECT`.
        item: What a `LIST` holds.
    """

    role: Role
    required: bool = False
    least: float = 0
    most: float = 2**53 - 1
    words: tuple[str, ...] = ()
    fields: Mapping[str, "Field"] = field(default_factory=dict)
    item: "Field | None" = None


def _must(role: Role, **more: Any) -> Field:
    return Field(role, required=True, **more)


_TIME, _FLAG, _TEXT, _PICTURE = Field(Role.TIME), Field(Role.FLAG), Field(Role.TEXT), Field(Role.PICTURE)
_SECONDS_MOST = 10 * 365 * 86_400
_SECONDS, _TTL = {"most": _SECONDS_MOST}, {"most": 2**31 - 1}
_ACTION = {"action": _must(Role.TEXT), "title": _must(Role.TITLE), "url": _must(Role.URL), "icon": _PICTURE}
_NOTIFICATION = {
    "title": _must(Role.TITLE),
    "url": _must(Role.URL),
    "body": _TEXT,
    "icon": _PICTURE,
    "image": _PICTURE,
    "badge": _PICTURE,
    "tag": _TEXT,
    "lang": _TEXT,
    "actions": Field(Role.LIST, item=_must(Role.OBJECT, fields=_ACTION)),
    "dir": Field(Role.WORD, words=("auto", "ltr", "rtl")),
    "silent": _FLAG,
    "renotify": _FLAG,
    "require_interaction": _FLAG,
    "timestamp": _TIME,
    "data": Field(Role.FREE),
    "vibrate": Field(Role.LIST, item=_must(Role.NUMBER, most=inf)),
    "app_badge": Field(Role.INTEGER),
}
_KEYS = {"p256dh": _must(Role.KEY), "auth": _must(Role.KEY)}
_SUBSCRIPTION = {"endpoint": _must(Role.ENDPOINT), "keys": _must(Role.OBJECT, fields=_KEYS)}
_RECIPIENT = {
    "id": _must(Role.ID),
    "subscription": _must(Role.OBJECT, fields=_SUBSCRIPTION),
    "variables": Field(Role.VARIABLES),
    "not_before": _TIME,
}
_SLICE = {"first": _must(Role.INTEGER), "total": _must(Role.INTEGER, least=1)}
_JOB = {
    "v": _must(Role.VERSION),
    "job_id": _must(Role.ID),
    "campaign_id": _must(Role.ID),
    "site_id": _must(Role.ID),
    "vapid_key": Field(Role.ID),
    "recipients": _must(Role.LIST, item=_must(Role.OBJECT, fields=_RECIPIENT)),
    "notification": Field(Role.OBJECT, fields=_NOTIFICATION),
    "payload": Field(Role.TEMPLATE),
    "mutable": _FLAG,
    "ttl": Field(Role.INTEGER, **_TTL),
    "urgency": Field(Role.WORD, words=("very-low", "low", "normal", "high")),
    "topic": Field(Role.TOPIC),
    "start_at": _TIME,
    "stretch_time": Field(Role.NUMBER, **_SECONDS),
    "not_after": _TIME,
    "slice": Field(Role.OBJECT, fields=_SLICE),
}
SUBSCRIPTION: Final = _must(Role.OBJECT, fields=_SUBSCRIPTION)
JOB: Final = _must(Role.OBJECT, fields=_JOB)

_LATER_RECIPIENT = {
    **_RECIPIENT,
    "attempts": _must(Role.INTEGER),
    "number": Field(Role.INTEGER),
    "due_at": _TIME,
    "doubted": _FLAG,
    "keyless_since": _TIME,
}
LATER: Final = _must(
    Role.OBJECT,
    fields={
        **_JOB,
        "recipients": _must(Role.LIST, item=_must(Role.OBJECT, fields=_LATER_RECIPIENT)),
        "start_at": _must(Role.TIME),
        "stretch_time": _must(Role.NUMBER, **_SECONDS),
        "ttl": _must(Role.INTEGER, **_TTL),
        "lane": _must(Role.WORD, words=("normal", "urgent")),
    },
)
CONTROL: Final = _must(
    Role.OBJECT,
    fields={
        "v": _must(Role.VERSION),
        "campaign_id": _must(Role.ID),
        "at": _must(Role.TIME),
        "state": _must(Role.WORD, words=("running", "paused", "cancelled")),
        "shift": Field(Role.NUMBER, **_SECONDS),
    },
)

# ── walking a record ────────────────────────────────────────────────────────────────────────────────────────

Path = tuple[str | int, ...]
ABSENT: Final = object()
"""The value of an optional field that is not there."""


@dataclass(frozen=True)
class Place:
    """A place in a record's tree.

    Attributes:
        path: Names and indices that lead to it.
        value: What is there, or `ABSENT`.
        field: What must be there.
    """

    path: Path
    value: Any
    field: Field

    @property
    def name(self) -> str:
        """The place without its indices, for a report."""
        inside = next((i for i, part in enumerate(self.path) if part in {"data", "payload"}), len(self.path))
        known = [str(part) for part in self.path[: inside + 1] if isinstance(part, str)]
        return ".".join(known) + (".…" if inside + 1 < len(self.path) else "") or "record"


_OWN = Field(Role.FREE, required=True)
_VARIABLE = Field(Role.VARIABLE)


def places(tree: Any, kind: Field, path: Path = ()) -> Iterator[Place]:
    """Yield every place of a tree, those of absent optional fields included."""
    yield Place(path, tree, kind)
    if isinstance(tree, dict):
        names = [*tree, *(name for name in kind.fields if name not in tree)]
        for name in names:
            yield from places(tree.get(name, ABSENT), _member(kind, name), (*path, name))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from places(item, kind.item or _OWN, (*path, index))


def _member(kind: Field, name: str) -> Field:
    return _VARIABLE if kind.role is Role.VARIABLES else kind.fields.get(name, _OWN)
