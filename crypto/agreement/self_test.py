"""Whether a library computes what OpenSSL computes, asked before its first use; takes some milliseconds."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import cycle
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)

from crypto.agreement.interface import Agreed
from crypto.agreement.lanes import COUNT, NUMBER_LENGTH, ORDER, Fill, Lanes, Library, Numbers, P
from crypto.agreement.openssl import OpenSSL, new_key
from crypto.keys import load_point, public_point


class Example(NamedTuple):
    """A published key agreement: the sender's scalar and point, the receiver's point, and the secret."""

    scalar: int
    sender: bytes
    receiver: bytes
    secret: bytes


EXAMPLES = (
    Example(  # RFC 5903, section 8.1
        0xC88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433,
        bytes.fromhex(
            "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
            "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"
        ),
        bytes.fromhex(
            "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
            "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"
        ),
        bytes.fromhex("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"),
    ),
    Example(  # RFC 8291, section 5 and appendix A
        0xC9F58F89813E9F8E872E71F42AA64E1757C9254DCC62B72DDC010BB4043EA11C,
        bytes.fromhex(
            "04fe33f4ab0dea71914db55823f73b54948f41306d920732dbb9a59a5328648220"
            "0e597a7b7bc260ba1c227998580992e93973002f3012a28ae8f06bbb78e5ec0f"
        ),
        bytes.fromhex(
            "042571b2becdfde360551aaf1ed0f4cd366c11cebe555f89bcb7b186a533391731"
            "68ece2ebe018597bd30479b86e3c8f8eced577ca59187e9246990db682008b0e"
        ),
        bytes.fromhex("932acbd63208387133837b0cd995911c3441eb66000998614a592727aef6912b"),
    ),
)

SMALL_X = bytes.fromhex(
    "040000000000000000000000000000000000000000000000000000000000000005"
    "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc"
)
SMALL_Y = bytes.fromhex(
    "04d7325d7646cd60d80a92738ceb345f844cffaf35841022cab176f692de8de1d7"
    "0000000000000000000000000000000000000000000000000000000000000005"
)
"""Points with a coordinate so small that p can be added to it in 32 bytes."""


def failure(library: Library, fill: Fill) -> str | None:
    """Name the first check that a library fails; None if it passes all.

    Args:
        library: what to check.
        fill: the randomness that it is going to be used with.

    Raises:
        OSError: the system refuses memory, or randomness.
    """
    checks: dict[str, Callable[[], bool]] = {
        "the examples of RFC 5903 and RFC 8291": lambda: _knows_examples(library),
        "random keys": lambda: _knows_random_keys(library, fill),
        "keys that are no points": lambda: _refuses_what_is_no_point(library),
        "fewer than eight keys": lambda: _takes_fewer(library),
        "scalars out of range": lambda: _draws_again(library),
    }
    return next((what for what, passes in checks.items() if not passes()), None)


def scripted(*draws: Sequence[int]) -> Fill:
    """Return what fills memory with given scalars, eight at each call; it fails at one call too many."""
    left = iter(draws)

    def fill(numbers: Numbers) -> None:
        numbers.raw = b"".join(scalar.to_bytes(NUMBER_LENGTH, "little") for scalar in next(left))

    return fill


def _knows_examples(library: Library) -> bool:
    examples = EXAMPLES * (COUNT // len(EXAMPLES))
    lanes = Lanes(library, scripted([each.scalar for each in examples]))
    expected = [Agreed(each.sender, each.secret) for each in examples]
    return lanes.agree([each.receiver for each in examples]) == expected


def _knows_random_keys(library: Library, fill: Fill) -> bool:
    receivers = [new_key() for _ in range(COUNT)]
    agreed = Lanes(library, fill).agree([public_point(each) for each in receivers])
    fresh = len({each.sender for each in agreed if each}) == COUNT
    return fresh and all(
        each is not None and _has_secret(receiver, each)
        for receiver, each in zip(receivers, agreed, strict=True)
    )


def _has_secret(receiver: EllipticCurvePrivateKey, agreed: Agreed) -> bool:
    """Whether a receiver comes to the same secret."""
    try:
        return receiver.exchange(ECDH(), load_point(agreed.sender)) == agreed.secret
    except ValueError:  # the sender's key is no point
        return False


def _refuses_what_is_no_point(library: Library) -> bool:
    """Whether it is refused in each lane, beside good keys and with no effect on them."""
    good = [example.receiver for example in EXAMPLES * (COUNT // len(EXAMPLES))]
    return all(
        _agrees_as_openssl(library, [*good[:lane], bad, *good[lane + 1 :]], _SCALARS)
        for lane, bad in zip(range(COUNT), cycle(_NO_POINTS), strict=False)
    )


def _takes_fewer(library: Library) -> bool:
    return all(
        _agrees_as_openssl(library, [EXAMPLES[0].receiver] * count, _SCALARS) for count in range(COUNT)
    )


def _draws_again(library: Library) -> bool:
    good = [example.scalar for example in EXAMPLES * (COUNT // len(EXAMPLES))]
    wrong = [[*good[:lane], scalar, *good[lane + 1 :]] for lane, scalar in enumerate(_NO_SCALARS)]
    return _agrees_as_openssl(library, [SMALL_X] * COUNT, *wrong, good)


def _agrees_as_openssl(library: Library, receivers: Sequence[bytes], *draws: Sequence[int]) -> bool:
    """Whether a library comes to the results of OpenSSL with the scalars that are drawn last."""
    keys = map(_private_key, draws[-1])
    return Lanes(library, scripted(*draws)).agree(receivers) == OpenSSL(lambda: next(keys)).agree(receivers)


@cache  # a key takes longer to make than to use; these are no secrets
def _private_key(scalar: int) -> EllipticCurvePrivateKey:
    return derive_private_key(scalar, SECP256R1())


def _with(encoded: bytes, *, x: int | None = None, y: int | None = None) -> bytes:
    first = encoded[1:33] if x is None else x.to_bytes(NUMBER_LENGTH)
    second = encoded[33:] if y is None else y.to_bytes(NUMBER_LENGTH)
    return encoded[:1] + first + second


_SCALARS = (1, 2, ORDER - 1, ORDER - 2, 2**255, *(example.scalar for example in EXAMPLES), 2**224 - 1)
_NO_SCALARS = (0, ORDER, ORDER + 5, 2**256 - 1)
_NO_POINTS = (
    _with(SMALL_X, y=1),  # off the curve
    _with(SMALL_X, x=0, y=0),
    _with(SMALL_X, x=P + 5),  # taken for their remainders, these two would be points
    _with(SMALL_Y, y=P + 5),
    _with(SMALL_X, x=2**256 - 1, y=2**256 - 1),
)
