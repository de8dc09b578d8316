from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.device import Device
from campaigns.model.ids import SUBSCRIBER_END
from campaigns.model.problems import ConflictError, InvalidError
from campaigns.model.subscriber import (
    REVIVED,
    BrowserSubscription,
    Known,
    Match,
    Profile,
    Subscriber,
    SubscriberStatus,
    folded,
    match,
    merged,
    profile_problems,
    read_subscription,
    subscriber_number,
    updated,
)
from campaigns.model.zones import Zones
from crypto.keys import ReceiverKeys
from tests.campaigns.anything import attempt, nearly
from worker.push.services import Endpoints

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEYS = ReceiverKeys.from_bytes(bytes(31) + b"\x01" + bytes(range(16)))
ENDPOINT = "https://fcm.googleapis.com/fcm/send/secret"
GIVEN = {
    "endpoint": ENDPOINT,
    "expirationTime": None,
    "keys": {"p256dh": KEYS.p256dh, "auth": KEYS.auth_text},
}
SUBSCRIPTION = BrowserSubscription(ENDPOINT, KEYS.public, KEYS.auth)
OTHER = BrowserSubscription(ENDPOINT, KEYS.public, bytes(16))
ZONES = Zones({"Europe/Berlin": "DE"})


# ── the door ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_browser_gives_is_read():
    assert read_subscription(Endpoints(), GIVEN) == SUBSCRIPTION


def refused(**changes):
    keys = {name: changes.pop(name) for name in ("p256dh", "auth") if name in changes}
    with pytest.raises(InvalidError) as raised:
        read_subscription(Endpoints(), {**GIVEN, "keys": {**GIVEN["keys"], **keys}, **changes})
    return [each.field for each in raised.value.problems]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"endpoint": "https://evil.example/"}, ["subscription.endpoint"]),
        ({"endpoint": "http://fcm.googleapis.com/"}, ["subscription.endpoint"]),
        ({"endpoint": 7}, ["subscription.endpoint"]),
        ({"keys": {}}, ["subscription.keys.p256dh"]),
        ({"p256dh": "x" * 87}, ["subscription.keys.p256dh"]),
        ({"p256dh": KEYS.p256dh[:-1] + "A"}, ["subscription.keys.p256dh"]),
        ({"auth": "AAAA"}, ["subscription.keys.auth"]),
        (
            {"auth": "AAAA", "endpoint": "https://evil.example/"},
            ["subscription.endpoint", "subscription.keys.auth"],
        ),
    ],
)
def test_what_cannot_be_sent_to_is_refused_by_field(changes, fields):
    assert refused(**changes) == fields


@pytest.mark.parametrize("given", [None, [], "x", {}])
def test_anything_else_is_no_subscription(given):
    with pytest.raises(InvalidError) as raised:
        read_subscription(Endpoints(), given, "subscription")
    assert raised.value.problems[0].field in {"subscription", "subscription.endpoint"}


@pytest.mark.parametrize(
    ("endpoint", "is_named"),
    [
        ("https://push.example/x", True),
        ("https://fcm.googleapis.com:8443/x", True),
        ("http://fcm.googleapis.com/x", False),
        ("https://127.0.0.1/x", False),
    ],
)
def test_the_setting_is_named_that_would_let_an_endpoint_in(endpoint, is_named):
    with pytest.raises(InvalidError) as raised:
        read_subscription(Endpoints(), {**GIVEN, "endpoint": endpoint})
    [problem] = raised.value.problems
    assert problem.field == "subscription.endpoint"
    assert ("PUSHMILL_ENDPOINT_HOSTS" in problem.problem) is is_named


def test_no_secret_is_shown():
    subscriber = made(1, subscription=SUBSCRIPTION)
    with pytest.raises(InvalidError) as raised:
        read_subscription(Endpoints(), {**GIVEN, "endpoint": "https://evil.example/secret"})
    shown = repr(SUBSCRIPTION) + repr(subscriber) + repr(Match(subscriber)) + str(raised.value)
    assert "secret" not in shown
    assert repr(KEYS.auth) not in shown


PROFILE = Profile(
    hwid="h-1",
    external_id="u-1",
    tags=("news",),
    attributes={"plan": "gold"},
    language="de",
    country="DE",
    zone="Europe/Berlin",
    landing_url="https://shop.example/",
)


def test_a_profile_with_nothing_wrong():
    assert [*profile_problems(PROFILE, ZONES)] == []
    assert [*profile_problems(Profile(), ZONES)] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hwid": ""}, "hwid"),
        ({"hwid": "x" * 256}, "hwid"),
        ({"external_id": "a\0"}, "external_id"),
        ({"tags": ("a",) * 101}, "tags"),
        ({"tags": ("a", "")}, "tags[1]"),
        ({"tags": ("x" * 256,)}, "tags[0]"),
        ({"attributes": {"t": 1}}, "attributes.t"),
        ({"language": "x" * 36}, "language"),
        ({"country": "DEU"}, "country"),
        ({"country": "D1"}, "country"),
        ({"zone": "Mars/Base"}, "zone"),
        ({"landing_url": "x" * 2049}, "landing_url"),
    ],
)
def test_what_is_wrong_with_a_profile_is_named(changes, field):
    assert [each.field for each in profile_problems(msgspec.structs.replace(PROFILE, **changes), ZONES)] == [
        field
    ]


