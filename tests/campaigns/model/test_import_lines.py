"""Lines of imports: each form in which libraries keep a subscription, and what is wrong told by field."""

import csv
import io
import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.device import Device
from campaigns.model.import_lines import read_csv_row, read_json_line, unknown_columns, write_json_line
from campaigns.model.problems import InvalidError
from campaigns.model.subscriber import BrowserSubscription, Profile, Subscriber, SubscriberStatus
from crypto import base64url
from crypto.keys import generate_receiver_keys
from tests.campaigns.operations.support import ZONES
from worker.push.services import Endpoints

KEYS = generate_receiver_keys()
ENDPOINT = "https://fcm.googleapis.com/fcm/send/a"
BARE = {"endpoint": ENDPOINT, "keys": {"p256dh": KEYS.p256dh, "auth": KEYS.auth_text}}
READ = BrowserSubscription(ENDPOINT, base64url.decode(KEYS.p256dh), base64url.decode(KEYS.auth_text))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def read(line):
    text = line if isinstance(line, bytes) else json.dumps(line).encode()
    return read_json_line(text, Endpoints(), ZONES)


FORMS = {
    "a browser's": BARE | {"expirationTime": None},
    "ours": {"subscription": BARE},
    "ours, as a text": {"subscription": json.dumps(BARE)},
    "flat": {"endpoint": ENDPOINT, "p256dh": KEYS.p256dh, "auth": KEYS.auth_text},
    "Java's": {"endpoint": ENDPOINT, "key": KEYS.p256dh, "auth": KEYS.auth_text},
    "PHP's": {
        "endpoint": ENDPOINT,
        "publicKey": KEYS.p256dh,
        "authToken": KEYS.auth_text,
        "contentEncoding": "aes128gcm",
    },
    "PHP's within ours": {
        "subscription": {"endpoint": ENDPOINT, "publicKey": KEYS.p256dh, "authToken": KEYS.auth_text}
    },
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_the_same_subscription(form):
    assert read(form) == (READ, Profile())
    row = {name: value if isinstance(value, str) else json.dumps(value) for name, value in form.items()}
    if "keys" not in row:
        assert read_csv_row(row, Endpoints(), ZONES) == (READ, Profile())


def test_what_is_known_of_a_subscriber():
    said = {
        "external_id": 42,
        "tags": ["a", "b", "a"],
        "attributes": {"plan": "pro", "sizes": [1, "m"]},
        "browser": "Chrome",
        "os": "Android",
        "device": "Pixel 9",
        "language": "de-AT",
        "country": "at",
        "zone": "Europe/Vienna",
    }
    expected = Profile(
        external_id="42",
        tags=("a", "b"),
        attributes={"plan": "pro", "sizes": [1, "m"]},
        device=Device("chrome", "android", None, "Pixel 9"),
        language="de-at",
        country="AT",
        zone="Europe/Vienna",
    )
    assert read(BARE | said) == read({"subscription": BARE} | said) == (READ, expected)
    row = said | {"subscription": json.dumps(BARE), "attributes": json.dumps(said["attributes"])}
    row |= {"tags": "a, b,a,"}
    row = {name: str(value) for name, value in row.items()} | {"hwid": ""}
    assert read_csv_row(row, Endpoints(), ZONES) == (READ, expected)
    assert read_csv_row(row | {"tags": '["a", "b"]'}, Endpoints(), ZONES) == (READ, expected)


@pytest.mark.parametrize(
    ("line", "field", "problem"),
    [
        (b"{", "", "is not JSON"),
        (b"\xff", "", "is not JSON"),
        (b"[" * 100_000, "", "is not JSON"),
        (b"[]", "", "must be a JSON object"),
        ({}, "subscription.keys.p256dh", "missing"),
        ({"keys": BARE["keys"]}, "subscription.endpoint", "missing"),
        ({"subscription": 7}, "subscription", "bject"),
        ({"subscription": "{"}, "subscription", "is not JSON"),
        (BARE | {"tag": ["a"]}, "tag", "is not known"),
        (BARE | {"tags": "a"}, "tags", "array"),
        (BARE | {"external_id": True}, "external_id", "expected"),
        (BARE | {"attributes": {"plan": {"a": 1}}}, "attributes.plan", "must be"),
        (BARE | {"zone": "Moon/Crater"}, "zone", "tzdata"),
        (BARE | {"payload_format": "xml"}, "payload_format", "allowed"),
        (BARE | {"endpoint": "https://127.0.0.1/"}, "subscription.endpoint", ""),
        (BARE | {"keys": {"p256dh": KEYS.p256dh, "auth": "AAAA"}}, "subscription.keys.auth", ""),
        ({"subscription": BARE, "endpoint": ENDPOINT}, "endpoint", "is not known"),
    ],
)
def test_what_is_wrong_is_named(line, field, problem):
    with pytest.raises(InvalidError) as refused:
        read(line)
    [found] = refused.value.problems
    assert found.field == field
    assert problem in found.problem
    assert KEYS.auth_text not in str(refused.value)


def test_what_is_wrong_in_csv_is_named():
    for cells in ({"attributes": "{"}, {"tags": "[1"}, {"subscription": "x"}):
        with pytest.raises(InvalidError, match="is not JSON"):
            read_csv_row({"subscription": json.dumps(BARE)} | cells, Endpoints(), ZONES)


def test_unknown_columns_are_named():
    assert unknown_columns(["endpoint", "auth", "tags", "id", "tag", "Zone"]) == ["tag", "Zone"]


TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "S"]), min_size=1, max_size=9)
PROFILES = st.builds(
    Profile,
    external_id=st.none() | TEXTS,
    hwid=st.none() | TEXTS,
    tags=st.lists(TEXTS, max_size=3, unique=True).map(tuple),
    attributes=st.dictionaries(st.sampled_from(["plan", "age"]), st.integers(-9, 9) | TEXTS | st.booleans()),
    city=st.none() | TEXTS,
    country=st.sampled_from([None, "DE"]),
    device=st.builds(Device, st.sampled_from([None, "chrome"]), device=st.sampled_from([None, "Pixel 9"])),
)


@given(PROFILES)
def test_what_is_exported_is_imported_as_it_was(profile):
    times = dict.fromkeys(("created_at", "updated_at", "seen_at", "status_at"), NOW)
    active = SubscriberStatus.ACTIVE
    subscriber = Subscriber(
        id=7, site=1, status=active, subscription=READ, vapid_key="k", profile=profile, **times
    )
    line = write_json_line(subscriber)
    assert b"\n" not in line
    said = {"tags": profile.tags or None, "attributes": profile.attributes or None}
    assert read(line) == (READ, msgspec.structs.replace(profile, **said))


def test_who_has_no_subscription_is_exported_all_the_same():
    times = dict.fromkeys(("created_at", "updated_at", "seen_at", "status_at"), NOW)
    gone = Subscriber(
        id=7,
        site=1,
        status=SubscriberStatus.UNSUBSCRIBED,
        subscription=None,
        vapid_key=None,
        profile=Profile(),
        **times,
    )
    assert json.loads(write_json_line(gone))["status"] == "unsubscribed"


def test_a_spreadsheet_s_rows():
    text = io.StringIO()
    writer = csv.DictWriter(text, ["subscription", "tags"])
    writer.writeheader()
    writer.writerow({"subscription": json.dumps(BARE), "tags": "a,b"})
    text.seek(0)
    [row] = csv.DictReader(text)
    assert read_csv_row(row, Endpoints(), ZONES) == (READ, Profile(tags=("a", "b")))
