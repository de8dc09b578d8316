"""The manners of Pushary's API: where its key stands, how bodies are read, its errors and rate headers."""

import math
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.forms import read_fields
from campaigns.adapters.messages import JSON, HttpAnswer, HttpRequest
from campaigns.adapters.reading import converted
from campaigns.adapters.refusals import STATUSES, Reason, Refusal, RefusedError
from campaigns.adapters.routes import Parameter
from campaigns.model.credential import CredentialKind
from campaigns.model.platforms import Alias, alias_problem

MISSING = "Missing required fields: "
"""How the error begins that names them."""

_BEARER = "bearer "
_NO_KEY = "Invalid or missing API key. Use Authorization: Bearer pk_xxx.sk_xxx"
_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
}
"""What the document calls each status; any other is named by its number's reason."""

_encode = msgspec.json.Encoder().encode


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The body of every refusal.

    Attributes:
        error: Its kind, in words.
        message: What is wrong, for people.
        retry_after: Seconds.
    """

    error: str
    message: str
    retry_after: int | None = None


class PusharyAdapter:
    """See `campaigns.adapters.routes.Adapter`."""

    name: str = CredentialKind.PUSHARY
    prefixes: tuple[str, ...] = ("/api/v1/server",)
    requests_a_minute = 1_000
    idempotency_header: str | None = None

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters of its paths: ids, which may be taken over and are looked up."""
        return _PARAMETERS

    def token(self, request: HttpRequest) -> str | None:
        """Return the key of `Authorization: Bearer pk_xxx.sk_xxx`."""
        header = request.headers.get("authorization", "").strip()
        return header[len(_BEARER) :].strip() if header[: len(_BEARER)].lower() == _BEARER else None

    def decode_query(self, request: HttpRequest, kind: type[Any]) -> Any:
        """Read the query; see `Adapter`."""
        query = {name: value for name, value in request.query.items() if value}
        if any("\0" in text for text in query.values()):
            raise RefusedError(Reason.MALFORMED, "A text has a NUL character, which cannot be kept.")
        return converted(query, kind, strict=False)

    def decode_body(self, request: HttpRequest, kind: Any) -> Any:
        """Read JSON; see `Adapter`. Names that the type does not know become its field `unknown`."""
        fields = read_fields(request)
        names = kind.__struct_encode_fields__
        known = {name: value for name, value in fields.items() if name in names and name != "unknown"}
        _insist(kind, known)
        if "unknown" in names:
            known["unknown"] = [name for name in fields if name not in names and fields[name] is not None]
        return converted(known, kind, strict=True)

    def encode(self, value: object, status: int) -> HttpAnswer:
        """Say a result as JSON: whatever it is, the SDK reads a body."""
        return HttpAnswer(status, _encode(value), JSON)

    def refuse(self, refusal: Refusal) -> HttpAnswer:
        """Say why not; see `Problem`. What cannot be done now is a bad request, too."""
        status = 400 if refusal.reason is Reason.CONFLICT else STATUSES[refusal.reason]
        word = _WORDS.get(status, str(refusal.reason).replace("-", " ").title())
        message = "; ".join(f"{each.field} {each.problem}".strip() for each in refusal.problems)
        problem = Problem(error=word, message=message or refusal.detail)
        match refusal.reason:
            case Reason.UNAUTHENTICATED:
                problem = Problem(error=word, message=_NO_KEY)
            case Reason.TOO_MANY_REQUESTS:
                problem = _rate_limited(word, int(refusal.headers.get("Retry-After", "60")))
            case Reason.INVALID if refusal.detail.startswith(MISSING):
                problem = Problem(error=refusal.detail, message=refusal.detail)
        return HttpAnswer(status, _encode(problem), JSON)

    def rate_headers(self, limit: int, remaining: int, seconds: float) -> Mapping[str, str]:
        """Say what is left in this minute, and when the next one begins, in Unix seconds."""
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(math.ceil(time.time() + seconds)),
        }


def _rate_limited(word: str, seconds: int) -> Problem:
    return Problem(
        error=word,
        message=f"Rate limit exceeded. Please retry after {seconds} seconds.",
        retry_after=seconds,
    )


def _insist(kind: Any, fields: Mapping[str, Any]) -> None:
    """Refuse a body without what it must have, and name all of that."""
    required = [each.encode_name for each in msgspec.structs.fields(kind) if each.required]
    missing = [name for name in required if fields.get(name) is None or fields.get(name) == ""]
    if missing:
        raise RefusedError(Reason.INVALID, f"{MISSING}{', '.join(missing)}")


def _id(text: str) -> str | None:
    return None if alias_problem(Alias(CredentialKind.PUSHARY, text)) else text


_PARAMETERS: Mapping[str, Parameter] = {
    "subscriber": Parameter(_id, "sub_[0-9]+", "Id of a subscriber."),
    "campaign": Parameter(_id, "camp_[0-9]+", "Id of a campaign."),
    "template": Parameter(_id, "tmpl_[0-9]+", "Id of a template."),
    "flow": Parameter(_id, "flow_[0-9]+", "Id of a flow."),
}

PUSHARY = PusharyAdapter()
