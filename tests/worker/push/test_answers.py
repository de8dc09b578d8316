import json
from datetime import datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.push.answers import (
    ANSWER_HEADERS,
    RETRY_AFTER_MAX,
    PushResponse,
    TransportFailure,
    classify,
    lowered_ttl,
    retry_after,
)
from worker.push.services import PushService
from worker.push.verdict import SENT, Settled, TryAgain
from worker.records.outcome import Status

FCM, MOZILLA, WNS, APPLE, OTHER = PushService
EXPIRED, REJECTED, UNAUTHORIZED, INVALID = (
    Status.EXPIRED,
    Status.REJECTED,
    Status.UNAUTHORIZED,
    Status.INVALID,
)
NOW = 1_795_251_600.0  # 2026-11-21T09:00:00Z


def errno(number):
    return json.dumps({"code": 400, "errno": number, "error": "x", "message": "y"}).encode()


def reason(word):
    return json.dumps({"reason": word}).encode()


FCM_MISMATCH = (
    b"the VAPID credentials in the authorization header do not correspond to the credentials used to create "
    b"the subscriptions.\n"
)

FCM_OTHER_SENDER = (
    b"the key in the authorization header does not correspond to the sender ID used to subscribe"
)

EVERYWHERE = [
    *((status, SENT) for status in (200, 201, 202, 204, 299)),
    *((status, Settled(REJECTED, "redirected")) for status in (300, 301, 302, 307, 308)),
    (400, Settled(REJECTED, "bad_request")),
    (401, Settled(UNAUTHORIZED, "unauthorized")),
    (402, Settled(REJECTED, "bad_request")),
    (403, Settled(UNAUTHORIZED, "forbidden")),
    (404, Settled(EXPIRED, "not_found")),
    (405, Settled(REJECTED, "bad_request")),
    (408, TryAgain("timeout")),
    (410, Settled(EXPIRED, "gone")),
    (413, Settled(REJECTED, "payload_too_large")),
    (429, TryAgain("throttled", throttled=True)),
    (499, Settled(REJECTED, "bad_request")),
    *((status, TryAgain("server_error")) for status in (500, 501, 502, 504, 599)),
    (503, TryAgain("unavailable", throttled=True)),
]


@pytest.mark.parametrize("service", PushService)
@pytest.mark.parametrize(("status", "verdict"), EVERYWHERE)
@pytest.mark.parametrize("body", [b"", b"{}", errno(999), reason("Unheard"), b"<html>"])
def test_every_push_service_answers_by_the_standards(service, status, verdict, body):
    assert classify(service, PushResponse(status, body=body)) == verdict


BY_SERVICE = [
    (MOZILLA, 400, errno(102), Settled(INVALID, "bad_endpoint")),
    (MOZILLA, 400, errno(103), Settled(EXPIRED, "gone")),
    (MOZILLA, 400, errno(104), Settled(REJECTED, "payload_too_large")),
    (MOZILLA, 400, errno(105), Settled(EXPIRED, "gone")),
    (MOZILLA, 400, errno(106), Settled(EXPIRED, "gone")),
    (MOZILLA, 400, errno(109), Settled(UNAUTHORIZED, "bad_jwt")),
    (MOZILLA, 401, errno(109), Settled(UNAUTHORIZED, "bad_jwt")),
    (MOZILLA, 400, errno(110), Settled(INVALID, "bad_keys")),
    (MOZILLA, 400, errno(111), Settled(REJECTED, "missing_header")),
    (MOZILLA, 400, errno(112), Settled(REJECTED, "bad_ttl")),
    (MOZILLA, 400, errno(113), Settled(REJECTED, "bad_topic")),
    (MOZILLA, 400, errno(114), Settled(REJECTED, "bad_ttl")),
    (MOZILLA, 404, errno(102), Settled(EXPIRED, "not_found")),
    (MOZILLA, 410, errno(103), Settled(EXPIRED, "gone")),
    (MOZILLA, 410, errno(106), Settled(EXPIRED, "gone")),
    (MOZILLA, 413, errno(104), Settled(REJECTED, "payload_too_large")),
    (MOZILLA, 429, errno(201), TryAgain("throttled", throttled=True)),
    (MOZILLA, 502, errno(901), TryAgain("server_error")),
    (MOZILLA, 503, errno(201), TryAgain("unavailable", throttled=True)),
    (MOZILLA, 503, errno(202), TryAgain("retry_now")),
    (WNS, 406, b"", TryAgain("throttled", throttled=True)),
    (WNS, 406, reason("Any"), TryAgain("throttled", throttled=True)),
    (APPLE, 400, reason("VapidPkHashMismatch"), Settled(UNAUTHORIZED, "key_mismatch")),
    (APPLE, 403, reason("VapidPkHashMismatch"), Settled(UNAUTHORIZED, "key_mismatch")),
    (APPLE, 400, reason("BadJwtToken"), Settled(UNAUTHORIZED, "bad_jwt")),
    (APPLE, 403, reason("BadJwtToken"), Settled(UNAUTHORIZED, "bad_jwt")),
    (APPLE, 400, reason("BadUrgency"), Settled(REJECTED, "bad_urgency")),
    (APPLE, 400, reason("BadWebPushTopic"), Settled(REJECTED, "bad_topic")),
    *(
        (FCM, status, body, Settled(UNAUTHORIZED, detail))
        for status in (400, 401, 403)
        for body, detail in (
            (FCM_MISMATCH, "key_mismatch"),
            (FCM_OTHER_SENDER, "key_mismatch"),
            (b'{"error": {"status": "MismatchSenderId"}}', "key_mismatch"),
            (b"<TITLE>UnauthorizedRegistration</TITLE>", "key_mismatch"),
            (b"permission denied: Invalid JWT provided", "bad_jwt"),
        )
    ),
]


