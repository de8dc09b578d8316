import base64
import copy
import pickle
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import base64url
from crypto.errors import PayloadTooLargeError, SubscriptionKeyError
from crypto.keys import (
    ReceiverKeys,
    generate_receiver_keys,
    parse_subscription_keys,
)

patient = settings(deadline=None)  # a busy machine is no failure
RECEIVER = generate_receiver_keys()
POINT = RECEIVER.public
AUTH = RECEIVER.auth_text
P384_POINT = (
    ec.generate_private_key(ec.SECP384R1())
    .public_key()
    .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)


def refusal(p256dh, auth):
    with pytest.raises(SubscriptionKeyError) as caught:
        parse_subscription_keys(p256dh, auth)
    error = caught.value
    assert str(error) == f"{error.field}: {error.problem}"
    return error


def test_good_keys():
    keys = parse_subscription_keys(RECEIVER.p256dh, AUTH)
    assert (keys.p256dh, keys.auth) == (RECEIVER.public, RECEIVER.auth)


def test_padding_is_accepted():
    keys = parse_subscription_keys(RECEIVER.p256dh + "=", AUTH + "==")
    assert keys.p256dh == POINT


@pytest.mark.parametrize(
    ("point", "problem"),
    [
        (POINT[:-1], "must be 65 bytes, is 64"),
        (POINT + b"\x00", "must be 65 bytes, is 66"),
        (b"", "must be 65 bytes, is 0"),
        (b"\x00", "must be 65 bytes, is 1"),  # infinity
        (P384_POINT, "must be 65 bytes, is 97"),
        (b"\x02" + POINT[1:33], "must be 65 bytes, is 33"),  # compressed
        (b"\x06" + POINT[1:], "must start with 0x04, an uncompressed point"),  # hybrid
        (b"\x02" + POINT[1:], "must start with 0x04, an uncompressed point"),
        (b"\x00" * 65, "must start with 0x04, an uncompressed point"),
        (b"\x04" + b"\x00" * 64, "is not a point on P-256"),
        (b"\x04" + b"\xff" * 64, "is not a point on P-256"),
        (POINT[:-1] + bytes([POINT[-1] ^ 1]), "is not a point on P-256"),
    ],
    ids=count(),
)
def test_wrong_points(point, problem):
    error = refusal(base64url.encode(point), AUTH)
    assert (error.field, error.problem) == ("p256dh", problem)


@pytest.mark.parametrize("length", [0, 15, 17, 65])
def test_wrong_auth_length(length):
    error = refusal(RECEIVER.p256dh, base64url.encode(b"s" * length))
    assert (error.field, error.problem) == ("auth", f"must be 16 bytes, is {length}")


@pytest.mark.parametrize(
    ("p256dh", "auth", "field"), [("+/+*", AUTH, "p256dh"), (RECEIVER.p256dh, "é", "auth")], ids=count()
)
def test_not_base64url(p256dh, auth, field):
    error = refusal(p256dh, auth)
    assert (error.field, error.problem) == (field, "is neither base64url nor base64")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes], ids=["one line", "wrapped lines"])
def test_ordinary_base64_is_taken(encode):
    receivers = (ReceiverKeys.from_bytes(bytes([number] * 48)) for number in range(1, 200))
    receiver = next(each for each in receivers if {"-", "_"} <= set(each.p256dh))
    p256dh, auth = (encode(each).decode() for each in (receiver.public, b"\xfb\xff" * 8))
    assert {"+", "/", "="} <= set(p256dh + auth)
    found = parse_subscription_keys(p256dh, auth)
    assert (found.p256dh, found.auth) == (receiver.public, b"\xfb\xff" * 8)


@patient
@given(st.binary(min_size=64, max_size=64))
def test_random_coordinates_never_get_through(coordinates):
    # One in 2^256 random pairs would be on the curve.
    assert refusal(base64url.encode(b"\x04" + coordinates), AUTH).field == "p256dh"


@patient
@given(st.text(max_size=100), st.text(max_size=30))
def test_any_text_is_refused_by_name(p256dh, auth):
    assert refusal(p256dh, auth).field == "p256dh"


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("B" + "secret" * 14 + "é", AUTH),
        ("B" + "secret" * 14, AUTH),
        ("B" + "secret" * 14 + "se", AUTH),
        (RECEIVER.p256dh, "secretsecretsecret"),
        (RECEIVER.p256dh, "secret*secret*secret*s"),
    ],
    ids=count(),
)
def test_errors_tell_nothing_of_the_keys(p256dh, auth):
    error = refusal(p256dh, auth)
    assert "secret" not in str(error) + repr(error) + repr(vars(error))
    assert error.__cause__ is None
    assert "secret" not in repr(error.__context__)


def test_receiver_keys_survive_a_trip_through_bytes():
    again = ReceiverKeys.from_bytes(RECEIVER.to_bytes())
    assert (again.p256dh, again.auth_text) == (RECEIVER.p256dh, RECEIVER.auth_text)


@pytest.mark.parametrize("secret", [b"", b"\x01" * 47, b"\x00" * 48, b"\xff" * 48])
def test_receiver_keys_refuse_wrong_bytes(secret):
    with pytest.raises(ValueError):
        ReceiverKeys.from_bytes(secret)


def test_secrets_stay_out_of_every_repr():
    keys = parse_subscription_keys(RECEIVER.p256dh, AUTH)
    for shown in (keys, RECEIVER):
        text = repr(shown) + str(shown)
        assert "auth" not in text
        assert "private" not in text
        assert repr(RECEIVER.auth) not in text


@pytest.mark.parametrize(
    "error", [SubscriptionKeyError("auth", "is short"), PayloadTooLargeError(4000, 3993)]
)
def test_errors_survive_a_trip_between_processes(error):
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
