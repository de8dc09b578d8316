import random

import pytest

from worker.limits.expiry_surge import CONFIRMED, FAST, SLOW, SurgeDetector


def feed(detector, share, answers, *, rate, since=0.0, dice=None):
    """Note `rate` answers a second; return after how many there first was a surge, or None."""
    dice = dice or random.Random(1)
    first = None
    for number in range(1, answers + 1):
        detector.note(gone=dice.random() < share, now=since + number / rate)
        first = number if first is None and detector.surging else first
    return first


def seconds_until_accepted(detector, share, *, rate=20, most=3 * SLOW, since=0.0):
    """Return how long a share counts as a surge: infinity if that does not end, or comes back."""
    dice, ended = random.Random(1), 0.0
    for number in range(1, int(most * rate) + 1):
        detector.note(gone=dice.random() < share, now=since + number / rate)
        if detector.surging:
            ended = number / rate
    return ended if not detector.surging else float("inf")


def learned(share=0.03, rate=50, seconds=600):
    detector = SurgeDetector()
    assert feed(detector, share, rate * seconds, rate=rate) is None
    return detector, float(seconds)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.1, 0.2])
@pytest.mark.parametrize("rate", [1, 10, 100, 1000, 5000])
def test_normal_expirations_are_believed_whatever_the_rate(share, rate):
    for seed in range(3):
        assert feed(SurgeDetector(), share, 30_000, rate=rate, dice=random.Random(seed)) is None


@pytest.mark.parametrize("rate", [10, 100, 1000, 5000])
@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_jump_is_seen_within_about_a_hundred_answers(share, rate):
    for seed in range(10):
        detector, now = learned()
        seen = feed(detector, share, 500, rate=rate, since=now, dice=random.Random(seed))
        assert 20 < seen < 200


def test_a_jump_before_any_level_is_learned_is_seen_too():
    assert feed(SurgeDetector(), 0.6, 500, rate=100) < 200


def test_a_jump_from_a_high_level_is_seen():
    detector = SurgeDetector()
    assert seconds_until_accepted(detector, 0.4) < 2 * SLOW
    assert feed(detector, 1.0, 500, rate=100, since=4 * SLOW) < 200


@pytest.mark.parametrize("rate", [10, 100, 5000])
def test_an_incident_ends_when_it_passes(rate):
    detector, now = learned()
    feed(detector, 0.6, 2000, rate=rate, since=now)
    assert detector.surging
    now += 2000 / rate
    for number in range(300):
        detector.note(gone=number % 33 == 0, now=now + number / rate)
    assert not detector.surging


def test_an_incident_is_not_its_own_new_level_at_once():
    detector, now = learned()
    feed(detector, 0.6, 100_000, rate=5000, since=now)
    assert detector.surging
    assert detector.level < 0.06


@pytest.mark.parametrize("share", [0.45, 0.6, 1.0])
def test_a_lasting_new_level_is_accepted_in_time(share):
    detector, now = learned()
    assert SLOW / 3 < seconds_until_accepted(detector, share, since=now) < 2 * SLOW


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("rate", [2, 20])
def test_a_naturally_high_level_is_accepted_in_time(share, rate):
    assert seconds_until_accepted(SurgeDetector(), share, rate=rate) < 2.5 * SLOW


@pytest.mark.parametrize("gone", [True, False])
def test_answers_that_came_together_count_as_many(gone):
    detectors, now = [], 0.0
    for many in (1, 25):
        detector, now = learned()
        for _ in range(50 // many):
            detector.note(many, gone=gone, now=now)
        detectors.append(detector)
    one_by_one, together = detectors
    assert one_by_one.surging == together.surging == gone
    silence = [detector.note(gone=False, now=now + 60) for detector in detectors]
    assert silence == [None, None]
    assert one_by_one.level == pytest.approx(together.level)


def test_few_answers_conclude_nothing():
    assert feed(SurgeDetector(), 1.0, 40, rate=100) is None
    assert feed(SurgeDetector(), 1.0, 10_000, rate=0.2) is None


def test_silence_ends_an_incident_and_teaches_nothing():
    detector, now = learned()
    level = detector.level
    feed(detector, 1.0, 200, rate=1000, since=now)
    assert detector.surging
    detector.note(gone=True, now=now + 10 * SLOW)
    assert not detector.surging
    assert detector.level == pytest.approx(level, abs=0.02)


def test_a_clock_that_is_set_back_breaks_nothing():
    detector, now = learned()
    detector.note(gone=True, now=now - 100_000)
    assert feed(detector, 0.03, 5000, rate=100, since=now - 100_000) is None
    assert feed(detector, 0.8, 500, rate=100, since=now - 99_900) < 200


def test_a_level_is_a_sites_own_once_it_was_calm_for_a_hundred_answers():
    detector, _ = learned(rate=10, seconds=9)
    assert not detector.known
    assert feed(detector, 0.03, 20, rate=10, since=9) is None
    assert detector.known


@pytest.mark.parametrize("share", [0.6, 0.8, 1.0])
def test_the_first_campaign_to_an_old_list_shows_no_level(share):
    for seed in range(10):
        detector = SurgeDetector()
        assert feed(detector, share, 2000, rate=1000, dice=random.Random(seed)) < 200
        assert not detector.known


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_confirmed_expirations_make_the_surge_the_level(share):
    detector, now = learned()
    feed(detector, share, 1000, rate=100, since=now)
    assert detector.surging
    for _ in range(2 * CONFIRMED):
        detector.confirm()
    assert not detector.surging
    assert detector.level == pytest.approx(share, abs=0.2)
    assert feed(detector, share, 5000, rate=100, since=now + 10) is None


def test_they_do_so_after_a_silence_too():
    detector, now = learned()
    feed(detector, 0.9, 1000, rate=100, since=now)
    detector.note(gone=True, now=now + 600)
    detector.confirm(3 * CONFIRMED)
    assert detector.level > 0.8


def test_answers_lately_are_forgotten_with_time():
    detector = SurgeDetector()
    detector.note(100, gone=False, now=0)
    detector.note(1, gone=False, now=FAST)
    assert 30 < detector.answers < 40
