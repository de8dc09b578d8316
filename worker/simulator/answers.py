"""The answers of a push service as values: what it answers, and what goes wrong on the way.

Pure: no sockets, no clock. Only ``render`` knows what an answer looks like on the wire.
"""

import math
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus

import msgspec


class Fault(StrEnum):
    """What can go wrong with one push: it is refused, or its answer does not arrive as it should."""

    # Refusals: a well-formed answer with the status in ``STATUSES``.
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
"""The status of each refusal; all other faults happen to a 201."""

UNTAKEN = frozenset({Fault.RESET_EARLY, Fault.HANG, Fault.GARBAGE})
"""Transport faults in which the service did not take the push; in all others it did, whatever was seen."""

UNANSWERED = UNTAKEN | {Fault.RESET_LATE}
"""Transport faults in which no status reaches the sender; recorded as status 0."""


class ScriptedAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to one push; tests also script a service with these.

    ``retry_after`` and ``delay`` (before the answer) are in seconds. An answer without headers and body
    gets those that the service of its profile is known to send with that status.
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
        """Whether the service takes the push, from the service's point of view."""
        return 200 <= self.status < 300 and self.fault not in UNTAKEN

    @property
    def seen_status(self) -> int:
        """The status that reaches the sender, 0 if none does."""
        return 0 if self.fault in UNANSWERED else self.status


TAKEN = ScriptedAnswer(201)


def render(answer: ScriptedAnswer, *, now: float, close: bool) -> bytes:
    """Write an answer as HTTP/1.1; a Retry-After date counts from ``now`` (epoch seconds)."""
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
    """Return the reason phrase of a status, ``Unknown`` if it is not registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _retry_after(answer: ScriptedAnswer, now: float) -> str:
    seconds = math.ceil(answer.retry_after or 0.0)  # the header holds whole seconds only (RFC 9110, 10.2.3)
    return formatdate(now + seconds, usegmt=True) if answer.http_date else str(seconds)
