import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.simulator.profiles import APPLE, FCM, MOZILLA, PROFILES, WNS, Violation
from worker.simulator.rules import Case, Identity, Known, ReceivedRequest, judge, ttl_of

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


@given(st.binary(max_size=20))
def test_any_ttl_header_is_a_number_or_refused(ttl):
    verdict = judge(case(headers={b"ttl": ttl}))
    assert verdict in (None, Violation.TTL_BAD)
    assert (ttl_of({b"ttl": ttl}) == int(ttl)) if verdict is None else (ttl_of({b"ttl": ttl}) == 0)
