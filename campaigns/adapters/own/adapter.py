"""The manners of the own API: where its key stands, how bodies are read, what a problem looks like."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.messages import JSON, HttpAnswer, HttpRequest
from campaigns.adapters.own import paths
from campaigns.adapters.reading import read_json, read_query
from campaigns.adapters.refusals import STATUSES, Reason, Refusal
from campaigns.adapters.routes import Parameter
from campaigns.model.problems import FieldProblem

PROBLEM_JSON = "application/problem+json"
_BEARER = "bearer "
_encode = msgspec.json.Encoder().encode


class Problem(Struct, frozen=True, kw_only=True):
    """The body of every refusal (RFC 9457 section 3.1).

    Attributes:
        type: Where this kind of problem is explained.
        title: The kind in words.
        status: HTTP's.
        detail: What it is about here.
        errors: What is wrong with single fields.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


class OwnAdapter:
    """See `campaigns.adapters.routes.Adapter`."""

    name = "own"
    prefixes: tuple[str, ...] = ("/",)
    parameters: Mapping[str, Parameter] = paths.PARAMETERS
    requests_a_minute = 600
    idempotency_header: str | None = "idempotency-key"

    def token(self, request: HttpRequest) -> str | None:
        """Return the key of `Authorization: Bearer KEY` (RFC 6750 section 2.1)."""
        header = request.headers.get("authorization", "").strip()
        return header[len(_BEARER) :].strip() if header[: len(_BEARER)].lower() == _BEARER else None

    def decode_query(self, request: HttpRequest, kind: type[Any]) -> Any:
        """Read the query; see `Adapter`."""
        return read_query(request, kind)

    def decode_body(self, request: HttpRequest, kind: Any) -> Any:
        """Read JSON; see `Adapter`. A field that nobody knows is refused, for it may have been meant."""
        return read_json(request, kind)

    def encode(self, value: object, status: int) -> HttpAnswer:
        """Say a result as JSON."""
        return HttpAnswer(status) if value is None else HttpAnswer(status, _encode(value), JSON)

    def refuse(self, refusal: Refusal) -> HttpAnswer:
        """Say why not; see `Problem`."""
        status = STATUSES[refusal.reason]
        problem = Problem(
            type=f"/docs#{refusal.reason}",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=refusal.detail,
            errors=list(refusal.problems),
        )
        headers = {"WWW-Authenticate": "Bearer"} if refusal.reason is Reason.UNAUTHENTICATED else {}
        return HttpAnswer(status, _encode(problem), PROBLEM_JSON, headers)

    def rate_headers(self, limit: int, remaining: int, seconds: float) -> Mapping[str, str]:
        """Say what is left, as the third draft of RateLimit header fields for HTTP has it."""
        return {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(round(seconds)),
        }


OWN = OwnAdapter()
