"""What a push service's answer means: a table for each push service, and the lookup.

Decides from the answer alone; `timing/retry.py` decides whether there is time for another attempt.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

import msgspec

from worker.push.services import PushService
from worker.push.verdict import SENT, Settled, TryAgain, Verdict
from worker.records.outcome import Status

RETRY_AFTER_MAX = 86_400.0
"""Seconds: a longer `Retry-After` counts as this; a push service that means longer will say so again."""

ANSWER_HEADERS = frozenset({"retry-after", "ttl", "x-wns-status", "x-wns-error-description"})
"""The only answer headers that are read, in lower case: transports may drop all others."""


class PushResponse(msgspec.Struct, frozen=True, gc=False):
    """An answer from a push service.

    Attributes:
        status: HTTP status code, 200 to 599.
        headers: The headers among `ANSWER_HEADERS` that it had, names in lower case.
        body: The first few KiB, read for the reason only: never logged or passed on.
    """

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


class TransportFailure(StrEnum):
    """A request that got no answer; the values are details and metric labels."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    RESET = "reset"
    TIMEOUT = "timeout"
    BAD_ANSWER = "bad_answer"
    ADDRESS_REFUSED = "endpoint_not_allowed"


Answer = PushResponse | TransportFailure

_ANY = ""
_THROTTLED = TryAgain("throttled", throttled=True)
_KEY_MISMATCH = Settled(Status.UNAUTHORIZED, "key_mismatch")
_BAD_JWT = Settled(Status.UNAUTHORIZED, "bad_jwt")
_TOO_LARGE = Settled(Status.REJECTED, "payload_too_large")
_BAD_TTL = Settled(Status.REJECTED, "bad_ttl")
_BAD_TOPIC = Settled(Status.REJECTED, "bad_topic")

# docs/push-services.md: WNS. It takes the push, and says at once that it will not deliver it.
NOT_DELIVERED: dict[tuple[PushService, str], Settled] = {
    (PushService.WNS, word): Settled(Status.SENT, word) for word in ("dropped", "channelthrottled")
}
"""The verdict by push service and the word that it says with a 2xx: accepted, and dropped all the same."""

# docs/push-services.md: FCM. It has said the same in several words, and with several statuses.
_FCM_WORDS: dict[str, Verdict] = {
    "do not correspond": _KEY_MISMATCH,
    "does not correspond to the sender id": _KEY_MISMATCH,
    "mismatchsenderid": _KEY_MISMATCH,
    "unauthorizedregistration": _KEY_MISMATCH,
    "invalid jwt": _BAD_JWT,
}
_FCM_REFUSALS = (400, 401, 403)

# docs/push-services.md: All. RFC 8030 sections 5, 7.2 and 7.3, RFC 8292 section 4.2, RFC 6585 section 4.
_EVERYWHERE: dict[int, Verdict] = {
    401: Settled(Status.UNAUTHORIZED, "unauthorized"),
    403: Settled(Status.UNAUTHORIZED, "forbidden"),
    404: Settled(Status.EXPIRED, "not_found"),
    408: TryAgain("timeout"),
    410: Settled(Status.EXPIRED, "gone"),
    413: _TOO_LARGE,
    429: _THROTTLED,
    503: TryAgain("unavailable", throttled=True),
}
_BY_CLASS: dict[int, Verdict] = {
    3: Settled(Status.REJECTED, "redirected"),  # never followed: it could lead anywhere
    4: Settled(Status.REJECTED, "bad_request"),
    5: TryAgain("server_error"),
}

