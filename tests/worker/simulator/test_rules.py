import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.simulator.answers import ScriptedAnswer
from worker.simulator.profiles import APPLE, FCM, MOZILLA, PROFILES, WNS, Violation
from worker.simulator.rules import CHECKS, Case, Identity, Known, ReceivedRequest, judge, ttl_of

NOW = 1_000_000.0
HEADERS = {b"ttl": b"60", b"content-encoding": b"aes128gcm", b"authorization": b"vapid"}
IDENTITY = Identity(public_key="key", expires_at=NOW + 3600)


def case(profile=FCM, *, headers=None, without=(), body=b"x", method=b"POST", **changes):
    merged = {**HEADERS, **(headers or {})}
    request = ReceivedRequest(method, b"/x", {k: v for k, v in merged.items() if k not in without}, body)
    return msgspec.structs.replace(Case(profile, request, Known("key", math.inf), IDENTITY, NOW), **changes)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"urgency": b"high", b"topic": b"a" * 32},
        {b"urgency": b"low", b"topic": b"_-9"},
        {b"ttl": b"0", b"x-wns-cache-policy": b"no-cache"},
        {b"ttl": b"2419200"},
    ],
)
def test_a_correct_push_is_taken(profile, headers):
    assert judge(case(profile, headers=headers)) is None


VIOLATIONS = [
    (case(known=None), Violation.UNKNOWN),
    (case(known=Known("", NOW)), Violation.EXPIRED),
    (case(method=b"GET"), Violation.METHOD),
    (case(body=b"x" * 4097), Violation.TOO_LARGE),
    (case(without=[b"ttl"]), Violation.TTL_MISSING),
    (case(headers={b"ttl": b"-1"}), Violation.TTL_BAD),
    (case(headers={b"ttl": b"1.5"}), Violation.TTL_BAD),
    (case(headers={b"ttl": b"60, 60"}), Violation.TTL_BAD),
    (case(headers={b"topic": b"a" * 33}), Violation.TOPIC),
    (case(headers={b"topic": b""}), Violation.TOPIC),
    (case(headers={b"topic": b"a b"}), Violation.TOPIC),
    (case(headers={b"topic": b"a+b/"}), Violation.TOPIC),
    (case(headers={b"urgency": b"urgent"}), Violation.URGENCY),
    (case(headers={b"urgency": b"HIGH"}), Violation.URGENCY),
    (case(headers={b"content-encoding": b"aesgcm"}), Violation.ENCODING),
    (case(without=[b"content-encoding"]), Violation.ENCODING),
    (case(identity=None), Violation.VAPID_MISSING),
    (case(identity=Identity(problem="bad_signature")), Violation.VAPID_INVALID),
    (case(identity=Identity(public_key="key", expires_at=NOW)), Violation.VAPID_INVALID),
    (case(identity=Identity(public_key="key", expires_at=NOW + 86_401)), Violation.VAPID_INVALID),
    (case(identity=Identity(public_key="other", expires_at=NOW + 60)), Violation.VAPID_KEY_MISMATCH),
]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize(("broken", "violation"), VIOLATIONS)
def test_every_service_minds_each_violation(profile, broken, violation):
    assert judge(msgspec.structs.replace(broken, profile=profile)) is violation


def test_an_empty_push_needs_no_encoding():
    assert judge(case(body=b"", without=[b"content-encoding"])) is None


def test_a_subscription_open_to_anyone_takes_any_key():
    assert judge(case(known=Known("", math.inf), identity=Identity("", "other", NOW + 60))) is None


@pytest.mark.parametrize(
    ("ttl", "policy", "conflict"),
    [
        (b"0", None, True),
        (b"0", b"cache", True),
        (b"0", b"no-cache", False),
        (b"60", None, False),
        (b"60", b"cache", False),
        (b"60", b"no-cache", True),
    ],
)
def test_the_cache_policy_must_fit_the_ttl_at_wns_alone(ttl, policy, conflict):
    headers = {b"ttl": ttl} | ({b"x-wns-cache-policy": policy} if policy else {})
    assert judge(case(WNS, headers=headers)) is (Violation.CACHE_POLICY if conflict else None)
    assert all(judge(case(other, headers=headers)) is None for other in (FCM, MOZILLA, APPLE))


