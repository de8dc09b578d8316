"""The manners of SendPulse's API: where its token stands, how clients write, and its numbers for errors."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.forms import read_fields, read_query
from campaigns.adapters.messages import JSON, HttpAnswer, HttpRequest
from campaigns.adapters.reading import converted
from campaigns.adapters.refusals import STATUSES, Reason, Refusal
from campaigns.adapters.routes import Parameter
from campaigns.model.credential import CredentialKind
from campaigns.model.platforms import Alias, alias_problem

NO_CLIENT = "client"
"""Of what there is none where an id and secret are wrong."""

MISSING = "is missing"

# Source: "SendPulse service REST API", "Error codes and description"; of the last one, its newer pages.
EMPTY_DATA = 8
WRONG_SEND_DATE = 799
INVALID_OPERATION = 800
NO_CAMPAIGN = 802
TOO_MANY_REQUESTS = 2020202020

_BEARER = "bearer "
_BYTES = re.compile(r"b'([^']*)'")
"""How pysendpulse writes a token that it has read from its file."""

_CAMPAIGNS = frozenset({"task", "campaign"})
_encode = msgspec.json.Encoder().encode


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every refusal.

    Attributes:
        error: A word, where a client waits for one.
        error_description: The message, beside that word.
        message: What is wrong, for people.
        error_code: SendPulse's number for it, or else HTTP's.
    """

    error: str | None = None
    error_description: str | None = None
    message: str
    error_code: int


class SendPulseAdapter:
    """See `campaigns.adapters.routes.Adapter`."""

    name: str = CredentialKind.SENDPULSE
    prefixes: tuple[str, ...] = ("/push/", "//push/", "/oauth/", "//oauth/")
    requests_a_minute = 3_000
    idempotency_header: str | None = None

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters of its paths: ids, which may be taken over and are looked up."""
        return _PARAMETERS

    def token(self, request: HttpRequest) -> str | None:
        """Return the token of `Authorization: Bearer TOKEN`."""
        header = request.headers.get("authorization", "").strip()
        if header[: len(_BEARER)].lower() != _BEARER:
            return None
        token = header[len(_BEARER) :].strip()
        quoted = _BYTES.fullmatch(token)
        return quoted[1] if quoted else token

    def decode_query(self, request: HttpRequest, kind: type[Any]) -> Any:
        """Read the query; see `Adapter`."""
        return _given(read_query(request), kind)

    def decode_body(self, request: HttpRequest, kind: Any) -> Any:
        """Read a form or JSON; see `Adapter`."""
        return _given(read_fields(request), kind)

    def encode(self, value: object, status: int) -> HttpAnswer:
        """Say a result as JSON."""
        return HttpAnswer(status, _encode(value), JSON)

    def refuse(self, refusal: Refusal) -> HttpAnswer:
        """Say why not; see `Problem`. A request that is right in itself, but not now, is a 400, too."""
        status = 400 if refusal.reason is Reason.CONFLICT else STATUSES[refusal.reason]
        return HttpAnswer(status, _encode(_problem(refusal, status)), JSON)

    def rate_headers(self, limit: int, remaining: int, seconds: float) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's
        """Say nothing: SendPulse has no such headers."""
        return {}


def _problem(refusal: Refusal, status: int) -> Problem:
    if refusal.reason is Reason.UNAUTHENTICATED:
        if refusal.what == NO_CLIENT:
            detail = refusal.detail
            return Problem(
                error="invalid_client", error_description=detail, message=detail, error_code=status
            )
        return Problem(message="Unauthorized!", error_code=status)
    message = "; ".join(f"{each.field} {each.problem}".strip() for each in refusal.problems)
    return Problem(message=message or refusal.detail, error_code=_number(refusal, status))


def _number(refusal: Refusal, status: int) -> int:
    match refusal.reason:
        case Reason.INVALID if any(each.problem == MISSING for each in refusal.problems):
            return EMPTY_DATA
        case Reason.INVALID if any(each.field == "send_date" for each in refusal.problems):
            return WRONG_SEND_DATE
        case Reason.NOT_FOUND if refusal.what in _CAMPAIGNS:
            return NO_CAMPAIGN
        case Reason.INVALID | Reason.CONFLICT | Reason.NOT_FOUND:
            return INVALID_OPERATION
        case Reason.TOO_MANY_REQUESTS:
            return TOO_MANY_REQUESTS
    return status


def _given(fields: Mapping[str, Any], kind: Any) -> Any:
    """Read fields as a type, numbers from texts, too; what is empty was left out.

    Names that the type does not know become its field `unknown`, where it has one.
    """
    names = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
    given = {name: value for name, value in fields.items() if value not in ("", None, [], {})}
    known = {name: value for name, value in given.items() if name in names and name != "unknown"}
    if "unknown" in names:
        known["unknown"] = [name for name in given if name not in names]
    return converted(known, kind, strict=False)


def _id(text: str) -> str | None:
    return None if alias_problem(Alias(CredentialKind.SENDPULSE, text)) else text


_PARAMETERS: Mapping[str, Parameter] = {
    "website": Parameter(_id, "[0-9]+", "Id of a website."),
    "task": Parameter(_id, "[0-9]+", "Id of a push campaign."),
}

SENDPULSE = SendPulseAdapter()