# (push service, status, reason): `_ANY` matches every reason.
_BY_SERVICE: dict[tuple[PushService, int, str], Verdict] = {
    # docs/push-services.md: Mozilla. https://mozilla-services.github.io/autopush-rs/errors.html
    (PushService.MOZILLA, 400, "102"): Settled(Status.INVALID, "bad_endpoint"),
    (PushService.MOZILLA, 400, "103"): Settled(Status.EXPIRED, "gone"),
    (PushService.MOZILLA, 400, "104"): _TOO_LARGE,
    (PushService.MOZILLA, 400, "105"): Settled(Status.EXPIRED, "gone"),
    (PushService.MOZILLA, 400, "106"): Settled(Status.EXPIRED, "gone"),
    (PushService.MOZILLA, 400, "109"): _BAD_JWT,
    (PushService.MOZILLA, 401, "109"): _BAD_JWT,
    (PushService.MOZILLA, 400, "110"): Settled(Status.INVALID, "bad_keys"),
    (PushService.MOZILLA, 400, "111"): Settled(Status.REJECTED, "missing_header"),
    (PushService.MOZILLA, 400, "112"): _BAD_TTL,
    (PushService.MOZILLA, 400, "113"): _BAD_TOPIC,
    (PushService.MOZILLA, 400, "114"): _BAD_TTL,
    (PushService.MOZILLA, 503, "202"): TryAgain("retry_now"),
    # docs/push-services.md: WNS. Documented, seen since 2021 (web-push-csharp #93); 429 since 2026.
    (PushService.WNS, 406, _ANY): _THROTTLED,
    # docs/push-services.md: Apple.
    (PushService.APPLE, 400, "VapidPkHashMismatch"): _KEY_MISMATCH,
    (PushService.APPLE, 400, "BadJwtToken"): _BAD_JWT,
    (PushService.APPLE, 403, "BadJwtToken"): _BAD_JWT,
    (PushService.APPLE, 403, "VapidPkHashMismatch"): _KEY_MISMATCH,
    (PushService.APPLE, 400, "BadUrgency"): Settled(Status.REJECTED, "bad_urgency"),
    (PushService.APPLE, 400, "BadWebPushTopic"): _BAD_TOPIC,
    **{(PushService.FCM, status, word): _FCM_WORDS[word] for status in _FCM_REFUSALS for word in _FCM_WORDS},
}

_FAILURES: dict[TransportFailure, Verdict] = {
    failure: TryAgain(failure.value) for failure in TransportFailure
} | {TransportFailure.ADDRESS_REFUSED: Settled(Status.INVALID, "endpoint_not_allowed")}


class _Reason(msgspec.Struct):
    errno: int | None = None
    reason: str | None = None


_decode_reason = msgspec.json.Decoder(_Reason).decode
_SECONDS = re.compile(r"[0-9]{1,18}")


def classify(service: PushService, answer: Answer) -> Verdict:
    """Return what an answer means, by the most specific row that matches."""
    if isinstance(answer, TransportFailure):
        return _FAILURES[answer]
    status = answer.status
    if 200 <= status < 300:
        return taken(service, answer)
    verdict = _BY_SERVICE.get((service, status, _reason(service, answer.body) if status >= 400 else _ANY))
    return (
        verdict
        or _BY_SERVICE.get((service, status, _ANY))
        or _EVERYWHERE.get(status)
        or _BY_CLASS.get(status // 100, _BY_CLASS[5])
    )


def taken(service: PushService, answer: PushResponse) -> Settled:
    """Return the verdict on a 2xx: `sent`, with a detail if the push service says it will not deliver."""
    if not answer.headers:
        return SENT
    return NOT_DELIVERED.get((service, answer.headers.get("x-wns-status", "").strip().lower()), SENT)


def _reason(service: PushService, body: bytes) -> str:
    if service is PushService.FCM:
        said = body.decode("latin-1").lower()
        return next((words for words in _FCM_WORDS if words in said), _ANY)
    try:
        parsed = _decode_reason(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _ANY
    return parsed.reason or _ANY if service is PushService.APPLE else str(parsed.errno or _ANY)


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Read `Retry-After` (RFC 9110 section 10.2.3: seconds or an HTTP date).

    Args:
        headers: The answer's headers, names in lower case.
        now: Seconds since the epoch.

    Returns:
        Seconds to wait from `now`, between 0 and `RETRY_AFTER_MAX`; 0 if the header is absent or unreadable.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return 0.0
    wait = float(text) if _SECONDS.fullmatch(text) else _seconds_until(text, now)
    return min(max(wait, 0.0), RETRY_AFTER_MAX)


def _seconds_until(date: str, now: float) -> float:
    try:
        until = parsedate_to_datetime(date)
        return (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0


def lowered_ttl(headers: Mapping[str, str], asked: int) -> bool:
    """Whether the push service will keep the message for less time than asked (RFC 8030 section 5.2)."""
    text = headers.get("ttl", "")
    return bool(_SECONDS.fullmatch(text)) and int(text) < asked
