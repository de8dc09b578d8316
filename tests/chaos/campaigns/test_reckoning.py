"""What the verdict of a run finds wrong."""

from datetime import UTC, datetime

import pytest

from tests.chaos.campaigns.reckoning import (
    LaunchJobs,
    Reckoning,
    Wanted,
    allowed_unevenness,
    unevenness,
)
from worker.records.job import SendJob, Slice
from worker.records.notification import Notification
from worker.records.recipient import EncodedKeys, Recipient, Subscription

START = datetime(2026, 11, 27, 9, tzinfo=UTC)
NOWHERE = Subscription("", EncodedKeys("", ""))


def job(number: int, *subscribers: int, stretch: float = 0.0) -> SendJob:
    return SendJob(
        v=1,
        job_id=f"launch_3_abcdefgh.{number}",
        campaign_id="launch_3_abcdefgh",
        site_id="site_1",
        recipients=[Recipient(f"sub_{each}", NOWHERE) for each in subscribers],
        notification=Notification("Hello", "https://shop.example/"),
        start_at=START,
        stretch_time=stretch,
        slice=Slice(0, len(subscribers)) if stretch else None,
    )


def statistics(total: int, sent: int, **more: object) -> dict[str, object]:
    by_status = {"sent": sent, "expired": total - sent} if sent < total else {"sent": sent}
    counted = {"targeted": total, "written": total, "attempted": total, "accepted": sent}
    return {**counted, "refused": total - sent, "not_sent": 0, "unknown": 0, "by_status": by_status, **more}


def judged(*jobs: SendJob, said=None, answered=None, **wanted: object) -> Reckoning:
    """Judge a launch to subscribers 1, 2 and 3, of whom the last is gone."""
    found = LaunchJobs()
    for each in jobs:
        found.add(each)
    reckoning = Reckoning()
    given = {"name": "all", "recipients": {1, 2, 3}, **wanted}
    reckoning.judge(
        Wanted(**given),  # type: ignore[arg-type]
        found,
        said or statistics(3, 2),
        answered or {"201": 2, "410": 1},
    )
    return reckoning


def test_a_launch_in_which_all_is_right():
    reckoning = judged(job(0, 1, 2), job(1, 3))
    assert reckoning.problems == []
    assert reckoning.recipients == 3


@pytest.mark.parametrize(
    ("jobs", "problem"),
    [
        ([job(0, 1, 2)], "all: 1 recipients are in no job"),
        ([job(0, 1, 2, 3, 4)], "all: 1 are in a job, and should be in none"),
        ([job(0, 1, 2), job(1, 2, 3)], "all: 1 are there twice"),
        ([job(0, 1, 2, 2, 3)], "all: 1 are there twice"),
        ([job(0, 1, 2, 3), job(0, 1, 2, 3)], "all: 3 are in a job that stands there twice"),
    ],
)
def test_recipients_who_are_not_in_exactly_one_job(jobs, problem):
    assert judged(*jobs).problems == [problem]


def test_an_urgent_job_may_stand_there_twice_but_not_under_two_numbers():
    again = judged(job(0, 1), job(1, 2), job(2, 3), job(1, 2), is_urgent=True)
    assert (again.problems, again.again) == ([], 1)
    assert judged(job(0, 1), job(1, 2), job(2, 3), job(3, 2), is_urgent=True).problems == [
        "all: 1 are there twice"
    ]


def test_statistics_that_say_other_than_the_push_service():
    said = statistics(3, 3)
    assert judged(job(0, 1, 2, 3), said=said).problems == [
        "all: by_status is {'sent': 3} in the statistics, and should be {'sent': 2, 'expired': 1}",
        "all: accepted is 3 in the statistics, and should be 2",
        "all: refused is 0 in the statistics, and should be 1",
    ]
    assert judged(job(0, 1, 2, 3), said=statistics(3, 2, unknown=1)).problems == [
        "all: unknown is 1 in the statistics, and should be 0"
    ]


def test_due_times_that_are_not_even():
    start = START.timestamp()
    even = judged(job(0, 1, 2, 3, stretch=60.0), start=start - 10, stretch=60.0)
    assert even.problems == []
    assert even.uneven["all"] == pytest.approx(0)
    late = judged(job(0, 1, 2, 3, stretch=60.0), start=start - 20, stretch=60.0)
    assert late.problems == ["all: due times are 16.7% of the stretch from even"]


def test_how_far_due_times_are_from_even_ones():
    assert unevenness([15.0, 5.0], 0.0, 20.0) == 0.0
    assert unevenness([5.0, 5.0], 0.0, 20.0) == 0.5
    assert unevenness([], 0.0, 20.0) == 0.0
    assert [allowed_unevenness(count) for count in (50, 51, 1_000_000)] == [
        0.05,
        pytest.approx(0.273, abs=0.001),
        0.02,
    ]
