"""The four push services as tables: what each looks like from outside, and how it answers each violation.

Each row names its source: `§` is a section of docs/push-services.md, a project name with a number is that
GitHub issue. "open" marks what no source documents: there the row has the plainest answer that the standard
allows.
"""

import json
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from worker.simulator.answers import ScriptedAnswer, phrase


class Violation(StrEnum):
    """What a sender can do wrong; the values are the names under which it is counted."""

    METHOD = "method_not_allowed"
    UNKNOWN = "unknown_subscription"
    EXPIRED = "expired_subscription"
    TOO_LARGE = "body_too_large"
    TTL_MISSING = "ttl_missing"
    TTL_BAD = "ttl_bad"
    CACHE_POLICY = "ttl_conflicts_with_cache_policy"
    TOPIC = "topic_bad"
    URGENCY = "urgency_bad"
    ENCODING = "content_encoding_bad"
    VAPID_MISSING = "vapid_missing"
    VAPID_INVALID = "vapid_invalid"
    VAPID_KEY_MISMATCH = "vapid_key_mismatch"


class Profile(msgspec.Struct, frozen=True):
    """One push service.

    Attributes:
        name: Its name in outcomes and metrics.
        prefix: What its endpoints have between origin and token.
        max_ttl: Seconds to which it lowers a longer TTL instead of refusing it; None if it does not.
        success: Headers of its 201; ``{origin}``, ``{number}`` (of the message) and ``{ttl}`` are filled in.
        violations: Its answer to each violation that it checks for; it lets all others pass.
        statuses: What it sends along with a status if a fault or a script gives only the status.
    """

    name: str
    prefix: str
    max_ttl: int | None
    success: tuple[tuple[str, str], ...]
    violations: Mapping[Violation, ScriptedAnswer]
    statuses: Mapping[int, ScriptedAnswer]

    def accepted(self, answer: ScriptedAnswer, *, origin: str, number: int, ttl: int) -> ScriptedAnswer:
        """Add this service's headers to a 2xx answer for message ``number``, kept for ``ttl`` seconds."""
        kept = ttl if self.max_ttl is None else min(ttl, self.max_ttl)
        filled = ((name, text.format(origin=origin, number=number, ttl=kept)) for name, text in self.success)
        return msgspec.structs.replace(answer, headers=(*filled, *answer.headers))

    def dressed(self, answer: ScriptedAnswer) -> ScriptedAnswer:
        """Add what this service sends along with the status, unless the answer has headers or a body."""
        usual = self.statuses.get(answer.status)
        if usual is None or answer.body or answer.headers:
            return answer
        pause = usual.retry_after if answer.retry_after is None else answer.retry_after
        return msgspec.structs.replace(answer, headers=usual.headers, body=usual.body, retry_after=pause)


def _text(status: int, body: str) -> ScriptedAnswer:
    return ScriptedAnswer(status, headers=(("Content-Type", "text/plain; charset=utf-8"),), body=body)


def _errno(status: int, errno: int, message: str, retry_after: float | None = None) -> ScriptedAnswer:
    error = {"code": status, "errno": errno, "error": phrase(status), "message": message}
    more = {"more_info": "http://autopush.readthedocs.io/en/latest/http.html#error-codes"}
    headers = (("Content-Type", "application/json"),)
    return ScriptedAnswer(status, retry_after, headers=headers, body=json.dumps(error | more))


def _wns(
    status: int, description: str, retry_after: float | None = None, state: str = "dropped"
) -> ScriptedAnswer:
    headers = (
        ("X-WNS-ERROR-DESCRIPTION", description),
        ("X-WNS-STATUS", state),
        ("X-WNS-NOTIFICATIONSTATUS", state),
    )
    return ScriptedAnswer(status, retry_after, headers=headers)


def _reason(status: int, reason: str) -> ScriptedAnswer:
    return ScriptedAnswer(
        status, headers=(("Content-Type", "application/json"),), body=json.dumps({"reason": reason})
    )


_FCM_MISMATCH = (
    "the VAPID credentials in the authorization header do not correspond to the credentials used to create"
    " the subscriptions.\n"
)
_FCM_BAD_JWT = "permission denied: invalid JWT provided\n"
_LOCATION = ("Location", "{origin}/m/{number}")  # RFC 8030, 5: the push message resource
_REDIRECT = (("Location", "https://localhost/elsewhere"),)
_REDIRECTS = {status: ScriptedAnswer(status, headers=_REDIRECT) for status in (302, 307)}

