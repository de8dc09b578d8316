"""Every rule for the bytes of a send job.

Stricter than the worker, which ignores unknown fields and rejects flawed recipients one by one. Pure, and no
finding contains a value of the job: keys, endpoints and texts must not reach a terminal or a log.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import msgspec
from msgspec import Struct, inspect

from crypto.errors import SubscriptionKeyError
from crypto.keys import parse_subscription_keys
from worker.checks.content import content
from worker.checks.finding import Finding, error, shown, warning
from worker.checks.refusals import refusals
from worker.push.services import EndpointRefusedError, Endpoints
from worker.records.job import (
    RECIPIENT_MAX_BYTES,
    TTL_DEFAULT,
    Decoded,
    LaterJob,
    SendJob,
    decode_job,
    within_size,
)
from worker.records.recipient import LaterRecipient, Recipient, Subscription, Unreadable
from worker.records.tolerance import repaired, tolerated
from worker.records.values import RecordError

RECORD_MAX_BYTES = 1_000_000
"""Just below the largest record that brokers accept by default (1 MiB)."""

TTL_SENSIBLE = 60
"""Seconds; with less, few pushes are retried in time (the first retry comes within 30)."""

SLICED_FROM = 100
"""Recipients in a stretched job from which on the campaign is likely to be large."""

_SET_BY_BROWSERS = frozenset({"expirationTime"})
_TIER_ONLY = {
    SendJob: set(LaterJob.__struct_fields__) - set(SendJob.__struct_fields__),
    Recipient: set(LaterRecipient.__struct_fields__) - set(Recipient.__struct_fields__),
}
_INDEX = re.compile(r"\[[0-9]+\]")
_WHERE = re.compile(r" - at `\$([^`]*)`\Z")


class _RawRecipients(Struct):
    recipients: list[msgspec.Raw]


_decode_recipient = msgspec.json.Decoder(Recipient).decode
# Reads nothing but the recipients, since unknown fields may be nested too deeply.
_decode_recipients = msgspec.json.Decoder(_RawRecipients).decode


def findings(value: bytes, endpoints: Endpoints) -> list[Finding]:
    """Find every problem of a job; problems that differ only in an index are reported once.

    Args:
        value: The value of a record as it is produced to `push.jobs`.
        endpoints: Decides which endpoints are allowed.
    """
    text = tolerated(value, SendJob)  # what the worker reads if its strict decoder refuses the record
    try:
        decoded = decode_job(value)
    except RecordError as refusal:
        return _merged(chain(refusals(value, refusal), _unknown_fields(text)))
    found = (
        *_record(value),
        *_unknown_fields(text),
        *_flaws(decoded, text),
        *_oversized(decoded, value),
        *_repeated(decoded),
        *_subscriptions(decoded, endpoints),
        *_schedule(decoded),
        *content(decoded),
    )
    return _merged(iter(found))


def _merged(found: Iterator[Finding]) -> list[Finding]:
    """Keep the first of the findings that differ only in an index, with the number of the others."""
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for each in found:
        alike.setdefault((each.severity, _INDEX.sub("[]", each.field), each.problem), []).append(each)
    return [
        replace(first, problem=f"{first.problem} (and {len(more)} more like it)") if more else first
        for first, *more in alike.values()
    ]


# ── the record, and unknown fields ──────────────────────────────────────────────────────────────────────


def _record(value: bytes) -> Iterator[Finding]:
    if len(value) > RECORD_MAX_BYTES:
        yield warning("value", f"is {len(value):,} bytes: brokers accept 1 MiB by default; split the job")
    if repaired(value) != value:
        problem = "has half of a surrogate pair, or bytes that are not UTF-8: U+FFFD is sent in their place"
        yield warning("value", problem)


def _unknown_fields(value: bytes) -> Iterator[Finding]:
    try:
        tree = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if _is_read(value):
            yield error("value", "has an unknown field that is nested too deeply")
        return
    yield from _unknown_names(tree, inspect.type_info(SendJob), "")


def _is_read(value: bytes) -> bool:
    try:
        decode_job(value)
    except RecordError:
        return False
    return True


def _unknown_names(tree: object, kind: inspect.Type, path: str) -> Iterator[Finding]:
    """Walk a value along with its type, to find the names that the type does not know."""
    match kind, tree:
        case inspect.StructType(), dict():
            known = {field.encode_name: field.type for field in kind.fields}
            for name, item in tree.items():
                at = f"{path}.{shown(name)}".lstrip(".")
                if name in known:
                    yield from _unknown_names(item, known[name], at)
                elif not (kind.cls is Subscription and name in _SET_BY_BROWSERS):
                    yield error(at, _unknown(name, kind.cls, list(known)))
        case inspect.ListType(), list():
            for index, item in enumerate(tree):
                yield from _unknown_names(item, kind.item_type, f"{path}[{index}]")
        case inspect.UnionType(), _:
            for each in kind.types:
                yield from _unknown_names(tree, each, path)


def _unknown(name: str, owner: type[Struct], known: list[str]) -> str:
    if name in _TIER_ONLY.get(owner, ()):
        return "is only for records that pushmill writes to push.later.*, and is ignored"
    meant = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"is unknown, and is ignored; did you mean {meant[0]}?" if meant else "is unknown, and is ignored"


# ── recipients ──────────────────────────────────────────────────────────────────────────────────────────


def _flaws(decoded: Decoded, value: bytes) -> Iterator[Finding]:
    if not decoded.flaws:
        return
    recipients = _decode_recipients(value).recipients
    for index, flaw in decoded.flaws.items():
        where, problem = _why(recipients[index])
        yield error(f"recipients[{index}]{where}", f"{problem}; this recipient will be invalid, {flaw}")


def _oversized(decoded: Decoded, value: bytes) -> Iterator[Finding]:
    taken = msgspec.structs.replace(decoded, recipients=within_size(decoded, len(value)))
    for index, flaw in taken.flaws.items():
        if index not in decoded.flaws:
            problem = f"is larger than {RECIPIENT_MAX_BYTES:,} bytes; this recipient will be invalid, {flaw}"
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
            yield error(f"recipients[{index}].id", "repeats an earlier one: outcomes would be ambiguous")
        ids.add(recipient.id)
        if isinstance(recipient, Unreadable):
            continue
        endpoint = recipient.subscription.endpoint
        if endpoint in endpoints:
            yield warning(f"recipients[{index}].subscription.endpoint", "repeats an earlier one")
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


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────


def _schedule(decoded: Decoded) -> Iterator[Finding]:
    job = decoded.job
    if 0 < job.ttl < TTL_SENSIBLE:
        yield warning("ttl", f"is below {TTL_SENSIBLE} seconds: few browsers will receive it in time")
    if job.ttl > TTL_DEFAULT:
        yield warning("ttl", "is above 28 days (2419200), the longest that push services keep a message")
    if job.stretch_time and job.slice is None and len(decoded.recipients) >= SLICED_FROM:
        yield warning(
            "stretch_time",
            "should come with slice in large campaigns: recipients of a record then fall due together",
        )
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
            yield warning("not_after", "is before start_at + stretch_time: the last recipients will lapse")
    for index, recipient in enumerate(decoded.recipients):
        if isinstance(recipient, Unreadable) or recipient.not_before is None:
            continue
        if recipient.not_before.timestamp() >= end:
            problem = "is not before not_after: this recipient will lapse"
            yield error(f"recipients[{index}].not_before", problem)
