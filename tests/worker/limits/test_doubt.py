import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.limits.doubt import LONGEST, SITES, Doubt, Doubted
from worker.limits.expiry_surge import SLOW
from worker.push.services import PushService

FCM, WNS = PushService.FCM, PushService.WNS
LOOK_AGAIN = 600.0


class World:
    """Sites that send to push services, with a second look ten minutes after each doubted expiration."""

    def __init__(self, seed=1):
        self.doubt = Doubt()
        self.dice = random.Random(seed)
        self.now = 1_000_000.0
        self.again = []
        self.told = {}
        self.looks = {}
        self.doubted_at = []

    def send(self, shares, rounds, *, rate=50.0, service=FCM, again_gone=1.0):
        """Each site sends one push in each round; `shares` says how many are gone, by site."""
        for _ in range(rounds):
            sites = list(shares)
            self.dice.shuffle(sites)
            for site in sites:
                self.now += 1 / rate / len(sites)
                self.look_again(again_gone)
                self._answer(service, site, gone=self.dice.random() < shares[site])

    def wait(self, seconds, *, again_gone=1.0):
        end = self.now + seconds
        while self.again and self.again[0][0] <= end:
            self.now = max(self.now, self.again[0][0])
            self.look_again(again_gone)
        self.now = end

    def look_again(self, still_gone):
        while self.again and self.again[0][0] <= self.now:
            _, service, site, first_at, looks = self.again.pop(0)
            gone = self.dice.random() < still_gone
            self._answer(service, site, gone=gone, first_at=first_at, looks=looks)

    def _answer(self, service, site, *, gone, first_at=None, looks=0):
        first_at = self.now if first_at is None else first_at
        if self.doubt.note(service, site, gone=gone, again=looks > 0, now=self.now):
            assert gone
            self.doubted_at.append(self.now)
            self.again.append((self.now + LOOK_AGAIN, service, site, first_at, looks + 1))
        elif gone:
            self.told.setdefault(site, []).append(self.now - first_at)
            self.looks.setdefault(site, []).append(looks)


