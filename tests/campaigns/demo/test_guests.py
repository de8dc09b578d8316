"""Who subscribes in the demo."""

from collections import Counter

from campaigns.demo.guests import PUSH_SERVICES, SEEN, Fate, Reaction, guests

MANY = 20_000


def test_the_same_seed_gives_the_same_guests():
    assert list(guests(500, 7)) == list(guests(500, 7))
    assert list(guests(500, 7)) != list(guests(500, 8))


def test_everything_that_can_become_of_a_guest_does():
    everybody = list(guests(MANY, 0))
    assert {guest.fate for guest in everybody} == {*Fate}
    assert {guest.reaction for guest in everybody} == {*Reaction}
    assert {*Counter(guest.push_service for guest in everybody).values()} == {MANY // len(PUSH_SERVICES)}
    assert len({guest.name for guest in everybody}) == MANY


def test_most_pushes_are_taken_and_some_are_seen():
    everybody = list(guests(MANY, 0))
    assert 0.95 < sum(guest.fate is Fate.TAKEN for guest in everybody) / MANY < 0.98
    assert abs(sum(guest.sees for guest in everybody) / MANY - SEEN) < 0.02