def test_very_low_is_refused_by_fcm_alone():
    refused = [name for name, p in PROFILES.items() if judge(case(p, headers={b"urgency": b"very-low"}))]
    assert refused == ["fcm"]


ANSWERS = [
    (MOZILLA, Violation.TTL_MISSING, 400, '"errno": 111'),
    (MOZILLA, Violation.TTL_BAD, 400, '"errno": 112'),
    (MOZILLA, Violation.TOPIC, 400, '"errno": 113'),
    (MOZILLA, Violation.TOO_LARGE, 413, '"errno": 104'),
    (MOZILLA, Violation.VAPID_INVALID, 401, '"errno": 109'),
    (MOZILLA, Violation.UNKNOWN, 404, '"errno": 102'),
    (MOZILLA, Violation.EXPIRED, 410, '"errno": 106'),
    (APPLE, Violation.TOPIC, 400, "BadWebPushTopic"),
    (APPLE, Violation.URGENCY, 400, "BadUrgency"),
    (APPLE, Violation.VAPID_INVALID, 403, "BadJwtToken"),
    (APPLE, Violation.VAPID_KEY_MISMATCH, 400, "VapidPkHashMismatch"),
    (FCM, Violation.VAPID_KEY_MISMATCH, 403, "do not correspond"),
    (FCM, Violation.VAPID_MISSING, 401, "authorization header must be specified"),
    (WNS, Violation.CACHE_POLICY, 400, "Ttl value conflicts with X-WNS-Cache-Policy."),
]


@pytest.mark.parametrize(("profile", "violation", "status", "text"), ANSWERS)
def test_documented_answers(profile, violation, status, text):
    answer = profile.violations[violation]
    assert answer.status == status
    assert text in answer.body + str(answer.headers)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_tables_are_whole(profile):
    assert {violation for violation, _ in CHECKS} == set(Violation)
    assert set(Violation) - set(profile.violations) <= {Violation.CACHE_POLICY}
    assert all(answer.status == status for status, answer in profile.statuses.items())
    assert not any(200 <= answer.status < 300 for answer in profile.violations.values())


@pytest.mark.parametrize("answer", [*MOZILLA.violations.values(), *MOZILLA.statuses.values()])
def test_mozilla_repeats_its_status_in_the_body(answer):
    assert not answer.body or json.loads(answer.body)["code"] == answer.status


def test_a_bare_status_is_dressed_as_the_service_would():
    assert MOZILLA.dressed(ScriptedAnswer(503)).retry_after == 120
    assert MOZILLA.dressed(ScriptedAnswer(503, retry_after=1)).retry_after == 1
    assert WNS.dressed(ScriptedAnswer(406)).retry_after == 900
    assert FCM.dressed(ScriptedAnswer(429)).retry_after is None
    assert FCM.dressed(ScriptedAnswer(429, body="own")).body == "own"
    assert FCM.dressed(ScriptedAnswer(599)) == ScriptedAnswer(599)


def test_a_taken_push_gets_its_headers():
    answer = MOZILLA.accepted(ScriptedAnswer(201), origin="https://o", number=7, ttl=9_999_999)
    assert answer.headers == (("Location", "https://o/m/7"), ("TTL", "2592000"))
    assert ("X-WNS-STATUS", "received") in WNS.accepted(ScriptedAnswer(), origin="", number=1, ttl=1).headers


@given(st.binary(max_size=20))
def test_any_ttl_header_is_a_number_or_refused(ttl):
    verdict = judge(case(headers={b"ttl": ttl}))
    assert verdict in (None, Violation.TTL_BAD)
    assert (ttl_of({b"ttl": ttl}) == int(ttl)) if verdict is None else (ttl_of({b"ttl": ttl}) == 0)
