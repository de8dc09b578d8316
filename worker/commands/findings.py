"""What is wrong, or odd, about the bytes of a send job: every rule of `pushmill check`.

Stricter than the worker, which passes over what it does not know and finds a recipient's flaws one by one.
Pure, and no finding holds a value of the job: keys, endpoints and texts stay where they are.
"""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct, inspect

from crypto.aes128gcm import MAX_PLAINTEXT
from crypto.errors import PayloadTooLargeError, SubscriptionKeyError
from crypto.keys import parse_subscription_keys
from worker.job import (
    TTL_DEFAULT,
    Decoded,
    JobError,
    LaterJob,
    LaterRecipient,
    Notification,
    Recipient,
    SendJob,
    Subscription,
    decode_job,
)
from worker.personalise import BadNotificationError, Message, compile_message
from worker.services import EndpointRefusedError, Endpoints

FIREFOX_ANDROID_MAX = 2_800
"""Bytes of plaintext that Firefox on Android takes, about."""

RECORD_MAX_BYTES = 1_000_000
"""Close below the largest record that a broker takes unless it is configured otherwise (1 MiB)."""

TTL_SENSIBLE = 60
"""Seconds: within less, a push that has to be tried again seldom is (the first retry comes within 30)."""

SLICED_FROM = 100
"""Recipients in a stretched job above which the campaign is likely to be big."""

_BUILT_IN = frozenset({"job_id", "campaign_id", "site_id", "recipient_id"})
_BROWSERS_OWN = frozenset({"expirationTime"})
_TIER_ONLY = {
    SendJob: set(LaterJob.__struct_fields__) - set(SendJob.__struct_fields__),
    Recipient: set(LaterRecipient.__struct_fields__) - set(Recipient.__struct_fields__),
}
_SHOWABLE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_INDEX = re.compile(r"\[[0-9]+\]")
_WHERE = re.compile(r" - at `\$([^`]*)`\Z")
_VARIABLE = re.compile(r"\{\{([A-Za-z0-9_]+)(\|.*?)?\}\}", re.DOTALL)
"""As `worker.personalise` has it, but tells an empty fallback from none."""
_NAME = re.compile(r"[A-Za-z0-9_]+")


class Severity(StrEnum):
    """Whether a finding must be mended."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or odd.

    Attributes:
        severity: Errors make the check fail.
        field: Path from the job's top (`recipients[3].subscription`), or `value` for all of it.
        problem: In words, without the value.
    """

    severity: Severity
    field: str
    problem: str


class _Sendable(Recipient, frozen=True, kw_only=True):
    subscription: Subscription


def findings(value: bytes, endpoints: Endpoints) -> list[Finding]:
    """Find everything that is wrong or odd about a job; what is alike in several places is told once.

    Args:
        value: Of a record as it is produced to `push.jobs`.
        endpoints: Says which endpoints may be sent to.
    """
    try:
        decoded = decode_job(value)
    except JobError as error:
        field, _, problem = error.problem.partition(": ")
        return [_error(field, problem), *_told_once(_unknown_fields(value))]
    found = (
        *_record(value),
        *_unknown_fields(value),
        *_flaws(decoded, value),
        *_repeated(decoded.job),
        *_subscriptions(decoded.job, endpoints),
        *_schedule(decoded.job),
        *_content(decoded),
    )
    return _told_once(iter(found))


def _error(field: str, problem: str) -> Finding:
    return Finding(Severity.ERROR, field, problem)


def _warning(field: str, problem: str) -> Finding:
    return Finding(Severity.WARNING, field, problem)


def _told_once(found: Iterator[Finding]) -> list[Finding]:
    """Keep the first of findings that differ in nothing but an index, with the number of the others."""
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for each in found:
        alike.setdefault((each.severity, _INDEX.sub("[]", each.field), each.problem), []).append(each)
    return [
        replace(first, problem=f"{first.problem} (and {len(more)} more like it)") if more else first
        for first, *more in alike.values()
    ]


# ── the record, and what nobody reads ───────────────────────────────────────────────────────────────────────


def _record(value: bytes) -> Iterator[Finding]:
    if len(value) > RECORD_MAX_BYTES:
        yield _warning("value", f"is {len(value):,} bytes: brokers take 1 MiB by default; split it")


def _unknown_fields(value: bytes) -> Iterator[Finding]:
    try:
        tree = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if _is_read(value):
            yield _error("value", "holds an unknown field that is not UTF-8, or is nested too deeply")
        return
    yield from _strange(tree, inspect.type_info(SendJob), "")


def _is_read(value: bytes) -> bool:
    try:
        decode_job(value)
    except JobError:
        return False
    return True