def healthy(count, share=0.05):
    return {f"site_{number}": share for number in range(count)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("before", [0, 500])
def test_one_stale_site_does_not_hold_up_the_healthy_ones_beside_it(seed, before):
    world = World(seed)
    world.send(healthy(4), before)
    world.send(healthy(4) | {"stale": 0.9}, 400)
    world.wait(2 * LOOK_AGAIN)
    assert all(max(world.told[site]) == 0 for site in healthy(4))
    assert len(world.told["stale"]) == pytest.approx(360, abs=40)
    assert max(world.told["stale"]) <= LOOK_AGAIN
    assert world.doubt.present(world.now).waves == frozenset()


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("known", [0, 500])
def test_a_stale_list_holds_itself_up_for_one_look_again_however_long_its_campaign(share, known):
    world = World()
    world.send({"stale": 0.03}, known)
    world.send({"stale": share}, 10_000, rate=5)  # over half an hour
    world.wait(2 * LOOK_AGAIN)
    assert max(world.looks["stale"]) == 1
    # A minute after the first second looks it is known that the list is stale.
    assert world.doubted_at[-1] - world.doubted_at[0] < LOOK_AGAIN + 60


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_wave_over_all_is_doubted_until_it_passes(seed, share):
    world = World(seed)
    world.send(healthy(SITES + 2), 300)
    usual = sum(map(len, world.told.values()))
    world.send(healthy(SITES + 2, share), 300)
    assert world.doubt.present(world.now).waves == {FCM}
    told = sum(map(len, world.told.values())) - usual
    assert told < 110 * (SITES + 2)  # what came before anybody could notice
    world.wait(2.5 * LOOK_AGAIN)  # it goes on: nothing is told
    assert sum(map(len, world.told.values())) == usual + told
    world.wait(LOOK_AGAIN / 2, again_gone=0.0)  # now it has passed
    assert world.doubt.present(world.now).waves == frozenset()
    assert not world.again
    assert sum(map(len, world.told.values())) == usual + told


def test_in_a_wave_sites_without_a_level_of_their_own_are_spared_too():
    world = World()
    world.send(healthy(SITES), 300)
    world.send(healthy(SITES, 0.9), 200)
    assert world.doubt.note(FCM, "new", gone=True, again=False, now=world.now)
    assert world.doubt.note(FCM, "new", gone=True, again=True, now=world.now)
    assert not world.doubt.note(WNS, "new", gone=True, again=False, now=world.now)


def test_a_wave_that_lasts_is_believed_in_the_end():
    world = World()
    world.send(healthy(SITES), 300)
    world.send(healthy(SITES, 0.9), 300)
    began = world.now
    world.wait(LONGEST + LOOK_AGAIN)
    assert not world.again
    assert world.doubt.present(world.now).waves == frozenset()
    world.send(healthy(SITES, 0.9), 1000)
    world.wait(LOOK_AGAIN)
    assert not world.again
    assert world.now - began < 2 * SLOW


@pytest.mark.parametrize("share", [0.6, 0.9])
def test_first_campaigns_to_old_lists_are_no_wave_however_many(share):
    world = World()
    world.send(healthy(SITES + 7, share), 500)
    assert world.doubt.present(world.now).waves == frozenset()
    world.wait(LOOK_AGAIN)
    assert not world.again


def test_a_few_old_lists_among_many_sites_are_no_wave():
    world = World()
    world.send(healthy(40), 300)
    world.send(healthy(40) | healthy(SITES + 2, 0.9), 300)
    assert world.doubt.present(world.now).waves == frozenset()
    assert max(world.told["site_39"]) == 0


def test_a_site_alone_is_looked_at_again_and_spared_if_the_trouble_has_passed():
    world = World()
    world.send({"alone": 0.03}, 500)
    world.told.clear()
    world.send({"alone": 0.9}, 300)
    told = len(world.told["alone"])
    assert told < 100
    world.wait(LOOK_AGAIN, again_gone=0.0)
    assert len(world.told["alone"]) == told
    assert world.doubt.present(world.now) == Doubted()


def test_memory_is_bounded_and_forgets_whoever_was_heard_longest_ago():
    doubt = Doubt(sites_kept=10)
    for number in range(25):
        doubt.note(FCM, f"site_{number}", 500, gone=True, again=False, now=number)
        doubt.note(FCM, "always", gone=False, again=False, now=number)
    assert len(doubt) == 10
    assert {site for _, site in doubt.present(25).surges} == {f"site_{number}" for number in range(16, 25)}


def test_a_hundred_thousand_sites_fit_into_100_mib():
    tracemalloc.start()
    doubt = Doubt()
    for number in range(5000):
        doubt.note(FCM, f"site_{number}", 150, gone=number % 2 == 0, again=False, now=number / 100)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / 5000 * 100_000 < 100 << 20


events = st.tuples(
    st.sampled_from([FCM, WNS]),
    st.sampled_from("abcdefgh"),
    st.sampled_from([1, 5, 30, 200]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.01, 1.0, 30.0, 600.0, -50.0, 5000.0]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(events, max_size=120))
def test_whatever_happens_only_expirations_are_doubted_and_second_looks_only_in_a_wave(happening):
    doubt, now, heard = Doubt(sites_kept=12), 1e6, set()
    for service, site, answers, gone, again, passes in happening:
        now += passes
        heard.add((service, site))
        doubted = doubt.note(service, site, answers, gone=gone, again=again, now=now)
        present = doubt.present(now)
        assert gone or not doubted
        if doubted:
            assert service in present.waves or (not again and (service, site) in present.surges)
        elif gone and not again:
            assert service not in present.waves
        assert len(doubt) <= min(12, len(heard))
        for wave in present.waves:
            assert len({name for where, name in heard if where is wave}) >= SITES
