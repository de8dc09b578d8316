"""A request and an answer of HTTP as adapters see them: values, whatever serves them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What a client sent.

    Attributes:
        method: In capitals.
        path: As it stood on the wire, percent-encoded, without the query: `//push/tasks` has both slashes.
        query_string: What followed the `?`, percent-encoded.
        headers: By name in lower case. Of several of one name, the values joined by commas.
        body: At most the limit; empty without one.
        address: The client's IP address, behind trusted proxies.
    """

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    address: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; the last of one name counts."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True, errors="replace"))

    @property
    def media_type(self) -> str:
        """The content type in lower case, without its parameters; empty if none was given."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __repr__(self) -> str:
        return f"HttpRequest({self.method}, {len(self.body)} bytes)"  # paths hold tokens


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What goes back.

    Attributes:
        status: HTTP's.
        body: Its bytes.
        media_type: The content type, with parameters if it needs any; empty for none.
        headers: Others.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    media_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, headers: Mapping[str, str]) -> "HttpAnswer":
        """Return the same answer with more headers."""
        return HttpAnswer(self.status, self.body, self.media_type, {**self.headers, **headers})
