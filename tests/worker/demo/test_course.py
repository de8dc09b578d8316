import json
from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.demo.contract import JOBS, URGENT_JOBS
from worker.demo.course import CAMPAIGN, NO_PAUSE, Pause, Timetable, split, stretched, timetable
from worker.demo.drafts import FATES, draft, kinds_needed
from worker.demo.producer import RecipientKey, address
from worker.records.control import Campaigns, State, change
from worker.records.job import decode_job
from worker.timing.schedule import make_plan, times

START, SECONDS = 1_800_000_000, 60.0
KEYS = {"p256dh": "BA", "auth": "AA"}


@pytest.fixture(scope="module")
def drafts():
    return draft(2_050, seed=1)


@pytest.fixture(scope="module")
def campaign(drafts):
    return stretched(split(drafts)[0], START, SECONDS)


def plan_of(*moments):
    return Timetable(
        START,
        SECONDS,
        {RecipientKey("job-1", f"sub-{n}"): START + moment for n, moment in enumerate(moments)},
    )


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_urgent_record_is_parted_from_the_rest(drafts):
    campaign, urgent = split(drafts)
    assert (urgent.job["job_id"], urgent.topic) == ("job-000009", URGENT_JOBS)
    assert len(campaign) == len(drafts) - 1
    assert urgent not in campaign


def test_without_an_urgent_record_there_is_none_to_part():
    with pytest.raises(ValueError, match="no urgent record"):
        split(draft(900, seed=1))


def test_the_rest_becomes_one_campaign_that_covers_its_slice(campaign):
    assert {each.topic for each in campaign} == {JOBS}
    assert {each.job["campaign_id"] for each in campaign} == {CAMPAIGN}
    numbers = [
        each.job["slice"]["first"] + index for each in campaign for index in range(len(each.recipients))
    ]
    assert numbers == list(range(1_950))
    assert {each.job["slice"]["total"] for each in campaign} == {1_950}


def test_whoever_is_asked_for_is_in_the_timetable_at_the_workers_time(campaign):
    found = timetable(campaign, START, SECONDS)
    subscriptions = {
        kind: [{"endpoint": f"https://localhost/{kind.service}/{n}", "keys": KEYS} for n in range(count)]
        for kind, count in kinds_needed(campaign).items()
    }
    jobs = [decode_job(record.value).job for record in address(campaign, subscriptions).records[:-3]]
    due = {
        RecipientKey(job.job_id, each.id): times(make_plan(job, 0.0, 0.0), each, index).due
        for job in jobs
        for index, each in enumerate(job.recipients)
    }
    asked = {
        RecipientKey(each.job["job_id"], recipient.id)
        for each in campaign
        for recipient in each.recipients
        if FATES[recipient.fate].asked
    }
    assert found.due == {who: at for who, at in due.items() if who in asked}
    assert len(found) == len(asked) < 1_950


def test_the_start_is_written_as_the_contract_wants_it(campaign):
    assert datetime.fromisoformat(campaign[0].job["start_at"]) == datetime.fromtimestamp(START, UTC)
    assert json.dumps(campaign[0].job["stretch_time"]) == "60.0"


# ── the pause ───────────────────────────────────────────────────────────────────────────────────────────────


def test_no_pause_moves_nothing():
    assert (NO_PAUSE.shift_at(START), NO_PAUSE.lasts(START)) == (0.0, False)
    plan = plan_of(0, 1, 2)
    assert [plan.planned(START + at, NO_PAUSE) for at in (-1, 0, 1.5, 9)] == [0, 1, 2, 3]


def test_a_plan_stands_still_while_it_is_paused_and_goes_on_moved():
    plan = plan_of(0, 10, 20, 30)
    paused = Pause(at=START + 15)
    assert [plan.planned(START + at, paused) for at in (5, 15, 40)] == [1, 2, 2]
    assert (paused.shift_at(START + 22), paused.lasts(START + 22)) == (7.0, True)
    resumed = Pause(START + 15, START + 23, 8.0)
    assert [plan.planned(START + at, resumed) for at in (23, 27, 28, 38)] == [2, 2, 3, 4]
    assert (resumed.shift_at(START + 99), resumed.lasts(START + 23)) == (8.0, False)
    assert plan.moments(resumed) == [START, START + 10, START + 28, START + 38]


def test_what_goes_after_the_resume_must_keep_to_the_moved_time():
    plan, who = plan_of(16), RecipientKey("job-1", "sub-0")
    pause = Pause(START + 15, START + 23, 8.0)
    assert plan.due_of(who, START + 16.5, pause) == START + 16  # before any worker knew of the pause
    assert plan.due_of(who, START + 25, pause) == START + 24
    assert plan.due_of(who, START + 16.5, Pause(START + 15)) == START + 16


@given(st.lists(st.floats(0, 60), max_size=30), st.floats(0, 60), st.floats(0, 20), st.floats(0, 100))
def test_the_curve_is_the_count_of_its_moments(moments, at, length, now):
    plan = plan_of(*moments)
    pause = Pause(START + at, START + at + length, (START + at + length) - (START + at))
    counted = sum(moment <= START + now for moment in plan.moments(pause))
    assert plan.planned(START + now, pause) == pytest.approx(counted, abs=sum(m == at for m in moments) + 1)


def test_it_moves_as_the_workers_does():
    campaigns = Campaigns()
    campaigns.apply(change(CAMPAIGN, campaigns.of(CAMPAIGN), State.PAUSED, START + 15))
    pause = Pause(at=START + 15)
    assert campaigns.of(CAMPAIGN).shift_at(START + 20) == pause.shift_at(START + 20) == 5.0
    assert pause.until == inf
