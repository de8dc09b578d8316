"""What must come of a record, by the pages that upstream reads: a second, plain reading of a job.

Decides for each recipient which text arrives or how it ends. Must import nothing of the worker.
"""

import base64
import binascii
import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tests.fuzz.oracles import filled
from tests.fuzz.serializers.shapes import Field, Role

PUSH_HOSTS = ("fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com")
"""Hosts of the corpus' endpoints."""

TTL_DEFAULT = 2_419_200
SOON = 30
"""Seconds that attempts may be late here: only a first one may be later than its `ttl`."""


@dataclass(frozen=True)
class Sent:
    """A recipient whose text arrives: JSON as a tree, or else a text."""

    text: Any
    is_json: bool
    urgency: str
    topic: str | None
    ttl: int


@dataclass(frozen=True)
class Ends:
    """A recipient that ends without a push; `detail` only where the pages promise one for this."""

    status: str
    detail: str | None = None


@dataclass(frozen=True)
class Expected:
    """What must come of a record: recipients by id, or a dead letter for the field `wrong`."""

    recipients: dict[str, Sent | Ends] = field(default_factory=dict)
    wrong: str | None = None


class WrongError(Exception):
    """A field that is not what it must be."""


def read_job(tree: Any, kind: Field) -> Expected:
    """Read a job, or a tier's record."""
    people = kind.fields["recipients"]
    try:
        job = read({**_object(tree), "recipients": []}, kind)
        given = tree.get("recipients")
        _check(job, given)
        return Expected(dict(_recipient(job, each, people.item, "lane" in job) for each in given))
    except WrongError as error:
        return Expected(wrong=str(error))


def _check(job: dict[str, Any], recipients: Any) -> None:
    """Check what concerns more than one field."""
    if (job.get("notification") is None) == (job.get("payload") is None):
        raise WrongError("notification")
    notification = job.get("notification") or {}
    if notification.get("renotify") and not notification.get("tag"):
        raise WrongError("renotify")
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= 1000:
        raise WrongError("recipients")
    part = job.get("slice")
    if part and part["first"] + len(recipients) > part["total"]:
        raise WrongError("slice.total")


def _object(tree: Any) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise WrongError("value")
    return tree


def _recipient(job: dict[str, Any], tree: Any, kind: Field, in_tier: bool) -> tuple[str, Sent | Ends]:
    try:
        person = read(tree, kind)
    except WrongError:
        if in_tier:  # Pushmill wrote it: none of it may be wrong
            raise
        return read(_object(tree).get("id"), kind.fields["id"]), Ends("invalid")
    return person["id"], _end(job, person)


def read_subscription(tree: Any, kind: Field, payload: str) -> Sent | Ends | None:
    """Read a file for `pushmill send`; None if it holds no subscription."""
    try:
        return _end({"payload": payload}, {"subscription": read(tree, kind)})
    except WrongError:
        return None


# ── fields ──────────────────────────────────────────────────────────────────────────────────────────────────

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:-]{0,127}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_TEXTS = {Role.TEXT, Role.TITLE, Role.URL, Role.PICTURE, Role.ENDPOINT, Role.KEY}


def read(value: Any, kind: Field) -> Any:
    """Check a value, and leave out what says nothing.

    Raises:
        WrongError: It is not what it must be.
    """
    if kind.role is Role.OBJECT and isinstance(value, dict):
        return _members(value, kind)
    if kind.role is Role.LIST and isinstance(value, list):
        return [read(item, kind.item) for item in value]
    if not _is_right(value, kind):
        raise WrongError(kind.role)
    return value


def _members(value: dict[str, Any], kind: Field) -> dict[str, Any]:
    found = {}
    for name, each in kind.fields.items():
        given = value.get(name)
        is_nothing = given is None or (not each.required and given == _EMPTY.get(each.role))
        if is_nothing and each.required:
            raise WrongError(name)
        if not is_nothing:
            found[name] = read(given, each)
    return found


_EMPTY: dict[Role, Any] = {Role.OBJECT: [], Role.FREE: [], Role.VARIABLES: [], Role.LIST: {}}
"""What PHP writes for an empty one."""


def _is_right(value: Any, kind: Field) -> bool:
    match kind.role:
        case role if role in _TEXTS:
            return isinstance(value, str)
        case Role.VERSION:
            return _is_number(value) and value == 1
        case Role.ID | Role.TOPIC:
            return isinstance(value, str) and bool((_ID if kind.role is Role.ID else _TOPIC).fullmatch(value))
        case Role.FLAG:
            return isinstance(value, bool)
        case Role.INTEGER | Role.NUMBER:
            is_whole = kind.role is Role.NUMBER or (_is_number(value) and value == int(value))
            return _is_number(value) and is_whole and kind.least <= value <= kind.most
        case Role.WORD:
            return isinstance(value, str) and value in kind.words
        case Role.TIME:
            return isinstance(value, str) and _TIME.fullmatch(value) is not None
        case Role.FREE:
            return isinstance(value, dict) and _is_finite(value)
        case Role.TEMPLATE:
            return isinstance(value, str | dict) and _is_finite(value)
        case Role.VARIABLES:
            return isinstance(value, dict) and all(_is_scalar(each) for each in value.values())
    return False


def _is_number(value: Any) -> bool:
    is_finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return is_finite and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bool) or _is_number(value)


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(_is_finite(each) for each in (value.values() if isinstance(value, dict) else value))
    return _is_scalar(value)


# ── one recipient ───────────────────────────────────────────────────────────────────────────────────────────


