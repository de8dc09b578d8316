"""What is wrong, or odd, about the bytes of a send job: every rule of `pushmill check`.

Stricter than the worker, which passes over what it does not know and finds a recipient's flaws one by one.
Pure, and no finding holds a value of the job: keys, endpoints and texts stay where they are.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec
from msgspec import Struct, inspect

from crypto.errors import SubscriptionKeyError
from crypto.keys import parse_subscription_keys
from worker.checks.content import content
from worker.checks.finding import Finding, error, shown, warning
from worker.push.services import EndpointRefusedError, Endpoints
from worker.records.job import (
    RECIPIENT_MAX_BYTES,
    TTL_DEFAULT,
    Decoded,
    LaterJob,
    LaterRecipient,
    Recipient,
    SendJob,
    Subscription,
    Unreadable,
    decode_job,
    within_size,
)
from worker.records.values import RecordError

RECORD_MAX_BYTES = 1_000_000
"""Close below the largest record that a broker takes unless it is configured otherwise (1 MiB)."""

TTL_SENSIBLE = 60
"""Seconds: within less, a push that has to be tried again seldom is (the first retry comes within 30)."""

SLICED_FROM = 100
"""Recipients in a stretched job above which the campaign is likely to be big."""

_BROWSERS_OWN = frozenset({"expirationTime"})
_TIER_ONLY = {
    SendJob: set(LaterJob.__struct_fields__) - set(SendJob.__struct_fields__),
    Recipient: set(LaterRecipient.__struct_fields__) - set(Recipient.__struct_fields__),
}
_INDEX = re.compile(r"\[[0-9]+\]")
_WHERE = re.compile(r" - at `\$([^`]*)`\Z")


class _People(Struct):
    recipients: list[msgspec.Raw]


_decode_recipient = msgspec.json.Decoder(Recipient).decode
# Nothing but them: what nobody reads may be no UTF-8.
_decode_people = msgspec.json.Decoder(_People).decode


def findings(value: bytes, endpoints: Endpoints) -> list[Finding]:
    """Find everything that is wrong or odd about a job; what is alike in several places is told once.

    Args:
        value: Of a record as it is produced to `push.jobs`.
        endpoints: Says which endpoints may be sent to.
    """
    try:
        decoded = decode_job(value)
    except RecordError as refusal:
        field, _, problem = refusal.problem.partition(": ")
        return [error(field, problem), *_told_once(_unknown_fields(value))]
    found = (
        *_record(value),
        *_unknown_fields(value),
        *_flaws(decoded, value),
        *_oversized(decoded, value),
        *_repeated(decoded),
        *_subscriptions(decoded, endpoints),
        *_schedule(decoded),
        *content(decoded),
    )
    return _told_once(iter(found))


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
        yield warning("value", f"is {len(value):,} bytes: brokers take 1 MiB by default; split it")


def _unknown_fields(value: bytes) -> Iterator[Finding]:
    try:
        tree = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if _is_read(value):
            yield error("value", "holds an unknown field that is not UTF-8, or is nested too deeply")
        return
    yield from _strange(tree, inspect.type_info(SendJob), "")


def _is_read(value: bytes) -> bool:
    try:
        decode_job(value)
    except RecordError:
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
                    yield error(at, _unknown(name, kind.cls, list(known)))
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


# ── recipients ──────────────────────────────────────────────────────────────────────────────────────────────


def _flaws(decoded: Decoded, value: bytes) -> Iterator[Finding]:
    if not decoded.flaws:
        return
    people = _decode_people(value).recipients
    for index, flaw in decoded.flaws.items():
        where, problem = _why(people[index])
        yield error(f"recipients[{index}]{where}", f"{problem}; this recipient ends as invalid, {flaw}")


def _oversized(decoded: Decoded, value: bytes) -> Iterator[Finding]:
    taken = replace(decoded, recipients=within_size(decoded, len(value)))
    for index, flaw in taken.flaws.items():
        if index not in decoded.flaws:
            problem = f"is larger than {RECIPIENT_MAX_BYTES:,} bytes; this recipient ends as invalid, {flaw}"
            yield error(f"recipients[{index}]", problem)


def _why(recipient: msgspec.Raw) -> tuple[str, str]:
    try:
        _decode_recipient(recipient)
    except msgspec.ValidationError as refusal:
        text = str(refusal)
        where = _WHERE.search(text)
        text = text[: where.start()] if where else text
        return where.group(1) if where else "", text[:1].lower() + text[1:]
    return "", "cannot be read"


def _repeated(decoded: Decoded) -> Iterator[Finding]:
    ids: set[str] = set()
    endpoints: set[str] = set()
    for index, recipient in enumerate(decoded.recipients):
        if recipient.id in ids:
            yield error(
                f"recipients[{index}].id", "is an earlier recipient's too: outcomes are told apart by it"
            )
        ids.add(recipient.id)
        if isinstance(recipient, Unreadable):
            continue
        endpoint = recipient.subscription.endpoint
        if endpoint in endpoints:
            yield warning(f"recipients[{index}].subscription.endpoint", "is an earlier recipient's too")
        endpoints.add(endpoint)


def _subscriptions(decoded: Decoded, endpoints: Endpoints) -> Iterator[Finding]:
    for index, recipient in enumerate(decoded.recipients):
        if isinstance(recipient, Unreadable):
            continue
        subscription = recipient.subscription
        at = f"recipients[{index}].subscription"
        try:
            endpoints.parse(subscription.endpoint)
        except EndpointRefusedError as refusal:
            yield error(f"{at}.endpoint", refusal.problem)
        try:
            parse_subscription_keys(subscription.keys.p256dh, subscription.keys.auth)
        except SubscriptionKeyError as refusal:
            yield error(f"{at}.keys.{refusal.field}", refusal.problem)


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────


def _schedule(decoded: Decoded) -> Iterator[Finding]:
    job = decoded.job
    if 0 < job.ttl < TTL_SENSIBLE:
        yield warning("ttl", f"is below {TTL_SENSIBLE} seconds: few browsers will get it in time")
    if job.ttl > TTL_DEFAULT:
        yield warning("ttl", "is above 28 days (2419200), the longest that push services keep a message")
    if job.stretch_time and job.slice is None and len(decoded.recipients) >= SLICED_FROM:
        yield warning("stretch_time", "goes with slice in big campaigns: neighbours then fall due together")
    yield from _too_late(decoded)


def _too_late(decoded: Decoded) -> Iterator[Finding]:
    job = decoded.job
    if job.not_after is None:
        return
    end = job.not_after.timestamp()
    if job.start_at is not None:
        start = job.start_at.timestamp()
        if start >= end:
            yield error("not_after", "is not after start_at: nothing can be sent")
        elif start + (job.stretch_time or 0) > end:
            yield warning("not_after", "is before start_at + stretch_time: the last recipients lapse")
    for index, recipient in enumerate(decoded.recipients):
        if isinstance(recipient, Unreadable) or recipient.not_before is None:
            continue
        if recipient.not_before.timestamp() >= end:
            yield error(f"recipients[{index}].not_before", "is not before not_after: this recipient lapses")
