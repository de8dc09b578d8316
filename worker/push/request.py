"""The HTTP request of one push: the headers of RFC 8030, and what each push service expects besides.

Pure: puts together values made elsewhere (ciphertext, authorization, the remaining TTL).
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from worker.push.services import Endpoint, PushService
from worker.records.job import Urgency

HEADERS_KEPT = 4096
"""Sets of headers that are shared: one for each job and second in progress would be enough."""


class PushHeaders(Mapping[str, str]):
    """Headers that many pushes have in common: immutable, and never shown by a repr."""

    __slots__ = ("_lines", "_values")

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        self._lines = b""

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def lines(self) -> bytes:
        """The header lines for HTTP/1.1 (RFC 9112 section 5), made once.

        Raises:
            ValueError: A header could be taken for two (it holds a line ending), or is not ASCII.
        """
        if not self._lines:
            lines = "".join(f"{name}: {value}\r\n" for name, value in self.items()).encode("ascii")
            if not lines.count(b"\n") == lines.count(b"\r") == len(self):
                raise ValueError("a header holds a line ending")
            self._lines = lines
        return self._lines


class PushRequest(Struct, frozen=True, gc=False):
    """A POST that is ready to be sent.

    Attributes:
        endpoint: The endpoint that it goes to.
        headers: All headers except Host, User-Agent and Content-Length, which the transport adds.
        body: RFC 8291 ciphertext, or empty.
    """

    endpoint: Endpoint
    headers: PushHeaders
    body: bytes

    def __repr__(self) -> str:
        return f"PushRequest({self.endpoint.origin.key}, {len(self.body)} bytes)"


@lru_cache(HEADERS_KEPT)
def push_headers(
    service: PushService,
    *,
    authorization: str,
    content_type: str | None,
    ttl: int,
    urgency: Urgency,
    topic: str | None,
) -> PushHeaders:
    """Put a push's headers together (RFC 8030 section 5, RFC 8291 section 4, RFC 8292 section 3).

    Args:
        service: The push service that it goes to.
        authorization: The whole header value, `vapid t=…, k=…`.
        content_type: Media type of the plaintext. None for a push without content: its body is empty, since
            Chromium refuses an encrypted empty text.
        ttl: Seconds.
        urgency: The job's urgency.
        topic: At most 32 base64url characters, or None.
    """
    headers = {"TTL": str(ttl), "Urgency": _URGENCIES[service, urgency], "Authorization": authorization}
    if content_type:
        headers["Content-Encoding"] = "aes128gcm"
        headers["Content-Type"] = content_type
    if topic:
        headers["Topic"] = topic
    if service is PushService.WNS:
        # WNS answers 400 if its own cache policy contradicts a TTL of 0 (pywebpush #162).
        headers["X-WNS-Cache-Policy"] = "cache" if ttl else "no-cache"
    return PushHeaders(headers)


_URGENCIES = {(service, urgency): urgency.value for service in PushService for urgency in Urgency} | {
    # FCM has been seen to refuse very-low (lila-push).
    (PushService.FCM, Urgency.VERY_LOW): Urgency.LOW.value
}
