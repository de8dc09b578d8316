"""Every reason for which a record would be a dead letter, not only the first one that its decoder meets.

The worker's decoder is the only judge: each field that it refuses is put right in a copy, and the copy is
judged again. Pure; knows no rule for any field.
"""

import re
from collections.abc import Iterator
from copy import copy
from typing import Any

import msgspec

from worker.checks.finding import Finding, error
from worker.checks.syntax import explain
from worker.records.job import RECIPIENTS_MAX, decode_job
from worker.records.tolerance import repaired
from worker.records.values import RecordError, encode_json

FIELDS_MAX = 50
"""Fields of a record that are put right, at most; nobody reads further."""

_RECIPIENT: dict[str, Any] = {
    "id": "x",
    "subscription": {"endpoint": "https://x.example/", "keys": {"p256dh": "", "auth": ""}},
}
_NOTIFICATION = {"title": "x", "url": "https://x.example/"}
_JOB: dict[str, Any] = {
    "v": 1,
    "job_id": "x",
    "campaign_id": "x",
    "site_id": "x",
    "notification": _NOTIFICATION,
    "recipients": [_RECIPIENT],
}
# What is put in the place of a value that is refused, by the field's name; all others are left out instead.
_RIGHT: dict[str, Any] = {
    **_JOB,
    **_NOTIFICATION,
    "payload": "x",
    "action": "x",
    "first": 0,
    "total": 2**52,
}
_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")
_ONE_OF_TWO = "exactly one of"


def refusals(value: bytes, first: RecordError) -> Iterator[Finding]:
    """Yield what makes a record a dead letter.

    Args:
        value: The record's value, which the decoder refuses.
        first: Its reason.
    """
    fault = explain(value) if first.code == "bad_json" else None
    if fault is not None:
        yield error("value", f"is not JSON: it {fault.problem}", fault.place)
        return
    tree = _tree(value)
    if isinstance(tree, str):
        yield error("value", "is a text instead of an object: was it serialized twice?")
    elif not isinstance(tree, dict) or first.code == "unsupported_version":
        yield _finding(first)  # another version may differ in every field
    else:
        yield from _of_fields(tree)
        yield from _of_recipients(tree.get("recipients"))


def _tree(value: bytes) -> Any:
    try:
        return msgspec.json.decode(repaired(value))
    except (msgspec.MsgspecError, RecursionError):
        return None


def _finding(refusal: RecordError) -> Finding:
    field, _, problem = refusal.problem.partition(": ")
    return error(field, problem)


def _judged(tree: dict[str, Any]) -> RecordError | None:
    try:
        decode_job(encode_json(tree))
    except RecordError as refusal:
        return refusal
    except RecursionError:
        return RecordError("bad_json", "value: is nested too deeply")
    return None


def _of_fields(tree: dict[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong in a job beside its recipients."""
    recipients = tree.get("recipients")
    if isinstance(recipients, list) and 0 < len(recipients) <= RECIPIENTS_MAX:
        tree = {**tree, "recipients": [_RECIPIENT] * len(recipients)}
    seen: set[str] = set()
    while len(seen) < FIELDS_MAX and (refusal := _judged(tree)) is not None:
        found = _finding(refusal)
        if found.field in seen:
            return
        seen.add(found.field)
        yield found
        repaired = _repaired(tree, found)
        if repaired is None:
            return
        tree = repaired


def _of_recipients(recipients: Any) -> Iterator[Finding]:
    if not isinstance(recipients, list) or len(recipients) > RECIPIENTS_MAX:
        return
    for index, recipient in enumerate(recipients):
        refusal = _judged({**_JOB, "recipients": [recipient]})
        if refusal is not None:
            found = _finding(refusal)
            yield error(found.field.replace("recipients[0]", f"recipients[{index}]", 1), found.problem)


def _repaired(tree: dict[str, Any], found: Finding) -> dict[str, Any] | None:
    """Return a copy of a job in which one field is right; None if there is no such field."""
    if found.problem.startswith(_ONE_OF_TWO):
        return {
            **{name: item for name, item in tree.items() if name != "payload"},
            "notification": _NOTIFICATION,
        }
    steps = [int(index) if index else name for name, index in _STEP.findall(found.field)]
    return None if not steps or found.field == "value" else _put_right(tree, steps)


def _put_right(holder: Any, steps: list[str | int]) -> Any:
    """Return a copy of an object or a list with the value right to which these steps lead."""
    step, rest = steps[0], steps[1:]
    fits = (
        isinstance(holder, dict) if isinstance(step, str) else isinstance(holder, list) and step < len(holder)
    )
    if not fits:
        return None
    changed = copy(holder)
    if rest:
        inner = _put_right(holder.get(step) if isinstance(holder, dict) else holder[step], rest)
        if inner is None:
            return None
        changed[step] = inner
    elif step in _RIGHT:
        changed[step] = _RIGHT[str(step)]
    elif isinstance(changed, dict):
        changed.pop(step, None)
    else:
        del changed[step]
    return changed
