"""The push service of a whole run: whose subscriptions there are, and what is counted of them."""

from collections import Counter
from types import SimpleNamespace

from tests.chaos.campaigns.push_service import (
    ALL_KEYS,
    FIFTY,
    GONE,
    ONE_KEY,
    NumberedSubscriptions,
    Tally,
    tags_of,
)


def push(topic: str, status: int) -> SimpleNamespace:
    return SimpleNamespace(topic=topic, status=status)


def test_fifty_have_the_first_key_and_fifty_more_all_keys_alike():
    tagged = [(number % 10, tag) for number in range(5000) for tag in tags_of(number, 10)]
    counts = Counter(tagged)
    assert counts[0, ONE_KEY] == FIFTY == sum(counts[key, ALL_KEYS] for key in range(10))
    assert {counts[key, ALL_KEYS] for key in range(10)} == {5}
    assert sum(count for (_, tag), count in counts.items() if tag == GONE) == 45


def test_a_subscription_is_found_by_its_target_alone():
    made = NumberedSubscriptions("https://localhost:1", 1000, ["a", "b"])
    found = made.at(b"/fcm/send/n999")
    assert found == made.numbered(999)
    assert found.endpoint == "https://localhost:1/fcm/send/n999"
    assert (found.known.vapid_public_key, found.known.expires_at) == ("b", 0.0)
    assert made.numbered(500).known.expires_at == float("inf")
    for target in (b"/fcm/send/n1000", b"/fcm/send/n", b"/fcm/send/n-1", b"/stats", b"/fcm/send/999x"):
        assert made.at(target) is None


def test_a_subscription_counts_once_for_each_topic_and_answer():
    tally = Tally()
    for owner, topic, status in ((1, "a", 201), (1, "a", 201), (2, "a", 201), (1, "b", 201), (3, "a", 410)):
        tally.append(owner, push(topic, status))
    assert tally.counts() == {"a": {"201": 2, "410": 1}, "b": {"201": 1}}
    assert tally.totals() == {"pushes": 5, "repeated": 1}
