"""Rules for a job's content: it is rendered for each recipient, as the worker would. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from crypto.aes128gcm import MAX_PLAINTEXT
from crypto.errors import PayloadTooLargeError
from worker.checks.finding import Finding, error, shown, warning
from worker.push.message import TEMPLATES_MAX_BYTES, Message, compile_message
from worker.push.template import BadNotificationError
from worker.records.job import Decoded, SendJob
from worker.records.notification import Notification
from worker.records.recipient import Recipient

FIREFOX_ANDROID_MAX = 2_800
"""Approximate bytes of plaintext that Firefox on Android accepts."""

_ANY_URL = "https://example.com/"
_BUILT_IN = frozenset({"job_id", "campaign_id", "site_id", "recipient_id"})
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*(\|.*?)?\}\}", re.DOTALL)
"""Like the one of `worker.push.template`, but distinguishes an empty fallback from none."""
_NAME = re.compile(r"[A-Za-z0-9_]+")


def content(decoded: Decoded) -> Iterator[Finding]:
    """Find the problems of a job's content for its recipients: texts, sizes, variables."""
    job = decoded.job
    readable = {i: each for i, each in enumerate(decoded.recipients) if isinstance(each, Recipient)}
    message = compile_message(job)
    if message.template_bytes > TEMPLATES_MAX_BYTES:
        size = f"{message.template_bytes:,} bytes before variables are filled in"
        yield error(
            _field(job),
            f"is too large for every recipient: {size}, over the limit of {TEMPLATES_MAX_BYTES:,}",
        )
        return
    yield from _rendered(job, message, readable, len(decoded.recipients))
    yield from _pictures(job, readable, len(decoded.recipients))
    yield from _used_variables(job, readable)


def _field(job: SendJob) -> str:
    return "payload" if job.notification is None else "notification"


def _rendered(job: SendJob, message: Message, recipients: dict[int, Recipient], of: int) -> Iterator[Finding]:
    bad: list[int] = []
    sizes: dict[int, int] = {}
    for index, recipient in recipients.items():
        try:
            sizes[index] = len(message.render(recipient))
        except BadNotificationError:
            bad.append(index)
        except PayloadTooLargeError as refusal:
            sizes[index] = refusal.size
    yield from _broken_fields(job, {index: recipients[index] for index in bad}, of)
    yield from _sized(_field(job), sizes, len(recipients))


def _sized(field: str, sizes: dict[int, int], of: int) -> Iterator[Finding]:
    too_large = [index for index, size in sizes.items() if size > MAX_PLAINTEXT]
    large = [index for index, size in sizes.items() if FIREFOX_ANDROID_MAX < size <= MAX_PLAINTEXT]
    if too_large:
        size = max(sizes.values())
        problem = f"is too large {_for_some(too_large, of)}: at least {size:,} bytes"
        yield error(field, f"{problem}, over the limit of {MAX_PLAINTEXT:,}")
    if large:
        yield warning(
            field,
            f"is over {FIREFOX_ANDROID_MAX:,} bytes {_for_some(large, of)}: too large for Firefox on Android",
        )


def _broken_fields(job: SendJob, recipients: dict[int, Recipient], of: int) -> Iterator[Finding]:
    """Find the fields that do not render, by rendering each without the others."""
    for field, problem, probe in _probes(job) if recipients else ():
        wrong = [index for index, recipient in recipients.items() if _renders_badly(probe, recipient)]
        if wrong:
            yield error(field, f"{problem} {_for_some(wrong, of)}")


def _renders_badly(message: Message, recipient: Recipient) -> bool:
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
    urls = [("url", notification.url)]
    texts = [("title", notification.title)]
    for number, action in enumerate(notification.actions or ()):
        urls.append((f"actions[{number}].url", action.url))
        texts.append((f"actions[{number}].title", action.title))
    for name, template in texts:
        probe = Notification(template, _ANY_URL)
        yield f"notification.{name}", "is empty", _compiled(job, probe)
    for name, template in urls:
        probe = Notification("t", template)
        yield f"notification.{name}", "is not an absolute https URL", _compiled(job, probe)


def _pictures(job: SendJob, recipients: dict[int, Recipient], of: int) -> Iterator[Finding]:
    """Find the pictures that are left out, by rendering each without the rest."""
    for field, template in _picture_templates(job.notification):
        probe = _compiled(job, Notification("t", _ANY_URL, icon=template))
        without = [index for index, recipient in recipients.items() if _is_left_out(probe, recipient)]
        if without:
            some = _for_some(without, of)
            yield warning(field, f"is left out {some}: it is neither absolute https, nor data:, nor relative")


def _picture_templates(notification: Notification | None) -> Iterator[tuple[str, str]]:
    if notification is None:
        return
    pictures = {name: getattr(notification, name) for name in ("icon", "image", "badge")}
    for number, action in enumerate(notification.actions or ()):
        pictures[f"actions[{number}].icon"] = action.icon
    for name, template in pictures.items():
        if template is not None:
            yield f"notification.{name}", template


def _is_left_out(probe: Message, recipient: Recipient) -> bool:
    try:
        return "icon" not in json.loads(probe.render(recipient))["notification"]
    except PayloadTooLargeError:
        return False


def _compiled(job: SendJob, notification: Notification) -> Message:
    return compile_message(msgspec.structs.replace(job, notification=notification))


def _for_some(indexes: list[int], of: int) -> str:
    return f"for {len(indexes)} of {of} recipients (first: recipients[{indexes[0]}])"


# ── variables ───────────────────────────────────────────────────────────────────────────────────────────────


def _used_variables(job: SendJob, recipients: dict[int, Recipient]) -> Iterator[Finding]:
    content = job.payload if job.notification is None else job.notification
    templates = [] if isinstance(content, str) else _templates(msgspec.to_builtins(content), _field(job))
    used: dict[str, list[tuple[str, bool]]] = {}
    for field, text in templates:
        if "{{" in _VARIABLE.sub("", text):
            yield error(field, "has a {{ that does not start a variable, and is sent unchanged")
        for match in _VARIABLE.finditer(text):
            used.setdefault(match.group(1), []).append((field, match.group(2) is None))
    if isinstance(job.payload, str) and "{{" in job.payload:
        yield warning("payload", "is sent unchanged: its {{…}} are not filled in")
    yield from _missing(used, recipients)
    yield from _unused(used, recipients, _field(job))


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


def _missing(used: dict[str, list[tuple[str, bool]]], recipients: dict[int, Recipient]) -> Iterator[Finding]:
    for name, uses in used.items():
        bare = [field for field, has_no_fallback in uses if has_no_fallback]
        missing = [i for i, each in recipients.items() if (each.variables or {}).get(name) is None]
        if bare and missing and name not in _BUILT_IN:
            some = _for_some(missing, len(recipients))
            yield warning(bare[0], f"{{{{{name}}}}} has no value {some}, and no fallback: it is left empty")


def _unused(
    used: dict[str, list[tuple[str, bool]]], recipients: dict[int, Recipient], content: str
) -> Iterator[Finding]:
    for index, recipient in recipients.items():
        for name in recipient.variables or ():
            field = f"recipients[{index}].variables.{shown(name)}"
            if name in _BUILT_IN:
                yield warning(field, "is a built-in variable: the value given here is ignored")
            elif not _NAME.fullmatch(name):
                yield error(field, "is not a valid variable name: use A-Z, a-z, 0-9 and _")
            elif name not in used:
                yield warning(field, f"is not used in the {content}")
