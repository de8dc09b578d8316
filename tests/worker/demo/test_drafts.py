from collections import Counter

import pytest

from worker.demo.contract import URGENT_JOBS
from worker.demo.drafts import FATES, SERVICES, STRANGER, Fate, draft, kinds_needed


def test_every_fate_has_exactly_its_share(fates):
    counts = Counter(fates.values())
    faulty = {fate: round(row.share * 10_000) for fate, row in FATES.items() if fate is not Fate.SENT}
    assert counts == {**faulty, Fate.SENT: 10_000 - sum(faulty.values())}
    assert set(counts) == set(Fate)


@pytest.mark.parametrize(
    ("notifications", "records", "last"), [(1, 1, 1), (99, 1, 99), (100, 1, 100), (101, 2, 1)]
)
def test_records_hold_a_hundred_and_the_last_one_the_rest(notifications, records, last):
    drafts = draft(notifications, seed=0)
    assert len(drafts) == records
    assert len(drafts[-1].recipients) == last
    assert sum(len(each.recipients) for each in drafts) == notifications


def test_the_seed_decides_everything(drafts):
    assert draft(10_000, seed=3) == drafts
    assert draft(10_000, seed=4) != drafts


def test_ids_are_unique(drafts, fates):
    assert len({each.job["job_id"] for each in drafts}) == len(drafts)
    assert len({who.recipient_id for who in fates}) == 10_000


def test_sites_lanes_and_contents_are_all_there(drafts):
    assert {each.job["site_id"]: each.job.get("vapid_key") for each in drafts} == {
        "books": None,
        "weather": "weather-2026",
        "games": None,
    }
    assert Counter(each.topic for each in drafts)[URGENT_JOBS] == 10
    assert any("payload" in each.job for each in drafts)
    assert len({each.job["notification"]["title"] for each in drafts if "notification" in each.job}) == 3


def test_orders_are_for_the_sites_own_key_except_where_the_wrong_one_is_meant(drafts):
    for each in drafts:
        for recipient in each.recipients:
            kind, fate = recipient.kind, recipient.fate
            assert (kind.key == STRANGER) is (fate is Fate.WRONG_KEY)
            assert kind.gone is (fate is Fate.GONE)
            # The worker recognizes Apple's answer to that only on Apple's own hosts.
            assert not (kind.service == "apple" and fate is Fate.WRONG_KEY)
    assert sum(kinds_needed(drafts).values()) == 10_000
    assert {kind.service for kind in kinds_needed(drafts)} == set(SERVICES)
