from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from crypto.agreement.multibuffer import Multibuffer
from crypto.agreement.openssl import OpenSSL
from crypto.keys import load_point
from tests.crypto.agreement.receivers import BAD, GOOD, RECEIVERS, anything
from tests.crypto.agreement.test_lanes import system

PRIVATE = {each.public: each.private_key for each in RECEIVERS}


def check(receivers, agreed):
    assert len(receivers) == len(agreed)
    for receiver, each in zip(receivers, agreed, strict=True):
        assert (each is None) == (receiver not in PRIVATE)
        if each:
            assert PRIVATE[receiver].exchange(ec.ECDH(), load_point(each.sender)) == each.secret
    good = [each for each in agreed if each]
    assert len({each.sender for each in good}) == len(good)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 15, 16, 17, 32, 40])
def test_both_sides_have_the_same_secret(library, count):
    check(GOOD[:count], Multibuffer(library, system).agree(GOOD[:count]))


@given(st.lists(st.sampled_from([*GOOD, *BAD.values()]), max_size=20))
def test_who_is_bad_costs_nobody_else(library, receivers):
    check(receivers, Multibuffer(library, system).agree(receivers))


@given(st.lists(anything, max_size=20))
def test_the_verdict_is_that_of_openssl(library, receivers):
    verdicts = [each is None for each in OpenSSL().agree(receivers)]
    assert [each is None for each in Multibuffer(library, system).agree(receivers)] == verdicts


def test_threads_have_memory_of_their_own(library):
    agreement = Multibuffer(library, system)
    bursts = [[GOOD[(first + at) % len(GOOD)] for at in range(32)] for first in range(200)]
    with ThreadPoolExecutor(4) as pool:
        for burst, agreed in zip(bursts, pool.map(agreement.agree, bursts), strict=True):
            check(burst, agreed)
    assert len(agreement._idle) <= 4


class Failing:
    """A library that fails in every lane."""

    def public_keys(self, x, y, scalars):
        return 0xAAAAAAAA

    def secrets(self, secrets, scalars, x, y):
        return 0xAAAAAAAA


def test_openssl_has_the_last_word_where_the_library_fails():
    receivers = [*GOOD[:5], *BAD.values(), *GOOD[5:]]
    check(receivers, Multibuffer(Failing(), system).agree(receivers))


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_in_memory(library, fails):
    def fill(numbers):
        system(numbers)
        if fails:
            raise OSError

    agreement = Multibuffer(library, fill)
    try:
        agreement.agree(GOOD)
    except OSError:
        assert fails
    [lanes] = agreement._idle
    assert not any(lanes._scalars.raw + lanes._secrets.raw)
