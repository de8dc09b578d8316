"""Decides what is wrong with a request. Pure: a request and what is known about it in, a violation out.

The checks are a table, in the order in which they are made; a profile makes those for which it has an answer.
Sources: RFC 8030 (5.2 TTL, 5.3 Urgency, 5.4 Topic, 7.2 size), RFC 8291 (4 encoding), RFC 8292.
"""

import re
from collections.abc import Callable

import msgspec

from worker.simulator.profiles import FCM, WNS, Profile, Violation

MAX_BODY = 4096
"""Bytes of ciphertext that every push service accepts (RFC 8030, 7.2)."""

MAX_TOKEN_LIFE = 24 * 3600
"""How many seconds ahead a VAPID token may expire (RFC 8292, 2)."""

URGENCIES = ("normal", "very-low", "low", "high")
"""In the order of their codes in the journal; ``normal`` is the default without a header."""

_TOPIC = re.compile(rb"[A-Za-z0-9_-]{1,32}")
_TTL = re.compile(rb"[0-9]{1,10}")
_URGENCY_BYTES = frozenset(word.encode() for word in URGENCIES)


class ReceivedRequest(msgspec.Struct, frozen=True, gc=False):
    """One HTTP request as it came in, with the target undecoded and header names in lower case."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What a VAPID header says.

    ``problem`` is why it is invalid, empty if it is valid; ``expires_at`` is in epoch seconds.
    """

    problem: str = ""
    public_key: str = ""
    expires_at: float = 0.0


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the service knows about the subscription that a request names.

    ``vapid_public_key`` is base64url, empty for a subscription open to any sender; ``expires_at`` is in epoch
    seconds, infinite for never.
    """

    vapid_public_key: str
    expires_at: float


class Case(msgspec.Struct, frozen=True, gc=False):
    """Everything that a check may use; ``identity`` is None if there is no Authorization header."""

    profile: Profile
    request: ReceivedRequest
    known: Known | None
    identity: Identity | None
    now: float


def judge(case: Case) -> Violation | None:
    """Return the first violation that the case's profile checks for, None if it takes the push."""
    checked = case.profile.violations
    for violation, broken in CHECKS:
        if violation in checked and broken(case):
            return violation
    return None


def ttl_of(headers: dict[bytes, bytes]) -> int:
    """Return the TTL header in seconds, 0 if it is missing or invalid."""
    text = headers.get(b"ttl", b"")
    return int(text) if _TTL.fullmatch(text) else 0


def _is_unknown(case: Case) -> bool:
    return case.known is None


def _is_expired(case: Case) -> bool:
    return case.known is not None and case.known.expires_at <= case.now


def _is_not_post(case: Case) -> bool:
    return case.request.method != b"POST"


def _is_too_large(case: Case) -> bool:
    return len(case.request.body) > MAX_BODY


def _lacks_ttl(case: Case) -> bool:
    return b"ttl" not in case.request.headers


def _has_bad_ttl(case: Case) -> bool:
    return _TTL.fullmatch(case.request.headers[b"ttl"]) is None


def _conflicts_with_cache_policy(case: Case) -> bool:
    # Without the header WNS caches; TTL 0 asks it not to (pywebpush #162, webpush-go #66).
    if case.profile is not WNS:
        return False
    caches = case.request.headers.get(b"x-wns-cache-policy", b"cache").lower() != b"no-cache"
    return caches is (ttl_of(case.request.headers) == 0)


def _has_bad_topic(case: Case) -> bool:
    topic = case.request.headers.get(b"topic")
    return topic is not None and _TOPIC.fullmatch(topic) is None


def _has_bad_urgency(case: Case) -> bool:
    urgency = case.request.headers.get(b"urgency")
    if urgency is None:
        return False
    return urgency not in _URGENCY_BYTES or (case.profile is FCM and urgency == b"very-low")


def _has_bad_encoding(case: Case) -> bool:
    return bool(case.request.body) and case.request.headers.get(b"content-encoding") != b"aes128gcm"


def _lacks_vapid(case: Case) -> bool:
    return case.identity is None


def _has_bad_vapid(case: Case) -> bool:
    identity = case.identity
    if identity is None or identity.problem:
        return True
    return not case.now < identity.expires_at <= case.now + MAX_TOKEN_LIFE


def _has_wrong_key(case: Case) -> bool:
    wanted = case.known.vapid_public_key if case.known else ""
    return bool(wanted) and case.identity is not None and case.identity.public_key != wanted


CHECKS: tuple[tuple[Violation, Callable[[Case], bool]], ...] = (
    (Violation.UNKNOWN, _is_unknown),
    (Violation.METHOD, _is_not_post),
    (Violation.EXPIRED, _is_expired),
    (Violation.TOO_LARGE, _is_too_large),
    (Violation.TTL_MISSING, _lacks_ttl),
    (Violation.TTL_BAD, _has_bad_ttl),
    (Violation.CACHE_POLICY, _conflicts_with_cache_policy),
    (Violation.TOPIC, _has_bad_topic),
    (Violation.URGENCY, _has_bad_urgency),
    (Violation.ENCODING, _has_bad_encoding),
    (Violation.VAPID_MISSING, _lacks_vapid),
    (Violation.VAPID_INVALID, _has_bad_vapid),
    (Violation.VAPID_KEY_MISMATCH, _has_wrong_key),
)
"""A later check may rely on the earlier ones having passed."""
