import ctypes

import pytest

from crypto.agreement import lanes
from crypto.agreement.interface import Agreed
from crypto.agreement.openssl import OpenSSL
from crypto.agreement.self_test import EXAMPLES, SMALL_X, SMALL_Y, _private_key, failure
from crypto.keys import load_point
from tests.crypto.agreement.test_lanes import system


def test_the_library_passes(library):
    assert failure(library, system) is None


@pytest.mark.parametrize("example", EXAMPLES, ids=["RFC 5903", "RFC 8291"])
def test_openssl_knows_the_examples(example):
    agreed = OpenSSL(lambda: _private_key(example.scalar)).agree([example.receiver])
    assert agreed == [Agreed(example.sender, example.secret)]


def test_small_coordinates_leave_room_for_p():
    assert load_point(SMALL_X)
    assert load_point(SMALL_Y)
    assert int.from_bytes(SMALL_X[1:33], "big") + lanes.P < 2**256
    assert int.from_bytes(SMALL_Y[33:], "big") + lanes.P < 2**256


class Mistaken:
    """The library with one mistake."""

    def __init__(self, library):
        self._library = library

    def public_keys(self, x, y, scalars):
        return self._library.public_keys(x, y, scalars)

    def secrets(self, secrets, scalars, x, y):
        return self._library.secrets(secrets, scalars, x, y)


class AnotherPublicKey(Mistaken):
    def public_keys(self, x, y, scalars):
        return super().public_keys(y, x, scalars)


class NoPointLater(Mistaken):
    """Knows the examples and nothing else: its later public keys are no points."""

    right = True

    def public_keys(self, x, y, scalars):
        status = super().public_keys(*((x, y) if self.right else (y, x)), scalars)
        self.right = False
        return status


class WrongOrder(Mistaken):
    def secrets(self, secrets, scalars, x, y):
        status = super().secrets(secrets, scalars, x, y)
        for at in secrets:
            ctypes.memmove(at, ctypes.string_at(at, 32)[::-1], 32)
        return status


class NoCheckOfPoints(Mistaken):
    def secrets(self, secrets, scalars, x, y):
        super().secrets(secrets, scalars, x, y)
        return 0


class OneBadLaneFailsAll(Mistaken):
    def secrets(self, secrets, scalars, x, y):
        return 0x11111111 if super().secrets(secrets, scalars, x, y) else 0


class TooFewLanes(Mistaken):
    def secrets(self, secrets, scalars, x, y):
        return super().secrets(secrets, scalars, x, y) | 1 << 28


@pytest.mark.parametrize(
    ("mistake", "check"),
    [
        (AnotherPublicKey, "examples"),
        (NoPointLater, "random keys"),
        (WrongOrder, "examples"),
        (TooFewLanes, "examples"),
        (NoCheckOfPoints, "keys that are no points"),
        (OneBadLaneFailsAll, "keys that are no points"),
    ],
)
def test_mistakes_are_found(library, mistake, check):
    assert check in failure(mistake(library), system)


def test_randomness_that_is_none_is_found(library):
    def none(numbers):
        numbers.raw = b"\x01" * len(numbers)

    assert "random keys" in failure(library, none)


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("_may_be_point", lambda receiver: True, "keys that are no points"),
        ("_EDGES", frozenset([0]), "scalars out of range"),
        ("_EDGES", frozenset([0xFFFF_FFFF]), "scalars out of range"),
        ("ORDER", lanes.ORDER + 6, "scalars out of range"),
    ],
)
def test_what_the_library_leaves_to_us_is_checked(library, monkeypatch, name, value, check):
    monkeypatch.setattr(lanes, name, value)
    assert check in failure(library, system)