def _end(job: dict[str, Any], person: dict[str, Any]) -> Sent | Ends:
    subscription = person["subscription"]
    if not _is_endpoint(subscription["endpoint"]):
        return Ends("invalid", "endpoint_not_allowed")
    keys = subscription["keys"]
    if (_bytes_of(keys["p256dh"]), _bytes_of(keys["auth"])) != (65, 16):
        return Ends("invalid", "bad_keys")
    about = {"urgency": job.get("urgency", "normal"), "topic": job.get("topic")}
    about["ttl"] = int(job.get("ttl", TTL_DEFAULT))
    if (person.get("attempts") and about["ttl"] < SOON) or _is_after_end(job, person):
        return Ends("lapsed")
    payload = job.get("payload")
    if isinstance(payload, str):
        return Sent(payload, is_json=False, **about)
    ids = {name: job[name] for name in ("job_id", "campaign_id", "site_id")} | {"recipient_id": person["id"]}
    given = {name: as_text(each) for name, each in person.get("variables", {}).items() if each is not None}
    fill = _Fill(given | ids)
    shown = fill.tree(payload) if payload is not None else _declarative(job, fill, ids)
    return shown if isinstance(shown, Ends) else Sent(shown, is_json=True, **about)


def _is_after_end(job: dict[str, Any], person: dict[str, Any]) -> bool:
    """Whether the time that is planned for a recipient in a tier comes after all is over."""
    if "slice" not in job or "number" not in person or "not_after" not in job or "due_at" in person:
        return False
    end = instant(job["not_after"]) - instant(job["start_at"])
    return job["stretch_time"] * person["number"] > end * job["slice"]["total"]


def as_text(value: Any) -> str:
    """Return a variable's value as text: a number or a boolean as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _is_endpoint(url: str) -> bool:
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    return is_plain and any(url.startswith(f"https://{host}/") for host in PUSH_HOSTS)


def _bytes_of(key: str) -> int:
    """Return the number of bytes that a key decodes to, from either alphabet; -1 if from none."""
    text = key.replace("-", "+").replace("_", "/").replace("\r", "").replace("\n", "").rstrip("=")
    try:
        return len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, ValueError):
        return -1


@dataclass(frozen=True)
class _Fill:
    values: dict[str, str]

    def text(self, template: str, *, in_url: bool = False) -> str:
        return filled(template, self.values, in_url=in_url)

    def tree(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.tree(each) for name, each in value.items()}
        return [self.tree(each) for each in value] if isinstance(value, list) else value


_PASSED = {"require_interaction": "requireInteraction"}


def _declarative(job: dict[str, Any], fill: _Fill, ids: dict[str, str]) -> Any:
    given = job["notification"]
    ids = {name: ids[name] for name in ("job_id", "campaign_id", "recipient_id")}
    data = fill.tree(given.get("data", {}))
    own = data.get("pushmill")
    shown = {"title": fill.text(given["title"]), "navigate": fill.text(given["url"], in_url=True)}
    if not shown["title"].strip():
        return Ends("rejected", "bad_title")
    if not _is_https(shown["navigate"]):
        return Ends("rejected", "bad_url")
    shown |= {_PASSED.get(name, name): given[name] for name in _AS_THEY_ARE if name in given}
    shown |= {name: fill.text(given[name]) for name in ("body", "tag", "lang") if name in given}
    shown |= _pictures(given, fill, ("icon", "image", "badge"))
    shown["data"] = {**data, "pushmill": {**(own if isinstance(own, dict) else {}), **ids}}
    if "timestamp" in given:
        shown["timestamp"] = round(instant(given["timestamp"]) * 1000)
    if "actions" in given:
        shown["actions"] = [_action(each, fill) for each in given["actions"]]
        if any(isinstance(each, Ends) for each in shown["actions"]):
            return Ends("rejected", "bad_action")
    beside = {name: job[name] for name in ("mutable",) if name in job}
    beside |= {name: given[name] for name in ("app_badge",) if name in given}
    return {"web_push": 8030, "notification": shown} | beside


_AS_THEY_ARE = ("dir", "silent", "renotify", "require_interaction", "vibrate")


def _action(given: dict[str, Any], fill: _Fill) -> Any:
    title, url = fill.text(given["title"]), fill.text(given["url"], in_url=True)
    if not title.strip() or not _is_https(url):
        return Ends("rejected", "bad_action")
    shown = {"action": fill.text(given["action"]), "title": title, "navigate": url}
    return shown | _pictures(given, fill, ("icon",))


def _pictures(given: dict[str, Any], fill: _Fill, names: tuple[str, ...]) -> dict[str, str]:
    urls = {name: fill.text(given[name], in_url=True) for name in names if name in given}
    return {name: url for name, url in urls.items() if is_picture(url)}


def _is_https(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    host = re.split("[/?#]", rest)[0]
    is_host = bool(host) and not any(each <= " " or each in "\\@" for each in host)
    return scheme.lower() == "https" and is_host and not any(each < " " for each in rest)


def is_picture(url: str) -> bool:
    """Whether a browser may be able to show a picture: absolute https, `data:`, or relative to the site."""
    url = re.sub("[\t\r\n]", "", url.strip("".join(map(chr, range(33)))))
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url)
    if url[:2] in {"//", "\\\\", "/\\", "\\/"}:
        return is_picture("https://" + url[2:])
    if scheme is None:
        return bool(url) and all(each >= " " for each in url)
    try:
        return scheme[1].lower() == "data" or (_is_https(url) and urlsplit(url).port != 0)
    except ValueError:
        return False


def instant(text: str) -> float:
    """Return the seconds since the epoch of an RFC 3339 time; digits beyond microseconds are dropped."""
    text = re.sub(r"(\.\d{6})\d+", r"\1", text.upper().replace("Z", "+00:00"))
    return datetime.fromisoformat(text).timestamp()
