"""What a row of the table of routes is, and what an adapter must be able to say.

Routing, authorisation, metric labels, the OpenAPI document and tests all derive from the rows. Nothing here
serves anything.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from campaigns.adapters.messages import JSON, HttpAnswer, HttpRequest
from campaigns.adapters.refusals import Refusal
from campaigns.model.scope import Permission, Scope

Query = TypeVar("Query")
Body = TypeVar("Body")


class Parameter(Struct, frozen=True):
    """A parameter of a path.

    Attributes:
        read: Reads it; None if it cannot be of its type, which is the adapter's "not found".
        pattern: What it looks like, as a regular expression without anchors.
        about: What it is, for the document.
    """

    read: Callable[[str], object | None]
    pattern: str
    about: str


def count_nothing(_fields: int) -> None:
    """Count nothing."""


class NoQuery(Struct, frozen=True):
    """A query whose parameters are all ignored."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Query, Body]):
    """A request that has been let in.

    Attributes:
        request: As it came.
        parameters: Of the path, read by the adapter.
        query: As the route's type.
        body: As the route's type.
        scope: Who asks; None where the route needs no credential.
        service: What operations need.
        now: When it came.
        count_ignored: Is told how many fields were passed over.
    """

    request: HttpRequest
    parameters: Mapping[str, Any]
    query: Query
    body: Body
    scope: Scope | None
    service: Any
    now: datetime
    count_ignored: Callable[[int], object] = count_nothing

    def ignored(self, names: Collection[str]) -> None:
        """Note fields that only decorate, and that this service passes over; their names go nowhere."""
        if names:
            self.count_ignored(len(names))

    @property
    def caller(self) -> Scope:
        """Who asks.

        Raises:
            RuntimeError: The route needs no credential, so that nobody knows.
        """
        if self.scope is None:
            raise RuntimeError("this route is open: nobody has been authenticated")
        return self.scope


Handler = Callable[[Any], Awaitable[object]]
"""Takes a `Call`; answers a value of the route's type, or an `HttpAnswer` that goes out as it is."""

AllowsOrigin = Callable[[str, Mapping[str, Any], Any], Awaitable[bool]]
"""Takes the header Origin, the path's parameters and the service: whether a page from there may call."""


class Adapter(Protocol):
    """One platform's API: how it reads requests and says answers. Decides nothing, touches no database."""

    @property
    def name(self) -> str:
        """The word in metrics and logs, and the kind of its credentials."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Which paths are its own, known or not; the longest prefix of all adapters wins."""

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The parameters of its paths, by name."""

    @property
    def requests_a_minute(self) -> int:
        """What a credential may ask that has no rate of its own."""

    @property
    def idempotency_header(self) -> str | None:
        """The header, in lower case, with which its clients repeat a request safely."""

    def token(self, request: HttpRequest) -> str | None:
        """Return the credential that a request shows, or None."""

    def decode_query(self, request: HttpRequest, kind: type[Any]) -> Any:
        """Read the query.

        Raises:
            RefusedError: It is not of this type.
        """

    def decode_body(self, request: HttpRequest, kind: Any) -> Any:
        """Read the body.

        Raises:
            RefusedError: It is not of this type.
        """

    def encode(self, value: object, status: int) -> HttpAnswer:
        """Say a result."""

    def refuse(self, refusal: Refusal) -> HttpAnswer:
        """Say why not."""

    def rate_headers(self, limit: int, remaining: int, seconds: float) -> Mapping[str, str]:
        """Say how much a credential has left, and in how many seconds it has all again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A row of the table.

    Attributes:
        adapter: Whose it is.
        name: The operation's in OpenAPI; unique within the adapter.
        method: In capitals. A GET answers HEAD, too.
        path: With parameters in braces. Also the metric label.
        handle: Translates to an operation and back.
        summary: One sentence, for the document.
        permission: What the credential must be allowed; None if none is asked for.
        query: The type of the query.
        request: The type of the body; None if it is ignored, bytes if it is handed over as it came.
        answer: The type of the result; None if there is none.
        status: HTTP's for a result.
        media_types: What the body may be sent as; empty for anything.
        origin: Which pages may call it from a browser; None for none.
        limit: The name of the limit on callers without a credential.
        loose: Whether doubled slashes in a path, and one at its end, are passed over.
        requests_a_minute: What a credential may ask of this one that has no rate of its own; None: as the
            adapter says, of all together.
        token_in_body: Whether the adapter finds the credential in the body, which is then read before that.
        credentials: Whether the page's script calls with credentials, which browsers must hear is right.
            Nothing here looks at cookies.
        repeat_key: Takes the body; returns the client's own word for this request, so that it can be repeated
            safely, or None. For platforms that have it there, and not in a header.
        say_again: Takes the first answer; returns what a repeat is answered. None: the same.
    """

    adapter: Adapter
    name: str
    method: str
    path: str
    handle: Handler
    summary: str
    permission: Permission | None = None
    query: type[Any] = NoQuery
    request: Any = None
    answer: Any = None
    status: int = 200
    media_types: tuple[str, ...] = (JSON,)
    origin: AllowsOrigin | None = None
    limit: str | None = None
    loose: bool = False
    requests_a_minute: int | None = None
    token_in_body: bool = False
    credentials: bool = False
    repeat_key: Callable[[Any], str | None] | None = None
    say_again: Callable[[HttpAnswer], HttpAnswer] | None = None

    @property
    def segments(self) -> tuple[str, ...]:
        """The path between its slashes; the first one is empty."""
        return tuple(self.path.split("/"))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in the path, in order."""
        return tuple(each[1:-1] for each in self.segments if is_parameter(each))

    @property
    def writes(self) -> bool:
        """Whether it may change anything (RFC 9110 section 9.2.1)."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}


def is_parameter(segment: str) -> bool:
    """Whether a segment of a path in the table stands for any value."""
    return segment.startswith("{") and segment.endswith("}")
