"""Answers of a push service as values: what is said, and how its saying goes wrong.

Pure: no sockets, no clock. ``render`` is the only place that knows how an answer looks on the wire.
"""

import math
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus

import msgspec


class Fault(StrEnum):
    """What can go wrong with one push: an answer that refuses it, or an answer that goes astray."""

    # Refusals: a well-formed answer with the status of ``STATUSES``.
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    THROTTLED = "throttled"
    GONE = "gone"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    ERROR = "error"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    FOUND = "found"
    TEMPORARY_REDIRECT = "temporary_redirect"
    # Transport: what happens to the connection, or to the bytes of an answer.
    RESET_EARLY = "reset_early"
    RESET_LATE = "reset_late"
    RESET_MIDWAY = "reset_midway"
    CLOSE = "close"
    CUT = "cut"
    HANG = "hang"
    ENDLESS_BODY = "endless_body"
    SLOW_HEADERS = "slow_headers"
    OVERSIZED_HEADERS = "oversized_headers"
    GARBAGE = "garbage"
    INFORMATIONAL = "informational"
    SPLIT = "split"


STATUSES: dict[Fault, int] = {
    Fault.BAD_REQUEST: 400,
    Fault.UNAUTHORIZED: 401,
    Fault.FORBIDDEN: 403,
    Fault.NOT_FOUND: 404,
    Fault.THROTTLED: 406,
    Fault.GONE: 410,
    Fault.TOO_LARGE: 413,
    Fault.TOO_MANY: 429,
    Fault.ERROR: 500,
    Fault.BAD_GATEWAY: 502,
    Fault.UNAVAILABLE: 503,
    Fault.FOUND: 302,
    Fault.TEMPORARY_REDIRECT: 307,
}
"""Status of each refusal; every other fault happens to a 201."""

UNTAKEN = frozenset({Fault.RESET_EARLY, Fault.HANG, Fault.GARBAGE})
"""Transport faults of a service that did not take the push; with all others it did, whatever was seen."""

UNANSWERED = UNTAKEN | {Fault.RESET_LATE}
"""Transport faults that let no status through: recorded as status 0."""


class ScriptedAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one push is answered with; also the word in which tests script a service.

    ``retry_after`` and ``delay`` (before the answer) are seconds. An answer without headers and body
    gets those its profile is known to send with that status.
    """

    status: int = 201
    retry_after: float | None = None
    http_date: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    delay: float = 0.0
    fault: Fault | None = None

    @property
    def taken(self) -> bool:
        """Whether the service keeps the push, seen from the service's side."""
        return 200 <= self.status < 300 and self.fault not in UNTAKEN

    @property
    def seen_status(self) -> int:
        """The status that reaches the sender, 0 if none does."""
        return 0 if self.fault in UNANSWERED else self.status


TAKEN = ScriptedAnswer(201)


def render(answer: ScriptedAnswer, *, now: float, close: bool) -> bytes:
    """Write an answer as HTTP/1.1; ``now`` (epoch seconds) is what a Retry-After date counts from."""
    body = answer.body.encode()
    lines = [f"HTTP/1.1 {answer.status} {phrase(answer.status)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if answer.retry_after is not None:
        lines.append(f"Retry-After: {_retry_after(answer, now)}")
    if close:
        lines.append("Connection: close")
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode("latin-1") + body


def phrase(status: int) -> str:
    """Reason phrase of a status, ``Unknown`` for one that nobody has registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _retry_after(answer: ScriptedAnswer, now: float) -> str:
    seconds = math.ceil(answer.retry_after or 0.0)  # the header knows whole seconds only (RFC 9110, 10.2.3)
    return formatdate(now + seconds, usegmt=True) if answer.http_date else str(seconds)
