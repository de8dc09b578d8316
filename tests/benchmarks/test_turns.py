from itertools import pairwise

import pytest

from benchmarks.__main__ import COMPARED, CONTESTANTS, SWEEPS, in_turns
from benchmarks.peers.table import PEERS
from benchmarks.report import QUOTIENTS, WITHOUT

ALL = [*CONTESTANTS, *SWEEPS]


def test_who_is_compared_takes_turns_side_by_side_and_the_others_one():
    order = in_turns(ALL)
    assert set(order) == set(ALL)
    for times, together in COMPARED:
        beginnings = [place for place, name in enumerate(order) if name == together[0]]
        assert len(beginnings) == times
        for place in beginnings:
            assert tuple(order[place : place + len(together)]) == together
    compared = {name for _, together in COMPARED for name in together}
    assert all(order.count(name) == 1 for name in set(ALL) - compared)


def test_turns_are_spread_over_the_round():
    order = in_turns(ALL)
    [(_, often), _] = COMPARED
    places = [place for place, name in enumerate(order) if name == often[0]]
    assert all(later - earlier > len(often) for earlier, later in pairwise(places))


def test_only_who_takes_part_has_turns():
    assert in_turns(["bare", "core aiohttp"]).count("bare") == COMPARED[0][0]
    assert set(in_turns(["bare", "core aiohttp"])) == {"bare", "core aiohttp"}


@pytest.mark.parametrize("name", PEERS)
def test_the_report_says_what_a_peer_lacks(name):
    assert WITHOUT[name]


@pytest.mark.parametrize("name", [each.above for each in QUOTIENTS if each.above in PEERS])
def test_a_peer_that_the_worker_is_compared_with_takes_turns_beside_it(name):
    [together] = [names for _, names in COMPARED if "100 a record" in names]
    assert name in together
