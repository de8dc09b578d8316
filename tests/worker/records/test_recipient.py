import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import base64url
from worker.records.recipient import (
    EncodedKeys,
    Subscription,
    decode_subscription,
    in_base64url,
    without_nulls,
)
from worker.records.values import RecordError

patient = settings(deadline=None)  # a busy machine is no failure
FORMS = [base64.b64encode, base64.encodebytes]
SUBSCRIPTION = {"endpoint": "https://push.example/a", "keys": {"p256dh": "BP", "auth": "AA"}}


def test_a_subscription_is_read_as_a_browser_gives_it():
    given_by_browser = SUBSCRIPTION | {"expirationTime": None}
    found = Subscription("https://push.example/a", EncodedKeys("BP", "AA"))
    assert decode_subscription(json.dumps(given_by_browser).encode()) == found
    assert decode_subscription(b"\xef\xbb\xbf" + json.dumps(given_by_browser).encode()) == found
    with_half = json.dumps(SUBSCRIPTION).encode()[:-1] + rb',"name":"Zo\ud83d"}'
    assert decode_subscription(with_half) == found


@pytest.mark.parametrize(
    ("value", "code", "field"),
    [
        (b"{", "bad_json", "value"),
        (b"[]", "bad_field", "value"),
        (b'{"endpoint":null,"keys":{}}', "bad_field", "endpoint"),
        (b'{"endpoint":"https://a","keys":[]}', "bad_field", "keys"),
    ],
)
def test_what_is_not_one_is_named_by_its_field(value, code, field):
    with pytest.raises(RecordError) as caught:
        decode_subscription(value)
    assert (caught.value.code, caught.value.problem.partition(":")[0]) == (code, field)


@patient
@given(
    st.binary(max_size=70), st.binary(max_size=20), st.sampled_from([base64.b64encode, base64.encodebytes])
)
def test_keys_for_a_tier_are_in_base64url(p256dh, auth, encode):
    given_keys = EncodedKeys(*(encode(each).decode() for each in (p256dh, auth)))
    written = in_base64url(Subscription("https://push.example/a", given_keys))
    assert written == Subscription(
        "https://push.example/a", EncodedKeys(base64url.encode(p256dh), base64url.encode(auth))
    )
    assert in_base64url(written) is written


@pytest.mark.parametrize(
    ("variables", "written"),
    [
        (None, None),
        ({}, {}),
        ({"a": None}, {}),
        ({"a": None, "b": 0, "c": "", "d": False}, {"b": 0, "c": "", "d": False}),
    ],
)
def test_variables_for_a_tier_hold_no_null(variables, written):
    assert without_nulls(variables) == written
