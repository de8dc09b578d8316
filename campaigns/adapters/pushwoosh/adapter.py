"""The manners of Pushwoosh's API: where its tokens stand, its envelope, and what a refusal looks like.

Nearly every answer is HTTP 200; `status_code` in the body says what came of it. Knows no call.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from campaigns.adapters.messages import JSON, HttpAnswer, HttpRequest
from campaigns.adapters.pushwoosh.empty_arrays import objects_for_empty_arrays
from campaigns.adapters.refusals import STATUSES, Reason, Refusal, RefusedError
from campaigns.adapters.routes import Parameter
from campaigns.model.problems import FieldProblem
from worker.records.values import field_and_problem

Inner = TypeVar("Inner")

REFUSED = 210
"""`status_code` of a request that was understood, and cannot be done."""

NO_TOKEN = "API token or application is not set"  # noqa: S105 - a message
BAD_TOKEN = "Invalid API Token: Account not found"  # noqa: S105 - a message
NOTHING_THERE = "Resource not found"
FORBIDDEN = "Token restrictions forbid this operation."
NOT_FOUND = {
    "site": "Application not found",
    "campaign": "Message not found",
    "segment": "Filter not found",
    "template": "Preset not found",
}
"""By what there is none of."""

_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SCHEME = re.compile(r"(?:token|api|bearer)\s+", re.IGNORECASE)
_NOT_JSON = "Bad request: the body is not JSON with an object `request`."
_encode = msgspec.json.Encoder().encode


class Envelope(Struct, Generic[Inner], frozen=True):
    """What surrounds every request."""

    request: Inner


class Answer(Struct, frozen=True):
    """The body of every answer.

    Attributes:
        status_code: 200, 210 for what cannot be done, or HTTP's.
        status_message: In words.
        response: The result, if the call has one.
    """

    status_code: int
    status_message: str
    response: object = None


class Login(Struct, frozen=True):
    """Where a body has the token."""

    auth: Any = None


class PushwooshAdapter:
    """The calls below `/json/1.3/`; see `campaigns.adapters.routes.Adapter`.

    Args:
        prefixes: Which paths are its own.
        statuses: HTTP's for reasons; for any other, it is 200, and the body says 210.
    """

    name = "pushwoosh"
    parameters: Mapping[str, Parameter] = {}
    requests_a_minute = 6_000
    idempotency_header: str | None = None

    def __init__(self, prefixes: tuple[str, ...], statuses: Mapping[Reason, int]) -> None:
        self.prefixes = prefixes
        self._statuses = statuses

    def token(self, request: HttpRequest) -> str | None:
        """Return `request.auth` of the body, or else what the header has; see `Adapter`.

        Raises:
            RefusedError: There is none, or the body is not JSON.
        """
        given = _decode(request.body, Envelope[Login]).request.auth if request.body else None
        token = given if isinstance(given, str) and given else header_token(request)
        if not token:
            raise RefusedError(Reason.UNAUTHENTICATED, NO_TOKEN)
        return token

    def decode_query(self, _request: HttpRequest, kind: type[Any]) -> Any:
        """Read the query, of which no call has any; see `Adapter`."""
        return kind()

    def decode_body(self, request: HttpRequest, kind: Any) -> Any:
        """Read the envelope, whatever its content type says; see `Adapter`.

        The Web SDK sends JSON as text/plain, and clients write numbers as texts.
        """
        return read_json(_decode(request.body, Envelope[msgspec.Raw]).request, kind)

    def encode(self, value: object, status: int) -> HttpAnswer:
        """Say a result."""
        return _answer(status, Answer(200, "OK", value))

    def refuse(self, refusal: Refusal) -> HttpAnswer:
        """Say why not."""
        status = self._statuses.get(refusal.reason, 200)
        code = REFUSED if status == 200 else status
        return _answer(status, Answer(code, message_of(refusal)))

    def rate_headers(self, _limit: int, _remaining: int, _seconds: float) -> Mapping[str, str]:
        """Say nothing: the platform tells only whoever has nothing left."""
        return {}


def header_token(request: HttpRequest) -> str | None:
    """Return the token of the header Authorization, whatever word stands before it."""
    return _SCHEME.sub("", request.headers.get("authorization", "").strip(), count=1) or None


def message_of(refusal: Refusal) -> str:
    """Return why not, in the platform's words where it has some."""
    match refusal.reason:
        case Reason.UNAUTHENTICATED:
            return NO_TOKEN if refusal.detail == NO_TOKEN else BAD_TOKEN
        case Reason.FORBIDDEN:
            return FORBIDDEN
        case Reason.UNKNOWN_PATH:
            return NOTHING_THERE
        case Reason.NOT_FOUND:
            return NOT_FOUND.get(refusal.what, refusal.detail)
        case Reason.INVALID if refusal.problems:
            return "; ".join(f"{each.field} {each.problem}".strip() for each in refusal.problems)
    return refusal.detail


def read_json(body: msgspec.Raw | bytes, kind: Any, root: str = "") -> Any:
    """Read JSON as a type; a number may be written as a text, and an empty object as an empty array.

    Args:
        body: JSON.
        kind: The type.
        root: Where it stands in the request.

    Raises:
        RefusedError: It is of another type; names the field.
    """
    try:
        return _read(body, kind)
    except msgspec.ValidationError as error:
        field, problem = field_and_problem(error)
        at = f"{root}.{field}".strip(".")
        raise RefusedError(
            Reason.INVALID, f"{at} {problem}".strip(), problems=(FieldProblem(at, problem),)
        ) from None


def _read(body: msgspec.Raw | bytes, kind: Any) -> Any:
    try:
        return _decoder(kind).decode(body)
    except msgspec.ValidationError:
        tree = msgspec.json.decode(body)
        mended = objects_for_empty_arrays(tree, kind)
        if mended == tree:
            raise
        return msgspec.convert(mended, kind, strict=False)


def _decode(body: bytes, kind: Any) -> Any:
    if _ESCAPED_NUL.search(body):
        raise RefusedError(Reason.MALFORMED, "Bad request: a text has a NUL character, which cannot be kept.")
    try:
        return _decoder(kind).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(Reason.MALFORMED, _NOT_JSON) from None


@cache
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind, strict=False)


def _answer(status: int, body: object) -> HttpAnswer:
    return HttpAnswer(status, _encode(body), JSON)


_BUSINESS = (
    *(Reason.UNAUTHENTICATED, Reason.NOT_FOUND, Reason.INVALID, Reason.CONFLICT, Reason.IN_PROGRESS),
    Reason.KEY_REUSED,
)
"""Refused inside an answer that is HTTP 200. Source: the platform's "Success and error codes"."""

_SERVER = {reason: status for reason, status in STATUSES.items() if reason not in _BUSINESS}

PUSHWOOSH = PushwooshAdapter(("/json/",), _SERVER)
"""Calls from servers, whose token is in the body."""

DEVICES = PushwooshAdapter((), {**_SERVER, Reason.UNAUTHENTICATED: 401})
"""Calls from devices, whose token is in a header: HTTP says if it is wrong."""
