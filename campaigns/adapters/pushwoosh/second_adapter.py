"""The manners of the platform's newer calls: no envelope, a token in the header, errors of gRPC's gateway."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.messages import JSON, HttpAnswer, HttpRequest
from campaigns.adapters.pushwoosh.adapter import Login, header_token, message_of, read_json
from campaigns.adapters.refusals import STATUSES, Reason, Refusal, RefusedError
from campaigns.adapters.routes import Parameter

_encode = msgspec.json.Encoder().encode

CODES: Mapping[Reason, int] = {
    **dict.fromkeys((Reason.MALFORMED, Reason.INVALID, Reason.TOO_LARGE), 3),
    **dict.fromkeys((Reason.NOT_FOUND, Reason.UNKNOWN_PATH), 5),
    Reason.CONFLICT: 9,
    Reason.FORBIDDEN: 7,
    Reason.TOO_MANY_REQUESTS: 8,
    Reason.METHOD_NOT_ALLOWED: 12,
    Reason.INTERNAL: 13,
    **dict.fromkeys((Reason.UNAVAILABLE, Reason.TIMED_OUT), 14),
    Reason.UNAUTHENTICATED: 16,
}
"""Numbers of gRPC's statuses (https://grpc.io/docs/guides/status-codes/); 2 for any other reason."""

UNKNOWN = 2


class Failure(Struct, frozen=True):
    """The body of every refusal."""

    code: int
    message: str
    details: list[object] = []


class SecondAdapter:
    """See `campaigns.adapters.routes.Adapter`."""

    name = "pushwoosh"
    prefixes: tuple[str, ...] = ("/api/v2/", "/messaging/v2/", "/api/journey/", "/api/v3/journeygateway")
    parameters: Mapping[str, Parameter] = {}
    requests_a_minute = 6_000
    idempotency_header: str | None = None

    def token(self, request: HttpRequest) -> str | None:
        """Return the token of the header, or else `auth` of the body."""
        return header_token(request) or _auth(request.body)

    def decode_query(self, _request: HttpRequest, kind: type[Any]) -> Any:
        """Read the query, of which no call has any; see `Adapter`."""
        return kind()

    def decode_body(self, request: HttpRequest, kind: Any) -> Any:
        """Read the body, with or without what may surround it; see `Adapter`."""
        wrapped = _wrapped(request.body)
        return read_json(request.body if wrapped is None else wrapped, kind)

    def encode(self, value: object, status: int) -> HttpAnswer:
        """Say a result."""
        return HttpAnswer(status, _encode({} if value is None else value), JSON)

    def refuse(self, refusal: Refusal) -> HttpAnswer:
        """Say why not."""
        failure = Failure(CODES.get(refusal.reason, UNKNOWN), message_of(refusal))
        return HttpAnswer(STATUSES[refusal.reason], _encode(failure), JSON)

    def rate_headers(self, _limit: int, _remaining: int, _seconds: float) -> Mapping[str, str]:
        """Say nothing; see `PushwooshAdapter`."""
        return {}


def _wrapped(body: bytes) -> msgspec.Raw | None:
    """Return what stands within `request`, as one capture of the documents has it; None if nothing does."""
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get("request")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(Reason.MALFORMED, "invalid request") from None


def _auth(body: bytes) -> str | None:
    wrapped = _wrapped(body) if body else None
    found = read_json(body if wrapped is None else wrapped, Login).auth if body else None
    return found if isinstance(found, str) else None


SECOND = SecondAdapter()
