import json

import pytest

from worker.simulator.answers import ScriptedAnswer
from worker.simulator.profiles import APPLE, FCM, MOZILLA, PROFILES, WNS, Violation
from worker.simulator.rules import CHECKS

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
