import ctypes
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from crypto.agreement.lanes import COUNT, ORDER, Lanes
from crypto.agreement.openssl import OpenSSL
from crypto.agreement.self_test import scripted
from crypto.keys import load_point
from tests.crypto.agreement.receivers import BAD, GOOD, RECEIVERS, anything

SCALARS = [*range(1, 8), ORDER - 1]


def by_openssl(receivers, scalars):
    keys = (ec.derive_private_key(each, ec.SECP256R1()) for each in scalars)
    return OpenSSL(lambda: next(keys)).agree(receivers)


def system(numbers):
    numbers.raw = os.urandom(len(numbers))


# ── against OpenSSL ─────────────────────────────────────────────────────────────────────────────────────────


@given(
    st.lists(anything, max_size=COUNT),
    st.lists(st.integers(1, ORDER - 1), min_size=COUNT, max_size=COUNT),
)
def test_any_bytes_get_the_answer_of_openssl(library, receivers, scalars):
    assert Lanes(library, scripted(scalars)).agree(receivers) == by_openssl(receivers, scalars)


@pytest.mark.parametrize("lane", range(COUNT))
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_key_costs_its_own_lane_alone(library, bad, lane):
    receivers = [*GOOD[:lane], bad, *GOOD[lane + 1 : COUNT]]
    agreed = Lanes(library, scripted(SCALARS)).agree(receivers)
    assert agreed[lane] is None
    assert agreed == by_openssl(receivers, SCALARS)
    assert agreed.count(None) == 1


def test_the_same_memory_serves_again_and_again(library):
    draws = [[*range(first, first + COUNT)] for first in range(1, 100, COUNT)]
    lanes = Lanes(library, scripted(*draws))
    for number, scalars in enumerate(draws):
        receivers = GOOD[number : number + 1 + number % COUNT]
        assert lanes.agree(receivers) == by_openssl(receivers, scalars)


def test_keys_are_fresh(library):
    lanes = Lanes(library, system)
    agreed = lanes.agree(GOOD[:8]) + lanes.agree(GOOD[:8])
    assert len({each.sender for each in agreed}) == len({each.secret for each in agreed}) == 16
    for receiver, each in zip(RECEIVERS[:8] * 2, agreed, strict=True):
        assert receiver.private_key.exchange(ec.ECDH(), load_point(each.sender)) == each.secret


# ── scalars ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lane", range(COUNT))
@pytest.mark.parametrize("scalar", [0, ORDER, ORDER + 1, ORDER + 5, 2**256 - 1])
def test_scalars_out_of_range_are_drawn_again(library, scalar, lane):
    wrong = [*SCALARS[:lane], scalar, *SCALARS[lane + 1 :]]
    agreed = Lanes(library, scripted(wrong, wrong, SCALARS)).agree(GOOD[:8])
    assert agreed == by_openssl(GOOD[:8], SCALARS)


@pytest.mark.parametrize("scalar", [1, 2**224 - 1, 2**224, ORDER - 1, ORDER - 2])
def test_scalars_at_the_edges_are_used(library, scalar):
    agreed = Lanes(library, scripted([scalar] * COUNT)).agree(GOOD[:8])
    assert agreed == by_openssl(GOOD[:8], [scalar] * COUNT)


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────


class Broken:
    """A library that fails in a lane, and keeps what it is shown."""

    def __init__(self, *, public_keys=0, secrets=0):
        self.status = public_keys, secrets
        self.receivers = []

    def public_keys(self, x, y, scalars):
        return self.status[0]

    def secrets(self, secrets, scalars, x, y):
        self.receivers.append([number(x[lane], y[lane]) for lane in range(COUNT)])
        for lane in range(COUNT):
            ctypes.memmove(secrets[lane], bytes([lane + 1]) * 32, 32)
        return self.status[1]


def number(x, y):
    return b"\x04" + ctypes.string_at(x, 32)[::-1] + ctypes.string_at(y, 32)[::-1]


@pytest.mark.parametrize("lane", range(COUNT))
@pytest.mark.parametrize("status", [1, 2, 4, 10, 15])
@pytest.mark.parametrize("function", ["public_keys", "secrets"])
def test_every_status_but_0_fails_its_lane(function, status, lane):
    lanes = Lanes(Broken(**{function: status << 4 * lane}), scripted(SCALARS))
    assert [each is None for each in lanes.agree(GOOD[:8])] == [other == lane for other in range(COUNT)]


def test_idle_lanes_hold_nobodys_key():
    library = Broken()
    lanes = Lanes(library, scripted(SCALARS, SCALARS))
    lanes.agree(GOOD[:8])
    lanes.agree(GOOD[:3])
    assert library.receivers[0] == GOOD[:8]
    assert library.receivers[1][:3] == GOOD[:3]
    [idle] = {*library.receivers[1][3:]}
    assert idle not in GOOD
    assert load_point(idle)


def test_scalars_and_secrets_are_overwritten():
    lanes = Lanes(Broken(), scripted(SCALARS))
    lanes.agree(GOOD[:8])
    assert any(lanes._scalars.raw)
    assert any(lanes._secrets.raw)
    lanes.wipe()
    assert not any(lanes._scalars.raw + lanes._secrets.raw)


def flags_of_memory(lanes):
    """Return what the kernel says of it, two letters each (proc_pid_smaps(5))."""
    at = ctypes.addressof(lanes._scalars)
    with Path("/proc/self/smaps").open() as maps:
        inside = False
        for line in maps:
            first, _, last = line.split()[0].partition("-")
            if last:
                inside = int(first, 16) <= at < int(last, 16)
            elif inside and line.startswith("VmFlags:"):
                return line.split()[1:]
    raise AssertionError("the memory is not in the map")


def test_core_dumps_leave_the_memory_out():
    assert "dd" in flags_of_memory(Lanes(Broken(), scripted()))  # do not dump


def test_a_forked_process_has_memory_of_its_own():
    """Or either could change the other's scalars in the middle of an agreement."""
    assert "sh" not in flags_of_memory(Lanes(Broken(), scripted()))  # shared


def test_randomness_that_fails_fails_the_agreement():
    def none(numbers):
        raise OSError("no randomness")

    with pytest.raises(OSError, match="no randomness"):
        Lanes(Broken(), none).agree(GOOD[:2])
