from itertools import pairwise

from benchmarks.__main__ import COMPARED, CONTESTANTS, SWEEPS, in_turns

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
    assert in_turns(["bare", "node web-push"]).count("bare") == COMPARED[0][0]
    assert set(in_turns(["bare", "node web-push"])) == {"bare", "node web-push"}