def _strange(tree: object, kind: inspect.Type, path: str) -> Iterator[Finding]:
    """Walk a value and its type side by side, for the names that the type does not know."""
    match kind, tree:
        case inspect.StructType(), dict():
            known = {field.encode_name: field.type for field in kind.fields}
            for name, item in tree.items():
                at = f"{path}.{shown(name)}".lstrip(".")
                if name in known:
                    yield from _strange(item, known[name], at)
                elif not (kind.cls is Subscription and name in _BROWSERS_OWN):
                    yield _error(at, _unknown(name, kind.cls, list(known)))
        case inspect.ListType(), list():
            for index, item in enumerate(tree):
                yield from _strange(item, kind.item_type, f"{path}[{index}]")
        case inspect.UnionType(), _:
            for each in kind.types:
                yield from _strange(tree, each, path)


def _unknown(name: str, owner: type[Struct], known: list[str]) -> str:
    if name in _TIER_ONLY.get(owner, ()):
        return "is for the records that pushmill writes to push.later.* alone, and is ignored"
    meant = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"is unknown, and is ignored; did you mean {meant[0]}?" if meant else "is unknown, and is ignored"


def shown(name: str) -> str:
    """A name out of the job, so that it can do nothing to a terminal."""
    return name if _SHOWABLE.fullmatch(name) else json.dumps(name[:64])


# ── recipients ──────────────────────────────────────────────────────────────────────────────────────────────


def _flaws(decoded: Decoded, value: bytes) -> Iterator[Finding]:
    if not decoded.flaws:
        return
    people = msgspec.json.decode(value)["recipients"]
    for index, flaw in decoded.flaws.items():
        where, problem = _why(people[index])
        yield _error(f"recipients[{index}]{where}", f"{problem}; this recipient ends as invalid, {flaw}")


def _why(recipient: object) -> tuple[str, str]:
    try:
        msgspec.convert(recipient, _Sendable)
    except msgspec.ValidationError as error:
        text = str(error)
        where = _WHERE.search(text)
        text = text[: where.start()] if where else text
        return where.group(1) if where else "", text[:1].lower() + text[1:]
    return "", "cannot be read"


def _repeated(job: SendJob) -> Iterator[Finding]:
    ids: set[str] = set()
    endpoints: set[str] = set()
    for index, recipient in enumerate(job.recipients):
        if recipient.id in ids:
            yield _error(
                f"recipients[{index}].id", "is an earlier recipient's too: outcomes are told apart by it"
            )
        ids.add(recipient.id)
        endpoint = recipient.subscription.endpoint if recipient.subscription else None
        if endpoint in endpoints:
            yield _warning(f"recipients[{index}].subscription.endpoint", "is an earlier recipient's too")
        if endpoint is not None:
            endpoints.add(endpoint)


def _subscriptions(job: SendJob, endpoints: Endpoints) -> Iterator[Finding]:
    for index, recipient in enumerate(job.recipients):
        subscription = recipient.subscription
        if subscription is None:
            continue
        at = f"recipients[{index}].subscription"
        try:
            endpoints.parse(subscription.endpoint)
        except EndpointRefusedError as error:
            yield _error(f"{at}.endpoint", error.problem)
        try:
            parse_subscription_keys(subscription.keys.p256dh, subscription.keys.auth)
        except SubscriptionKeyError as error:
            yield _error(f"{at}.keys.{error.field}", error.problem)


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────


def _schedule(job: SendJob) -> Iterator[Finding]:
    if 0 < job.ttl < TTL_SENSIBLE:
        yield _warning("ttl", f"is below {TTL_SENSIBLE} seconds: few browsers will get it in time")
    if job.ttl > TTL_DEFAULT:
        yield _warning("ttl", "is above 28 days (2419200), the longest that push services keep a message")
    if job.stretch_time and job.slice is None and len(job.recipients) >= SLICED_FROM:
        yield _warning("stretch_time", "goes with slice in big campaigns: neighbours then fall due together")
    yield from _too_late(job)


def _too_late(job: SendJob) -> Iterator[Finding]:
    if job.not_after is None:
        return
    end = job.not_after.timestamp()
    if job.start_at is not None:
        start = job.start_at.timestamp()
        if start >= end:
            yield _error("not_after", "is not after start_at: nothing can be sent")
        elif start + (job.stretch_time or 0) > end:
            yield _warning("not_after", "is before start_at + stretch_time: the last recipients lapse")
    for index, recipient in enumerate(job.recipients):
        if recipient.not_before and recipient.not_before.timestamp() >= end:
            yield _error(f"recipients[{index}].not_before", "is not before not_after: this recipient lapses")


# ── content ─────────────────────────────────────────────────────────────────────────────────────────────────


def _content(decoded: Decoded) -> Iterator[Finding]:
    job = decoded.job
    sound = {i: person for i, person in enumerate(job.recipients) if i not in decoded.flaws}
    try:
        message = compile_message(job)
    except RecursionError:
        yield _error("notification.data", "is nested too deeply")
        return
    yield from _rendered(job, message, sound)
    yield from _used_variables(job, sound)