FCM = Profile(
    name="fcm",
    prefix="/fcm/send/",
    max_ttl=None,
    success=(_LOCATION,),
    violations={
        Violation.METHOD: _text(405, "method not allowed\n"),  # RFC 8030, 5: POST; text open
        Violation.UNKNOWN: _text(404, "push subscription not found\n"),  # § FCM; text shortened
        Violation.EXPIRED: _text(410, "push subscription has unsubscribed or expired.\n"),  # § FCM; text seen
        Violation.TOO_LARGE: _text(413, "payload too large\n"),  # RFC 8030, 7.2
        Violation.TTL_MISSING: _text(400, "TTL header must be specified\n"),  # RFC 8030, 5.2; text open
        Violation.TTL_BAD: _text(400, "invalid TTL header\n"),  # RFC 8030, 5.2; text open
        Violation.TOPIC: _text(400, "invalid Topic header\n"),  # RFC 8030, 5.4; text open
        Violation.URGENCY: _text(400, "invalid Urgency header\n"),  # § FCM (very-low refused); text open
        Violation.ENCODING: _text(400, "content encoding not supported\n"),  # open
        Violation.VAPID_MISSING: _text(401, "authorization header must be specified\n"),  # web-push-php #265
        Violation.VAPID_INVALID: _text(403, _FCM_BAD_JWT),  # web-push #679, sarthakbagaria/web-push #9
        Violation.VAPID_KEY_MISMATCH: _text(403, _FCM_MISMATCH),  # § FCM; webpush-java #212
    },
    statuses={
        403: _text(403, _FCM_MISMATCH),  # § FCM
        429: _text(429, "too many requests\n"),  # § FCM: per site since January 2026; text open
        **_REDIRECTS,
    },
)

MOZILLA = Profile(
    name="mozilla",
    prefix="/wpush/v2/",
    max_ttl=2_592_000,  # § Mozilla: clamped to 30 days without notice
    success=(_LOCATION, ("TTL", "{ttl}")),
    violations={
        Violation.METHOD: ScriptedAnswer(405, headers=(("Allow", "POST"),)),  # RFC 9110, 15.5.6
        Violation.UNKNOWN: _errno(404, 102, "Request did not validate invalid token"),  # autopush #646
        Violation.EXPIRED: _errno(410, 106, "Request did not validate: invalid subscription"),  # § Mozilla
        Violation.TOO_LARGE: _errno(413, 104, "Data payload too large"),  # § Mozilla
        Violation.TTL_MISSING: _errno(400, 111, "Missing TTL header"),  # § Mozilla
        Violation.TTL_BAD: _errno(400, 112, "Invalid TTL header value"),  # § Mozilla
        Violation.TOPIC: _errno(400, 113, "Invalid Topic header"),  # § Mozilla
        Violation.URGENCY: _errno(400, 110, "Invalid Urgency header"),  # open
        Violation.ENCODING: _errno(400, 110, "Unknown Content-Encoding header"),  # § Mozilla: 110 bad keys
        Violation.VAPID_MISSING: _errno(401, 109, "missing authorization header"),  # pywebpush #81
        Violation.VAPID_INVALID: _errno(401, 109, "Invalid VAPID token"),  # sarthakbagaria/web-push #9
        Violation.VAPID_KEY_MISMATCH: _errno(401, 109, "VAPID public key mismatch"),  # § Mozilla: 109 auth
    },
    statuses={
        400: _errno(400, 110, "Invalid crypto keys"),  # § Mozilla
        401: _errno(401, 109, "Invalid VAPID token"),  # § Mozilla
        404: _errno(404, 102, "Request did not validate invalid token"),  # § Mozilla
        410: _errno(410, 106, "Request did not validate: invalid subscription"),  # § Mozilla
        413: _errno(413, 104, "Data payload too large"),  # § Mozilla
        429: _errno(429, 201, "Too many requests", 10),  # § Mozilla: Retry-After 10 to 3600
        500: _errno(500, 999, "Unknown error"),  # § Mozilla
        502: _errno(502, 902, "Bridge request failed"),  # § Mozilla: 9xx bridge
        503: _errno(503, 201, "Use exponential back-off for retries", 120),  # § Mozilla: every 503 says 120
        **_REDIRECTS,
    },
)