@pytest.mark.parametrize(("service", "status", "body", "verdict"), BY_SERVICE)
def test_a_push_services_own_answers_have_their_own_meaning(service, status, body, verdict):
    assert classify(service, PushResponse(status, body=body)) == verdict


@pytest.mark.parametrize(("owner", "status", "body", "_verdict"), BY_SERVICE)
@pytest.mark.parametrize("service", PushService)
def test_they_mean_nothing_from_another_push_service(service, owner, status, body, _verdict):
    if service is not owner:
        assert classify(service, PushResponse(status, body=body)) == classify(service, PushResponse(status))


@pytest.mark.parametrize("service", sorted(set(PushService) - {WNS}))
def test_406_is_a_refusal_but_for_wns(service):
    assert classify(service, PushResponse(406)) == Settled(REJECTED, "bad_request")


@pytest.mark.parametrize("service", PushService)
@pytest.mark.parametrize("body", [FCM_MISMATCH, errno(106), reason("BadJwtToken")])
def test_a_body_does_not_change_what_was_taken(service, body):
    assert classify(service, PushResponse(201, body=body)) == SENT
    assert classify(service, PushResponse(200, body=body)) == SENT


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    ("said", "detail"),
    [("dropped", "dropped"), (" Dropped", "dropped"), ("channelthrottled", "channelthrottled")],
)
def test_wns_says_of_what_it_took_that_it_will_not_deliver_it(status, said, detail):
    answer = PushResponse(status, {"x-wns-status": said})
    assert classify(WNS, answer) == Settled(Status.SENT, detail)
    assert classify(FCM, answer) == SENT


@pytest.mark.parametrize("said", ["received", "", "nobody knows"])
def test_any_other_word_of_wns_beside_a_2xx_changes_nothing(said):
    assert classify(WNS, PushResponse(201, {"x-wns-status": said})) == SENT


@pytest.mark.parametrize("service", PushService)
@pytest.mark.parametrize("failure", TransportFailure)
def test_a_failure_is_tried_again_unless_the_address_was_refused(service, failure):
    refused = failure is TransportFailure.ADDRESS_REFUSED
    expected = Settled(INVALID, "endpoint_not_allowed") if refused else TryAgain(failure.value)
    assert classify(service, failure) == expected


@pytest.mark.parametrize("service", PushService)
def test_our_own_faults_never_expire_a_subscription(service):
    answers = [
        PushResponse(status, body=body) for status in (400, 401, 403, 413) for body in (b"", FCM_MISMATCH)
    ]
    verdicts = [classify(service, answer) for answer in [*answers, *TransportFailure]]
    assert EXPIRED not in [verdict.status for verdict in verdicts if isinstance(verdict, Settled)]


HOSTILE = [
    b"\xff\xfe\x00",
    b'{"errno": "\xff", "reason": "\xff"}',
    b"\xed\xa0\x80",
    b"[" * 100_000,
    b'{"errno":' * 100_000,
    b'{"reason": {"reason": {"reason": "BadJwtToken"}}}',
    b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b', "errno": 1}',
    b"A" * 5_000_000,
    b'{"reason": "' + b"A" * 1_000_000 + b'"}',
    b'{"errno": ' + b"9" * 5_000 + b"}",
    b'{"errno": -' + b"9" * 100 + b"}",
    b'{"errno": 1e999}',
    b'{"errno": 1.5}',
    b'{"errno": true, "reason": false}',
    b'{"errno": null, "reason": null}',
    b'{"errno": 0, "reason": ""}',
    b'{"errno": [], "reason": {}}',
    b'{"errno": 999, "reason": "\\u0000\\ud800"}',
    b"null",
    b'"errno"',
    b"[106]",
    b"{",
    b"\0",
]


