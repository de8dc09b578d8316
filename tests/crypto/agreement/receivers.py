"""Receivers' public keys: good ones, and every kind of bytes that is none."""

from hypothesis import strategies as st

from crypto.agreement.lanes import P
from crypto.agreement.self_test import SMALL_X, SMALL_Y
from crypto.keys import ReceiverKeys

RECEIVERS = [ReceiverKeys.from_bytes(bytes([number]) * 48) for number in range(1, 41)]
GOOD = [each.public for each in RECEIVERS]


def point(x, y, prefix=b"\x04"):
    return prefix + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def coordinates(encoded):
    return int.from_bytes(encoded[1:33], "big"), int.from_bytes(encoded[33:], "big")


X, Y = coordinates(GOOD[0])
SMALL_X_AT, SMALL_Y_AT = coordinates(SMALL_X), coordinates(SMALL_Y)

BAD = {
    "empty": b"",
    "infinity": b"\x00",
    "short": GOOD[0][:-1],
    "long": GOOD[0] + b"\x00",
    "compressed": b"\x02" + GOOD[0][1:33],
    "hybrid": bytes([6 + Y % 2]) + GOOD[0][1:],
    "compressed and long": bytes([2 + Y % 2]) + GOOD[0][1:],
    "another prefix": b"\x05" + GOOD[0][1:],
    "all zero": bytes(65),
    "x and y zero": point(0, 0),
    "off the curve": point(X, Y ^ 1),
    "turned round": point(Y, X),
    "x of p": point(P, Y),
    "y of p": point(X, P),
    "x and p": point(SMALL_X_AT[0] + P, SMALL_X_AT[1]),
    "y and p": point(SMALL_Y_AT[0], SMALL_Y_AT[1] + P),
    "x of p - 1": point(P - 1, Y),
    "highest": point(2**256 - 1, 2**256 - 1),
}

anything = (
    st.sampled_from(GOOD)
    | st.sampled_from(list(BAD.values()))
    | st.binary(min_size=65, max_size=65)
    | st.binary(min_size=64, max_size=64).map(lambda rest: b"\x04" + rest)
    | st.builds(
        lambda good, at, bit: changed(good, at, 1 << bit),
        st.sampled_from(GOOD),
        st.integers(0, 64),
        st.integers(0, 7),
    )
)


def changed(encoded, at, bits):
    return encoded[:at] + bytes([encoded[at] ^ bits]) + encoded[at + 1 :]