WNS = Profile(
    name="wns",
    prefix="/w/?token=",
    max_ttl=None,
    success=(
        _LOCATION,
        ("X-WNS-STATUS", "received"),
        ("X-WNS-NOTIFICATIONSTATUS", "received"),
        ("X-WNS-MSG-ID", "{number:016X}"),
    ),
    violations={
        Violation.METHOD: _wns(405, "The method is not allowed."),  # § WNS; text open
        Violation.UNKNOWN: _wns(404, "The channel URL is not valid."),  # § WNS; text open
        Violation.EXPIRED: _wns(410, "Revoked channel URL", state="revoked"),  # WindowsAppSDK #4446
        Violation.TOO_LARGE: _wns(413, "The payload exceeds the size limit."),  # RFC 8030, 7.2; text open
        Violation.TTL_MISSING: _wns(400, "TTL header is missing."),  # bpolaszek/webpush-bundle #48; text open
        Violation.TTL_BAD: _wns(400, "TTL header is not valid."),  # RFC 8030, 5.2; text open
        Violation.CACHE_POLICY: _wns(400, "Ttl value conflicts with X-WNS-Cache-Policy."),  # pywebpush #162
        Violation.TOPIC: _wns(400, "Topic header is not valid."),  # RFC 8030, 5.4; text open
        Violation.URGENCY: _wns(400, "Urgency header is not valid."),  # RFC 8030, 5.3; text open
        Violation.ENCODING: _wns(400, "Content-Encoding is not supported."),  # open
        Violation.VAPID_MISSING: _wns(401, "Authorization header is missing."),  # open
        Violation.VAPID_INVALID: _wns(401, "JWT authentication failed."),  # open
        Violation.VAPID_KEY_MISMATCH: _wns(403, "The key does not match the channel."),  # open
    },
    statuses={
        404: _wns(404, "The channel URL is not valid."),  # § WNS
        406: _wns(406, "The cloud service exceeded its throttle limit.", 900, "channelthrottled"),  # § WNS
        410: _wns(410, "Revoked channel URL", state="revoked"),  # WindowsAppSDK #4446
        429: _wns(429, "The cloud service exceeded its throttle limit.", state="channelthrottled"),  # § WNS
        **_REDIRECTS,
    },
)

APPLE = Profile(
    name="apple",
    prefix="/",
    max_ttl=None,
    success=(_LOCATION, ("apns-id", "00000000-0000-4000-8000-{number:012X}")),
    violations={
        Violation.METHOD: _reason(405, "MethodNotAllowed"),  # open
        Violation.UNKNOWN: _reason(404, "BadPath"),  # § Apple (404 gone); word open
        Violation.EXPIRED: _reason(410, "Unregistered"),  # § Apple (410 gone); word of native APNs
        Violation.TOO_LARGE: _reason(413, "PayloadTooLarge"),  # RFC 8030, 7.2; word of native APNs
        Violation.TTL_MISSING: _reason(400, "BadTtl"),  # RFC 8030, 5.2; § Apple
        Violation.TTL_BAD: _reason(400, "BadTtl"),  # RFC 8030, 5.2; § Apple
        Violation.TOPIC: _reason(400, "BadWebPushTopic"),  # § Apple
        Violation.URGENCY: _reason(400, "BadUrgency"),  # § Apple
        Violation.ENCODING: _reason(400, "BadContentEncoding"),  # open
        Violation.VAPID_MISSING: _reason(403, "BadJwtToken"),  # § Apple; webpush-webcrypto #4 quotes Apple
        Violation.VAPID_INVALID: _reason(403, "BadJwtToken"),  # § Apple; web-push #947 (subject)
        Violation.VAPID_KEY_MISMATCH: _reason(400, "VapidPkHashMismatch"),  # § Apple
    },
    statuses={
        403: _reason(403, "BadJwtToken"),  # § Apple
        410: _reason(410, "Unregistered"),  # word of native APNs
        413: _reason(413, "PayloadTooLarge"),  # word of native APNs
        429: _reason(429, "TooManyRequests"),  # word of native APNs
        **_REDIRECTS,
    },
)

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (FCM, MOZILLA, WNS, APPLE)}
