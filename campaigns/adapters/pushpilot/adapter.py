"""The manners of PushPilot's API: where its key stands, and the envelope around every answer.

Source: PushPilot API (1.0.0), "Authentication", "Rate Limiting" and the samples; what it leaves open is in
campaigns/adapters/README.md.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.messages import JSON, HttpAnswer, HttpRequest
from campaigns.adapters.reading import read_json, read_query
from campaigns.adapters.refusals import STATUSES, Refusal
from campaigns.adapters.routes import Parameter
from campaigns.model.problems import FieldProblem

PREFIX = "/pushpilot"
"""Where its paths begin, unless `PUSHMILL_CAMPAIGNS_PUSHPILOT_PREFIX` says otherwise."""

_BEARER = "bearer "
_encode = msgspec.json.Encoder().encode

_FIELDS = (
    ("content.actions", "notification.actions"),
    ("content", "notification"),
    ("start_at", "startAt"),
    ("ends_at", "endsAt"),
    ("recurrence.cron", "frequency"),
    ("target", "options.filters"),
)
"""Fields of ours, and what they are called here."""


class Failure(Struct, frozen=True, omit_defaults=True):
    """What was refused, and why.

    Attributes:
        code: A stable word.
        message: One sentence.
        details: What is wrong with single fields.
    """

    code: str
    message: str
    details: list[FieldProblem] = []


class FailureEnvelope(Struct, frozen=True, kw_only=True):
    """The body of every refusal."""

    success: bool = False
    error: Failure


class Envelope(Struct, frozen=True, kw_only=True):
    """The body of every result."""

    success: bool = True
    message: str
    data: Any


def _text(text: str) -> str | None:
    return text or None


class PushPilotAdapter:
    """See `campaigns.adapters.routes.Adapter`.

    Args:
        prefix: Where its paths begin.
    """

    name = "pushpilot"
    parameters: Mapping[str, Parameter] = {"campaign": Parameter(_text, ".+", "Id of a campaign.")}
    requests_a_minute = 600
    idempotency_header: str | None = None

    def __init__(self, prefix: str = PREFIX) -> None:
        self.prefixes: tuple[str, ...] = (f"{prefix}/",)

    def token(self, request: HttpRequest) -> str | None:
        """Return the key of `Authorization: Bearer KEY`."""
        header = request.headers.get("authorization", "").strip()
        return header[len(_BEARER) :].strip() if header[: len(_BEARER)].lower() == _BEARER else None

    def decode_query(self, request: HttpRequest, kind: type[Any]) -> Any:
        """Read the query; see `Adapter`."""
        return read_query(request, kind)

    def decode_body(self, request: HttpRequest, kind: Any) -> Any:
        """Read JSON; see `Adapter`."""
        return read_json(request, kind)

    def encode(self, value: object, status: int) -> HttpAnswer:
        """Say a result; nothing is said of what is deleted."""
        return HttpAnswer(status) if value is None else HttpAnswer(status, _encode(value), JSON)

    def refuse(self, refusal: Refusal) -> HttpAnswer:
        """Say why not; see `Failure`."""
        problems = [FieldProblem(_said(each.field), each.problem) for each in refusal.problems]
        failure = FailureEnvelope(error=Failure(str(refusal.reason), refusal.detail, problems))
        return HttpAnswer(STATUSES[refusal.reason], _encode(failure), JSON)

    def rate_headers(self, limit: int, remaining: int, seconds: float) -> Mapping[str, str]:
        """Say nothing: its document has no such headers."""
        del limit, remaining, seconds
        return {}


def _said(field: str) -> str:
    for ours, theirs in _FIELDS:
        if field == ours or field.startswith((f"{ours}.", f"{ours}[")):
            return theirs + field[len(ours) :]
    return field


PUSHPILOT = PushPilotAdapter()
