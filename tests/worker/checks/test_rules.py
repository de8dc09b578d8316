import json

import pytest

from tests.worker.checks.support import EVERYTHING, found, people, sent
from tests.worker.support import job, recipient
from worker.push.services import Endpoints, HostRule


def test_a_job_with_everything_has_nothing_wrong():
    person = recipient(variables={"name": "Ada", "sku": "a-1"}, not_before="2026-11-21T18:00:00Z")
    person["subscription"]["expirationTime"] = None  # the browser's own
    value = job(
        person,
        notification=EVERYTHING,
        vapid_key="site_a",
        mutable=False,
        ttl=86400,
        urgency="normal",
        topic="promo-42",
        start_at="2026-11-21T09:00:00Z",
        stretch_time=18000,
        not_after="2026-11-22T09:00:00Z",
        slice={"first": 200, "total": 120000},
    )
    assert found(value) == {}


@pytest.mark.parametrize(
    ("value", "field", "problem"),
    [
        (b"", "value", "is not JSON"),
        (b"\xff", "value", "is not JSON"),
        (b"[]", "value", "expected `object`"),
        (job(v=2), "v", "only supports v 1"),
        (job(ttl="1"), "ttl", "expected `int | null`, got `str`"),
        (job(urgency="urgent"), "urgency", "not one of the allowed values"),
        (job(topic="a b"), "topic", ""),
        (job(start_at="2026-11-21T09:00:00"), "start_at", ""),
        (job({"id": "no spaces please"}), "recipients[0].id", ""),
        (job(slice={"first": 5, "total": 5}), "slice.total", "is less than"),
        (job(payload="x", notification={"title": "t", "url": "u"}), "notification", "exactly one"),
    ],
)
def test_what_makes_the_worker_refuse_a_record(value, field, problem):
    assert problem in found(value)["error", field]


def test_a_missing_field_is_told_beside_its_misspelling():
    value = job()
    value["recipents"] = value.pop("recipients")
    assert found(value) == {
        ("error", "recipients"): "is missing",
        ("error", "recipents"): "is unknown, and is ignored; did you mean recipients?",
    }


def test_unknown_fields_are_named_wherever_they_are():
    value = sent(requireInteraction=True, actions=[{**EVERYTHING["actions"][0], "navigate": 1}])
    value |= {"notAfter": "2026", "x\x1b[31m": 1, "slice": {"first": 0, "total": 1, "totl": 1}}
    value["recipients"][0] |= {"variable": {}}
    value["recipients"][0]["subscription"]["keys"]["Auth"] = "x"
    told = found(value)
    assert {field for _, field in told} == {
        "notification.requireInteraction",
        "notification.actions[0].navigate",
        "notAfter",
        '"x\\u001b[31m"',
        "slice.totl",
        "recipients[0].variable",
        "recipients[0].subscription.keys.Auth",
    }
    assert all(severity == "error" for severity, _ in told)
    assert told["error", "notAfter"].endswith("did you mean not_after?")
    assert told["error", "notification.requireInteraction"].endswith("did you mean require_interaction?")


def test_what_is_alike_is_told_once():
    told = found(job(*people(5, varables={})))
    assert list(told) == [("error", "recipients[0].varables")]
    assert told["error", "recipients[0].varables"].endswith("variables? (and 4 more like it)")


def test_fields_of_tier_records():
    told = found(job(recipient(number=1, attempts=0), lane="urgent"))
    assert set(told) == {
        ("error", "lane"),
        ("error", "recipients[0].number"),
        ("error", "recipients[0].attempts"),
    }
    assert all("push.later.*" in problem for problem in told.values())


@pytest.mark.parametrize("half", [b"\xff", rb"\ud83d"])
def test_text_that_is_not_unicode_is_told_and_costs_nothing(half):
    raw = json.dumps(sent(body="??")).encode().replace(b"??", half)
    told = found(raw)
    assert list(told) == [("warning", "value")]
    assert "U+FFFD" in told["warning", "value"]


def test_what_says_nothing_is_nothing_to_tell():
    persons = [recipient("a", variables=[]), recipient("b", variables=None, not_before=None)]
    value = job(*persons, notification={**EVERYTHING, "url": "https://a/", "data": []})
    value |= {"v": 1.0, "slice": None, "vapid_key": None, "ttl": None, "urgency": None}
    assert found(value) == {}


def test_unknown_fields_are_named_beside_what_is_tolerated():
    told = found(sent(icon=None, icno=None) | {"ttl": None, "tll": 5})
    assert {field for _, field in told} == {"notification.icno", "tll"}


