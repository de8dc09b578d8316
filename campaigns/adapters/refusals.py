"""Why a request is refused, in no platform's words: adapters put it into theirs.

A table says for each reason what HTTP has for it; a platform that answers otherwise has a table of its own.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from campaigns.model.problems import (
    ConflictError,
    FieldProblem,
    ForbiddenError,
    IdentityError,
    InvalidError,
    NotFoundError,
    ProblemError,
)


class Reason(StrEnum):
    """Why; the values are stable words."""

    UNKNOWN_PATH = "unknown-path"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    INVALID = "invalid"
    CONFLICT = "conflict"
    IN_PROGRESS = "in-progress"
    KEY_REUSED = "idempotency-key-reused"
    TOO_MANY_REQUESTS = "too-many-requests"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed-out"
    INTERNAL = "internal"


STATUSES: Mapping[Reason, int] = {
    Reason.UNKNOWN_PATH: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.UNSUPPORTED_MEDIA_TYPE: 415,
    Reason.TOO_LARGE: 413,
    Reason.MALFORMED: 400,
    Reason.UNAUTHENTICATED: 401,
    Reason.FORBIDDEN: 403,
    Reason.NOT_FOUND: 404,
    Reason.INVALID: 400,
    Reason.CONFLICT: 409,
    Reason.IN_PROGRESS: 409,
    Reason.KEY_REUSED: 422,
    Reason.TOO_MANY_REQUESTS: 429,
    Reason.UNAVAILABLE: 503,
    Reason.TIMED_OUT: 503,
    Reason.INTERNAL: 500,
}
"""RFC 9110 section 15, RFC 6585 section 4, and the draft of the header Idempotency-Key, section 2.7."""


class Refusal(Struct, frozen=True):
    """A refused request.

    Attributes:
        reason: Why.
        detail: One sentence for whoever called.
        problems: What is wrong with single fields.
        headers: What any answer to this must carry (`Retry-After`, `Allow`).
        what: Of what there is none, in a word, where that is the reason; some platforms have codes for it.
    """

    reason: Reason
    detail: str
    problems: tuple[FieldProblem, ...] = ()
    headers: Mapping[str, str] = {}
    what: str = ""


class RefusedError(Exception):
    """Raised by what surrounds operations: login, limits, decoding."""

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        problems: tuple[FieldProblem, ...] = (),
        headers: Mapping[str, str] | None = None,
        what: str = "",
    ) -> None:
        super().__init__(detail)
        self.refusal = Refusal(reason, detail, problems, headers or {}, what)


_REASONS: tuple[tuple[type[ProblemError], Reason], ...] = (
    (NotFoundError, Reason.NOT_FOUND),
    (InvalidError, Reason.INVALID),
    (ConflictError, Reason.CONFLICT),
    (ForbiddenError, Reason.FORBIDDEN),
    (IdentityError, Reason.FORBIDDEN),
)


def refusal_of(problem: ProblemError) -> Refusal:
    """Return what an operation's problem means to whoever called."""
    reason = next((reason for kind, reason in _REASONS if isinstance(problem, kind)), Reason.CONFLICT)
    if isinstance(problem, InvalidError):
        return Refusal(reason, "The request has fields that cannot be used.", problem.problems)
    what = problem.what if isinstance(problem, NotFoundError) else ""
    return Refusal(reason, problem.detail, what=what)