def test_a_profile_is_kept_in_one_form():
    kept = folded(Profile(tags=("b", "a", "b"), language="de-DE", country="de"))
    assert (kept.tags, kept.language, kept.country) == (("b", "a"), "de-de", "DE")
    assert folded(Profile()) == Profile()


def test_what_is_not_said_stays_as_it_is():
    known = msgspec.structs.replace(PROFILE, device=Device("chrome"))
    assert updated(known, Profile()) == known
    said = updated(known, Profile(tags=(), attributes={"orders": 1}, language="fr"))
    assert said.tags == ()
    assert said.attributes == {"plan": "gold", "orders": 1}
    assert (said.language, said.external_id, said.device) == ("fr", "u-1", Device("chrome"))


def test_an_attribute_that_is_null_is_removed():
    assert merged({"a": 1, "b": 2}, {"a": None, "c": 3}) == {"b": 2, "c": 3}


@given(st.binary(min_size=7, max_size=7))
def test_a_subscribers_number_is_random_below_its_end(random):
    assert 0 <= subscriber_number(random) < SUBSCRIBER_END


# ── whose subscription it is ────────────────────────────────────────────────────────────────────────────────


def made(number, status=SubscriberStatus.ACTIVE, subscription=None):
    return Subscriber(
        id=number,
        site=7,
        status=status,
        subscription=subscription,
        vapid_key="shop",
        profile=Profile(),
        created_at=NOW,
        updated_at=NOW,
        seen_at=NOW,
        status_at=NOW,
    )


def test_a_token_comes_first():
    a, b = made(1), made(2, SubscriberStatus.EXPIRED)
    assert match(Known(by_token=a, by_hwid=b), SUBSCRIPTION) == Match(a)
    assert match(Known(by_token=b), SUBSCRIPTION) == Match(b)


def test_a_token_takes_an_endpoint_from_another_with_the_same_keys_alone():
    a, b = made(1), made(2, subscription=SUBSCRIPTION)
    assert match(Known(by_token=a, by_endpoint=b), SUBSCRIPTION) == Match(a, displaced=b)
    with pytest.raises(ConflictError, match="other keys"):
        match(Known(by_token=a, by_endpoint=b), OTHER)


def test_an_endpoint_comes_next_with_its_keys_alone():
    a = made(1, SubscriberStatus.EXPIRED, SUBSCRIPTION)
    assert match(Known(by_endpoint=a, by_hwid=made(2)), SUBSCRIPTION) == Match(a)
    with pytest.raises(ConflictError, match="other keys"):
        match(Known(by_endpoint=a), OTHER)


def test_whoever_has_unsubscribed_stays_so_and_begins_as_somebody_new():
    gone = made(1, SubscriberStatus.UNSUBSCRIBED)
    assert match(Known(by_token=gone), SUBSCRIPTION) == Match()
    assert match(Known(by_hwid=gone), SUBSCRIPTION) == Match()
    with pytest.raises(ConflictError, match="unsubscribed"):
        match(Known(by_endpoint=gone), SUBSCRIPTION)


def test_a_hwid_is_taken_up_where_its_endpoint_is_gone():
    gone = made(1, SubscriberStatus.EXPIRED, OTHER)
    assert match(Known(by_hwid=gone), SUBSCRIPTION) == Match(gone)
    assert match(Known(by_hwid=made(1)), SUBSCRIPTION) == Match(made(1))
    with pytest.raises(ConflictError, match="hwid"):
        match(Known(by_hwid=made(1, subscription=OTHER)), SUBSCRIPTION)


def test_all_others_are_new():
    assert match(Known(), SUBSCRIPTION) == Match()


PEOPLE = st.none() | st.builds(
    made,
    st.integers(1, 3),
    st.sampled_from(SubscriberStatus),
    st.sampled_from([None, SUBSCRIPTION, OTHER]),
)


@given(PEOPLE, PEOPLE, PEOPLE)
def test_nobody_is_taken_over_without_a_token_or_the_keys(by_token, by_endpoint, by_hwid):
    try:
        found = match(Known(by_token, by_endpoint, by_hwid), SUBSCRIPTION)
    except ConflictError:
        return
    taken = found.subscriber
    if taken is None:
        return
    assert taken.status in REVIVED
    works = taken.subscription is not None and taken.status is SubscriberStatus.ACTIVE
    assert taken is by_token or taken.subscription == SUBSCRIPTION or not works


NAMES = st.sampled_from(["endpoint", "keys", "p256dh", "auth", "expirationTime"])


@given(nearly(GIVEN, NAMES) | nearly(GIVEN["keys"], NAMES).map(lambda keys: {**GIVEN, "keys": keys}))
def test_whatever_it_is_it_can_be_sent_to_or_has_a_problem_with_a_path(given_):
    read, found = attempt(read_subscription, Endpoints(), given_)
    assert all(each.field.startswith("subscription") for each in found)
    assert found or read.endpoint == given_["endpoint"]
