from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from crypto.agreement.openssl import OpenSSL
from crypto.agreement.self_test import SMALL_X, SMALL_Y
from crypto.keys import load_point
from tests.crypto.agreement.receivers import BAD, GOOD, RECEIVERS


def test_both_sides_have_the_same_secret():
    for receiver, agreed in zip(RECEIVERS, OpenSSL().agree(GOOD), strict=True):
        assert agreed.secret == receiver.private_key.exchange(ec.ECDH(), load_point(agreed.sender))


def test_each_key_is_fresh():
    agreed = [*OpenSSL().agree(GOOD[:3]), *OpenSSL().agree([GOOD[0]] * 3)]
    assert len({each.sender for each in agreed}) == len({each.secret for each in agreed}) == 6


def test_nobody_to_agree_with():
    assert OpenSSL().agree([]) == []


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_is_no_point_costs_nobody_else(bad):
    before, none, after = OpenSSL().agree([GOOD[0], bad, GOOD[1]])
    assert none is None
    assert before.secret
    assert after.secret


def test_a_point_with_a_small_coordinate_is_one():
    assert None not in OpenSSL().agree([SMALL_X, SMALL_Y])


def test_nothing_secret_is_shown():
    numbers = count(7)
    [agreed] = OpenSSL(lambda: ec.derive_private_key(next(numbers), ec.SECP256R1())).agree(GOOD[:1])
    assert repr(agreed.secret) not in repr(agreed)
    assert repr(agreed.sender) in repr(agreed)
