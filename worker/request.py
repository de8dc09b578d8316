"""The HTTP request of one push: its headers by RFC 8030, and what each push service wants besides.

Pure: brings values together that others made (ciphertext, authorization, what is left of the TTL).
"""

from msgspec import Struct

from worker.job import Urgency
from worker.services import Endpoint, PushService


class PushRequest(Struct, frozen=True, gc=False):
    """A POST that is ready to go out.

    Attributes:
        endpoint: Where to.
        headers: All but Host and Content-Length, which belong to the transport.
        body: RFC 8291 ciphertext, or empty.
    """

    endpoint: Endpoint
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"PushRequest({self.endpoint.origin.key}, {len(self.body)} bytes)"


def build_request(
    endpoint: Endpoint,
    *,
    authorization: str,
    body: bytes,
    content_type: str,
    ttl: int,
    urgency: Urgency,
    topic: str | None,
) -> PushRequest:
    """Put a push's headers together (RFC 8030 section 5, RFC 8291 section 4, RFC 8292 section 3).

    Args:
        endpoint: Where to.
        authorization: The whole value, `vapid t=…, k=…`.
        body: Ciphertext; empty for a push without content, since Chromium refuses an encrypted empty text.
        content_type: Of the plaintext.
        ttl: Seconds.
        urgency: As the job wants it.
        topic: At most 32 base64url characters, or None.
    """
    headers = {
        "TTL": str(ttl),
        "Urgency": _URGENCIES[endpoint.origin.service, urgency],
        "Authorization": authorization,
    }
    if body:
        headers["Content-Encoding"] = "aes128gcm"
        headers["Content-Type"] = content_type
    if topic:
        headers["Topic"] = topic
    if endpoint.origin.service is PushService.WNS:
        # WNS answers 400 to a TTL of 0 that its own cache policy contradicts (pywebpush #162).
        headers["X-WNS-Cache-Policy"] = "cache" if ttl else "no-cache"
    return PushRequest(endpoint, headers, body)


_URGENCIES = {(service, urgency): urgency.value for service in PushService for urgency in Urgency} | {
    # FCM has been seen to refuse very-low (lila-push).
    (PushService.FCM, Urgency.VERY_LOW): Urgency.LOW.value
}