def test_an_unknown_field_that_is_not_utf_8_beside_a_flaw():
    raw = json.dumps(job({"id": "a", "z": "??"}, {"id": "b"}, y="??")).encode().replace(b"??", b"\xff\xfe")
    told = found(raw)
    errors = {field for severity, field in told if severity == "error"}
    assert errors == {"recipients[0]", "recipients[0].z", "y"}
    assert "UTF-8" in told["warning", "value"]
    assert "bad_subscription (and 1 more like it)" in told["error", "recipients[0]"]


@pytest.mark.parametrize(
    ("fields", "field", "flaw"),
    [
        ({"subscription": None}, "recipients[1].subscription", "bad_subscription"),
        ({"subscription": {"endpoint": "https://a"}}, "recipients[1].subscription", "bad_subscription"),
        ({"variables": {"name": [None]}}, "recipients[1].variables[...]", "bad_variables"),
        ({"not_before": "tomorrow"}, "recipients[1].not_before", "bad_not_before"),
    ],
)
def test_a_recipient_that_cannot_be_read(fields, field, flaw):
    told = found(job(recipient("a"), recipient("b", **fields)))
    assert list(told) == [("error", field)]
    assert flaw in told["error", field]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/s3cr3t",
        "https://push.example/s3cr3t",
        "https://10.0.0.1/s3cr3t",
        "nonsense",
    ],
)
def test_endpoints_that_are_not_allowed(endpoint):
    person = recipient()
    person["subscription"]["endpoint"] = endpoint
    told = found(job(person))
    assert list(told) == [("error", "recipients[0].subscription.endpoint")]
    assert "s3cr3t" not in str(told)


def test_endpoints_that_the_operator_allows():
    person = recipient()
    person["subscription"]["endpoint"] = "https://push.example:8443/x"
    assert found(job(person), Endpoints([HostRule("push.example", 8443)])) == {}


def test_keys_of_subscriptions():
    one, two, three = people(3)
    one["subscription"]["keys"]["p256dh"] = "!"
    two["subscription"]["keys"]["p256dh"] = "BA" + "A" * 85
    three["subscription"]["keys"]["auth"] = "c2VjcmV0"
    told = found(job(one, two, three))
    assert set(told) == {
        ("error", "recipients[0].subscription.keys.p256dh"),
        ("error", "recipients[1].subscription.keys.p256dh"),
        ("error", "recipients[2].subscription.keys.auth"),
    }
    assert "c2VjcmV0" not in str(told)


def test_repeated_recipients_and_endpoints():
    one, two, three = people(3)
    two["id"] = one["id"]
    three["subscription"] = one["subscription"]
    assert set(found(job(one, two, three))) == {
        ("error", "recipients[1].id"),
        ("warning", "recipients[2].subscription.endpoint"),
    }


def test_recipients_that_are_too_large():
    told = found(job(recipient(variables={"x": "y" * 200_000})))
    assert "recipient_too_large" in told["error", "recipients[0]"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ttl": 0}, None),
        ({"ttl": 59}, ("warning", "ttl")),
        ({"ttl": 60}, None),
        ({"ttl": 2_419_201}, ("warning", "ttl")),
        ({"start_at": "2026-01-02T00:00:00Z", "not_after": "2026-01-02T00:00:00Z"}, ("error", "not_after")),
        ({"start_at": "2026-01-02T00:00:00Z", "not_after": "2026-01-02T01:00:00Z"}, None),
        (
            {"start_at": "2026-01-02T00:00:00Z", "not_after": "2026-01-02T01:00:00Z", "stretch_time": 3601},
            ("warning", "not_after"),
        ),
        ({"stretch_time": 60}, None),
    ],
)
def test_times(fields, expected):
    assert list(found(job(**fields))) == ([expected] if expected else [])


def test_a_recipient_after_the_end():
    value = job(recipient(not_before="2026-01-02T00:00:00Z"), not_after="2026-01-01T00:00:00Z")
    assert list(found(value)) == [("error", "recipients[0].not_before")]


def test_a_big_stretched_job_without_slice():
    value = job(*people(100), stretch_time=60)
    assert list(found(value)) == [("warning", "stretch_time")]
    assert found(value | {"slice": {"first": 0, "total": 100}}) == {}


def test_a_record_that_brokers_refuse():
    assert list(found(job(payload="x") | {"job_id": "j"})) == []
    raw = json.dumps(job()).encode() + b" " * 1_000_000
    assert list(found(raw)) == [("warning", "value")]


def test_what_is_nested_too_deeply():
    deep = 1
    for _ in range(400):
        deep = {"a": deep}
    assert list(found(sent(data=deep))) == [("error", "notification.data")]
    assert list(found(job(x=deep))) == [("error", "x")]
