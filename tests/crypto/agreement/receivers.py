"""Receivers' public keys: good ones, and every kind of bytes that is none."""

from hypothesis import strategies as st

from crypto.keys import ReceiverKeys

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
"""The field's prime (SP 800-186, section 3.2.1.3)."""

RECEIVERS = [ReceiverKeys.from_bytes(bytes([number]) * 48) for number in range(1, 41)]
GOOD = [each.public for each in RECEIVERS]


def point(x, y, prefix=b"\x04"):
    return prefix + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def coordinates(encoded):
    return int.from_bytes(encoded[1:33], "big"), int.from_bytes(encoded[33:], "big")


def small_x():
    """A point whose x coordinate leaves room for p in 256 bits."""
    a, b = -3, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    for x in range(1000):
        square = (x**3 + a * x + b) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return x, y
    raise AssertionError("there is one")


X, Y = coordinates(GOOD[0])
SMALL = small_x()

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
    "x and p": point(SMALL[0] + P, SMALL[1]),
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