@pytest.mark.parametrize("service", PushService)
@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_body_is_no_reason(service, body):
    for status in (400, 401, 403, 404, 429, 500, 503):
        answer = PushResponse(status, body=body)
        assert classify(service, answer) == classify(service, PushResponse(status))


@given(st.sampled_from(PushService), st.integers(100, 999), st.binary() | st.integers().map(errno))
def test_any_answer_has_a_verdict(service, status, body):
    verdict = classify(service, PushResponse(status, body=body))
    assert isinstance(verdict, Settled | TryAgain)
    if isinstance(verdict, Settled):
        assert (verdict.status is Status.SENT) == (200 <= status < 300)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("007", 7.0),
        ("86400", 86_400.0),
        ("86401", RETRY_AFTER_MAX),
        ("999999999999999999", RETRY_AFTER_MAX),
        ("Sat, 21 Nov 2026 09:02:00 GMT", 120.0),
        ("Saturday, 21-Nov-26 09:02:00 GMT", 120.0),
        ("Sat Nov 21 09:02:00 2026", 120.0),
        ("Sat, 21 Nov 2026 10:02:00 +0100", 120.0),
        ("Sat, 21 Nov 2026 08:59:00 GMT", 0.0),
        ("Sat, 21 Nov 2099 09:00:00 GMT", RETRY_AFTER_MAX),
        ("", 0.0),
        (" ", 0.0),
        ("-1", 0.0),
        ("+1", 0.0),
        ("1.5", 0.0),
        ("1e3", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("120, 240", 0.0),
        ("\u0661\u0662", 0.0),
        ("soon", 0.0),
        ("Sat, 99 Nov 2026 09:00:00 GMT", 0.0),
        ("Sat, 21 Nov 99999999999999999999 09:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert retry_after({"retry-after": text}, NOW) == seconds


def test_no_retry_after_is_no_wait():
    assert retry_after({}, NOW) == 0.0
    assert retry_after({"ttl": "5"}, NOW) == 0.0


WORDS = [
    "Sat,",
    "21",
    "Nov",
    "2026",
    "09:00:00",
    "GMT",
    "+0100",
    "-9999",
    "99999999999",
    "1",
    ":",
    "(",
    '"',
    "\0",
]


@given(
    st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join) | st.from_regex(r"[0-9]{1,40}", fullmatch=True)
)
def test_retry_after_never_raises_and_is_always_bounded(text):
    assert 0.0 <= retry_after({"retry-after": text}, NOW) <= RETRY_AFTER_MAX


@given(st.integers(0, 100_000))
def test_seconds_are_waited_to_the_cap(seconds):
    assert retry_after({"retry-after": str(seconds)}, NOW) == min(seconds, RETRY_AFTER_MAX)


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001 - gets one
def test_dates_are_waited_for_to_the_cap(moment):
    wait = retry_after({"retry-after": format_datetime(moment)}, NOW)
    exact = moment.replace(microsecond=0).timestamp() - NOW
    # The header gives a zone's offset in minutes; some had seconds in theirs.
    assert wait == pytest.approx(min(max(exact, 0.0), RETRY_AFTER_MAX), abs=60)


@pytest.mark.parametrize(
    ("ttl", "asked", "lowered"),
    [
        ("60", 3600, True),
        ("3600", 3600, False),
        ("7200", 3600, False),
        ("0", 0, False),
        ("0", 1, True),
        ("", 3600, False),
        ("-1", 3600, False),
        ("1.5", 3600, False),
        ("soon", 3600, False),
        ("9" * 5_000, 3600, False),
    ],
)
def test_a_ttl_below_the_one_asked_for_is_seen(ttl, asked, lowered):
    assert lowered_ttl({"ttl": ttl}, asked) is lowered


def test_an_absent_ttl_is_not_lowered():
    assert lowered_ttl({}, 3600) is False


def test_the_headers_that_are_read_are_listed():
    assert {"retry-after", "ttl"} <= ANSWER_HEADERS
    assert all(name == name.lower() for name in ANSWER_HEADERS)