def _rendered(job: SendJob, message: Message, people: dict[int, Recipient]) -> Iterator[Finding]:
    bad: list[int] = []
    sizes: dict[int, int] = {}
    for index, recipient in people.items():
        try:
            sizes[index] = len(message.render(recipient))
        except BadNotificationError:
            bad.append(index)
        except PayloadTooLargeError as error:
            sizes[index] = error.size
    yield from _blamed(job, {index: people[index] for index in bad})
    yield from _sized("payload" if job.notification is None else "notification", sizes, len(people))


def _sized(field: str, sizes: dict[int, int], of: int) -> Iterator[Finding]:
    too_large = [index for index, size in sizes.items() if size > MAX_PLAINTEXT]
    large = [index for index, size in sizes.items() if FIREFOX_ANDROID_MAX < size <= MAX_PLAINTEXT]
    if too_large:
        size = max(sizes.values())
        whom = _whom(too_large, of)
        yield _error(field, f"is too large {whom}: {size:,} bytes or more, and {MAX_PLAINTEXT:,} fit a push")
    if large:
        yield _warning(
            field,
            f"is over {FIREFOX_ANDROID_MAX:,} bytes {_whom(large, of)}: too large for Firefox on Android",
        )


def _blamed(job: SendJob, people: dict[int, Recipient]) -> Iterator[Finding]:
    """Name the fields that come out wrong, by rendering each without the others."""
    for field, problem, probe in _probes(job) if people else ():
        wrong = [index for index, recipient in people.items() if _comes_out_bad(probe, recipient)]
        if wrong:
            yield _error(field, f"{problem} {_whom(wrong, len(job.recipients))}")


def _comes_out_bad(message: Message, recipient: Recipient) -> bool:
    try:
        message.render(recipient)
    except BadNotificationError:
        return True
    except PayloadTooLargeError:
        pass
    return False


def _probes(job: SendJob) -> Iterator[tuple[str, str, Message]]:
    notification = job.notification
    if notification is None:
        return
    urls = {"url": notification.url} | {
        name: getattr(notification, name) for name in ("icon", "image", "badge")
    }
    texts = [("title", notification.title)]
    for number, action in enumerate(notification.actions or ()):
        urls |= {f"actions[{number}].url": action.url, f"actions[{number}].icon": action.icon}
        texts.append((f"actions[{number}].title", action.title))
    for name, template in texts:
        probe = Notification(template, "https://example.com/")
        yield f"notification.{name}", "is empty", _compiled(job, probe)
    for name, template in urls.items():
        if template is not None:
            yield (
                f"notification.{name}",
                "is no absolute https URL",
                _compiled(job, Notification("t", template)),
            )


def _compiled(job: SendJob, notification: Notification) -> Message:
    return compile_message(msgspec.structs.replace(job, notification=notification))


def _whom(indexes: list[int], of: int) -> str:
    return f"for {len(indexes)} of {of} recipients (recipients[{indexes[0]}] first)"


# ── variables ───────────────────────────────────────────────────────────────────────────────────────────────


def _used_variables(job: SendJob, people: dict[int, Recipient]) -> Iterator[Finding]:
    templates = list(_templates(msgspec.to_builtins(job.notification), "notification"))
    used: dict[str, list[tuple[str, bool]]] = {}
    for field, text in templates:
        if "{{" in _VARIABLE.sub("", text):
            yield _warning(field, "has a {{ that begins no variable, and is sent as it is")
        for match in _VARIABLE.finditer(text):
            used.setdefault(match.group(1), []).append((field, match.group(2) is None))
    if "{{" in (job.payload or ""):
        yield _warning("payload", "is sent as it is: its {{…}} are not filled in")
    yield from _lacking(used, people)
    yield from _unused(used, people)


def _templates(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    match tree:
        case str():
            yield path, tree
        case dict():
            for name, item in tree.items():
                yield from _templates(item, f"{path}.{shown(name)}")
        case list():
            for index, item in enumerate(tree):
                yield from _templates(item, f"{path}[{index}]")


def _lacking(used: dict[str, list[tuple[str, bool]]], people: dict[int, Recipient]) -> Iterator[Finding]:
    for name, places in used.items():
        bare = [field for field, has_no_fallback in places if has_no_fallback]
        lacking = [index for index, person in people.items() if name not in (person.variables or ())]
        if bare and lacking and name not in _BUILT_IN:
            whom = _whom(lacking, len(people))
            yield _warning(
                bare[0], f"{{{{{name}}}}} has no value {whom}, and no fallback: it comes out empty"
            )


def _unused(used: dict[str, list[tuple[str, bool]]], people: dict[int, Recipient]) -> Iterator[Finding]:
    for index, person in people.items():
        for name in person.variables or ():
            field = f"recipients[{index}].variables.{shown(name)}"
            if name in _BUILT_IN:
                yield _warning(field, "is built in: the value given here is not used")
            elif not _NAME.fullmatch(name):
                yield _error(field, "cannot be used: names of variables are A-Z, a-z, 0-9 and _")
            elif name not in used:
                yield _warning(field, "is used nowhere in the notification")
