"""The manners of Truepush's API: a token without a scheme, and the envelope around every answer.

Source: the answers with 200, 401, 429 and 500 of every call in Truepush's API documentation; what it leaves
open is in campaigns/adapters/README.md.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from campaigns.adapters.messages import JSON, HttpAnswer, HttpRequest
from campaigns.adapters.reading import read_json, read_query
from campaigns.adapters.refusals import STATUSES, Reason, Refusal
from campaigns.adapters.routes import Parameter
from campaigns.model.problems import FieldProblem

_BEARER = "bearer "
_encode = msgspec.json.Encoder().encode


class Refused(NamedTuple):
    """What is said of a refusal.

    Attributes:
        message: For people.
        data: The word that programs look for.
    """

    message: str
    data: str


_BAD = Refused("Invalid Data Message", "BAD-REQUEST")
_REFUSED: Mapping[Reason, Refused] = {
    Reason.UNAUTHENTICATED: Refused("No token provided.", "TOKEN-NOT-FOUND"),
    Reason.TOO_MANY_REQUESTS: Refused("API Usage Limit Exceeded", "API-LIMIT-EXCEEDED"),
    Reason.INTERNAL: Refused("Internal Server Error", "DB-ERROR"),
    Reason.UNAVAILABLE: Refused("Internal Server Error", "DB-ERROR"),
    Reason.TIMED_OUT: Refused("Internal Server Error", "DB-ERROR"),
    **dict.fromkeys((Reason.INVALID, Reason.MALFORMED), _BAD),
}
"""In its words; for what its document does not have, ours follow."""


_FIELDS = (
    ("content.actions", "buttons"),
    ("content.body", "message"),
    ("content.url", "link"),
    ("content.", ""),
    ("target.", ""),
    ("recurrence.cron", "timings"),
    ("start_at", "timings"),
)
"""How fields of ours begin, and what they are called here."""


def _text(text: str) -> str | None:
    return text or None


class TruepushAdapter:
    """See `campaigns.adapters.routes.Adapter`."""

    name = "truepush"
    prefixes: tuple[str, ...] = ("/api/v1/",)
    parameters: Mapping[str, Parameter] = {
        **{name: Parameter(_text, ".+", f"Id of a {name}.") for name in ("campaign", "segment")},
        **{name: Parameter(_text, ".+", f"Id of a {name}.") for name in ("template", "trigger")},
        "page": Parameter(_text, "[1-9][0-9]*", "Number of a page, from 1."),
    }
    requests_a_minute = 600
    idempotency_header: str | None = None

    def token(self, request: HttpRequest) -> str | None:
        """Return the token of `Authorization: TOKEN`; a scheme before it is passed over."""
        header = request.headers.get("authorization", "").strip()
        return header[len(_BEARER) :].strip() if header[: len(_BEARER)].lower() == _BEARER else header

    def decode_query(self, request: HttpRequest, kind: type[Any]) -> Any:
        """Read the query; see `Adapter`."""
        return read_query(request, kind)

    def decode_body(self, request: HttpRequest, kind: Any) -> Any:
        """Read JSON; see `Adapter`."""
        return read_json(request, kind)

    def encode(self, value: object, status: int) -> HttpAnswer:
        """Say an envelope."""
        return HttpAnswer(status, _encode(value), JSON)

    def refuse(self, refusal: Refusal) -> HttpAnswer:
        """Say why not; besides what the document has, `errors` name the fields that are wrong."""
        status = STATUSES[refusal.reason]
        said = _REFUSED.get(refusal.reason) or Refused(refusal.detail, str(refusal.reason).upper())
        problems = [FieldProblem(_said(each.field), each.problem) for each in refusal.problems]
        errors = {"errors": problems} if problems else {}
        return HttpAnswer(status, _encode({**envelope(status, "ERROR", *said), **errors}), JSON)

    def rate_headers(self, limit: int, remaining: int, seconds: float) -> Mapping[str, str]:
        """Say nothing: its document has no such headers."""
        del limit, remaining, seconds
        return {}


def _said(field: str) -> str:
    for ours, theirs in _FIELDS:
        if field.startswith(ours):
            field = theirs + field[len(ours) :]
    if field.startswith("buttons["):
        field = field.replace("].title", "].text").replace("].url", "].link")
    return field


def envelope(status_code: int, status: str, message: str, data: object) -> dict[str, object]:
    """Return what is around every answer."""
    return {"status_code": status_code, "status": status, "message": message, "data": data}


TRUEPUSH = TruepushAdapter()
