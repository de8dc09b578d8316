"""What a push service gives as its reason, in its own words, for whoever looks at a single push.

Decides what of an answer is a reason, and takes every secret out of it. Never for logs, metrics or outcomes:
those get the stable words of `answers`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from worker.push.answers import PushResponse

REASON_MAX_CHARS = 300
_HIDDEN = "…"
_SECRET_MIN_CHARS = 6
"""Shorter parts of an endpoint (`fcm`, `send`, `wpush`) are words that a reason may need."""

# docs/push-services.md: WNS.
_HEADERS = ("x-wns-status", "x-wns-error-description")
# docs/push-services.md: Mozilla (errno, error, message), Apple (reason); Google's APIs nest them in `error`.
_MEMBERS = ("errno", "reason", "error", "status", "message")
_NOT_SHOWN = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
# A long word is a token unless it consists of letters alone, as `UnauthorizedRegistration` does.
_TOKEN = re.compile(r"(?=[A-Za-z]{,39}[0-9_~+/=.:%-]|[A-Za-z]{40})[A-Za-z0-9_~+/=.:%-]{24,}")
_PARTS = (re.compile(r"[/?&=]+"), re.compile(r"[/?&=:]+"))


def reason_given(answer: PushResponse, secrets: Iterable[str]) -> str:
    """Return the reason in an answer, or an empty text if it gives none.

    Args:
        answer: What the push service answered.
        secrets: The endpoint and the keys of the subscription: no part of them is in the result, nor is any
            other URL or token.
    """
    found = [answer.headers[name] for name in _HEADERS if name in answer.headers]
    found += _in_body(answer.body.decode(errors="replace"))
    text = " ".join(", ".join(dict.fromkeys(found)).split())
    text = "".join(char if char.isprintable() else "?" for char in _without(text, secrets))
    return text if len(text) <= REASON_MAX_CHARS else text[:REASON_MAX_CHARS] + _HIDDEN


def _in_body(body: str) -> list[str]:
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        tree = None
    if isinstance(tree, dict):
        return [*_in_tree(tree)]
    text = _NOT_SHOWN.sub(" ", body).strip()
    return [text] if text else []


def _in_tree(tree: dict[str, Any]) -> Iterator[str]:
    for name in _MEMBERS:
        match tree.get(name):
            case dict() as inner if name == "error":
                yield from (text for each in _MEMBERS if isinstance(text := inner.get(each), str))
            case str() as text if text:
                yield text
            case int() as number if not isinstance(number, bool):
                yield f"{name} {number}"


def _without(text: str, secrets: Iterable[str]) -> str:
    for part in sorted(_parts(secrets), key=len, reverse=True):
        text = text.replace(part, _HIDDEN)
    return _TOKEN.sub(_HIDDEN, _URL.sub(_HIDDEN, text))


def _parts(secrets: Iterable[str]) -> set[str]:
    parts = {part for secret in secrets for each in _PARTS for part in (secret, *each.split(secret))}
    return {part for part in parts if len(part) >= _SECRET_MIN_CHARS}
