from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from campaigns.model.campaign import (
    MOVES,
    POSSIBLE,
    Action,
    Campaign,
    CampaignStatus,
    Plan,
    cancel,
    come_due,
    is_finished,
    launch,
    moved,
    pause,
    refuse,
    require,
    resume,
    unfinished,
)
from campaigns.model.problems import ConflictError
from campaigns.model.recurrence import Recurrence
from campaigns.model.target import Everyone
from worker.records.control import State
from worker.records.notification import Notification

S = CampaignStatus
HELLO = Notification("t", "https://a.example/")
HOURLY = Recurrence(cron="0 * * * *", zone="UTC")
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LATER = NOW + HOUR
STATUSES = st.sampled_from(S)
ENDED = {S.DONE, S.CANCELLED}


def wall_time(*parts):
    return datetime(*parts)  # noqa: DTZ001 - without a zone: it is each subscriber's own


def made(status=S.DRAFT, *, content=HELLO, recurrence=None, next_at=None, **plan):
    return Campaign(
        id=7,
        site=1,
        name="Sale",
        status=status,
        content=content,
        target=Everyone(),
        plan=Plan(**plan),
        recurrence=recurrence,
        next_at=next_at,
        created_at=NOW,
        updated_at=NOW,
    )


# ── the tables ──────────────────────────────────────────────────────────────────────────────────────────────

ALLOWED = """
draft     > scheduled queued recurring cancelled refused
scheduled > draft queued recurring paused cancelled refused
queued    > sending done paused cancelled refused
sending   > done paused cancelled
recurring > queued done paused cancelled refused
paused    > scheduled queued sending recurring done cancelled
done      >
cancelled >
refused   > draft
"""
PAIRS = {
    (line.split()[0], status)
    for line in ALLOWED.strip().splitlines()
    for status in line.split(">")[1].split()
}


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_every_pair_of_states_is_a_legal_move_or_is_not(before, after):
    if (before, after) in PAIRS:
        assert moved(made(before), after, LATER).status is after
    else:
        with pytest.raises(ConflictError, match=f"is {before}"):
            moved(made(before), after, LATER)


def test_the_tables_speak_of_every_state_and_action():
    assert MOVES.keys() == {*S}
    assert POSSIBLE.keys() == {*Action}
    assert {status for status in S if not MOVES[status]} == ENDED


@given(STATUSES, st.sampled_from(Action))
def test_an_action_that_is_not_possible_names_the_states_in_which_it_would_be(status, action):
    if status in POSSIBLE[action]:
        require(made(status), action)
    else:
        with pytest.raises(ConflictError) as raised:
            require(made(status), action)
        assert all(needed in raised.value.detail for needed in POSSIBLE[action])


# ── actions ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("campaign", "status", "launch_for"),
    [
        (made(), S.QUEUED, NOW),
        (made(start_at=NOW - timedelta(hours=1)), S.QUEUED, NOW),
        (made(start_at=LATER), S.SCHEDULED, None),
        (made(S.SCHEDULED, start_at=LATER), S.QUEUED, NOW),
        (made(local_time=wall_time(2026, 11, 22)), S.SCHEDULED, None),  # 10:00 in UTC where it is first
        (made(local_time=wall_time(2026, 11, 21)), S.QUEUED, NOW),
    ],
    ids=["no time", "past", "future", "scheduled", "local, future", "local, under way"],
)
def test_a_launch_happens_when_its_time_comes(campaign, status, launch_for):
    step = launch(campaign, NOW)
    assert (step.campaign.status, step.launch_for, step.control) == (status, launch_for, None)


def test_a_scheduled_campaign_comes_due_for_its_planned_moment_however_late():
    campaign = made(S.SCHEDULED, start_at=LATER)
    assert come_due(campaign, NOW) is None
    step = come_due(campaign, LATER + timedelta(days=3))
    assert (step.campaign.status, step.launch_for) == (S.QUEUED, LATER)
    assert come_due(made(S.DRAFT, start_at=NOW), LATER) is None


def test_what_cannot_be_launched_is_refused():
    assert refuse(made(S.SCHEDULED, start_at=NOW), LATER).campaign.status is S.REFUSED
    with pytest.raises(ConflictError):
        refuse(made(S.SENDING), LATER)


def test_pause_resume_and_cancel_tell_the_launches():
    paused = pause(made(S.SENDING), NOW)
    assert (paused.campaign.status, paused.control) == (S.PAUSED, State.PAUSED)
    for launches, open_launches, written, status, control in [
        (0, 0, 0, S.SCHEDULED, None),
        (1, 1, 0, S.QUEUED, State.RUNNING),
        (1, 1, 5, S.SENDING, State.RUNNING),
        (1, 0, 0, S.DONE, None),
    ]:
        resumed = resume(
            paused.campaign, LATER, launches=launches, open_launches=open_launches, written=written
        )
        assert (resumed.campaign.status, resumed.control) == (status, control)
    cancelled = cancel(paused.campaign, LATER)
    assert (cancelled.campaign.status, cancelled.control) == (S.CANCELLED, State.CANCELLED)


def test_a_draft_without_content_is_not_launched():
    content = unfinished("https://a.example/")
    assert is_finished(HELLO)
    assert not is_finished(content)
    with pytest.raises(ConflictError, match="no notification yet"):
        launch(made(content=content), NOW)


# ── again and again ─────────────────────────────────────────────────────────────────────────────────────────


def recurring(next_at=LATER, **more):
    return made(S.RECURRING, recurrence=HOURLY, next_at=next_at, **more)


def test_what_recurs_waits_for_its_first_moment():
    step = launch(made(recurrence=HOURLY), NOW)
    assert (step.campaign.status, step.campaign.next_at, step.launch_for) == (S.RECURRING, LATER, None)
    later = launch(made(recurrence=HOURLY, start_at=LATER + MINUTE), NOW).campaign
    assert later.next_at == later.due_at == LATER + HOUR
    with pytest.raises(ConflictError, match="have passed"):
        launch(made(recurrence=HOURLY, ends_at=NOW + MINUTE), NOW)


def test_each_moment_makes_a_launch_and_the_last_one_ends_it():
    campaign, moments = recurring(ends_at=LATER + 2 * HOUR), []
    assert come_due(campaign, LATER - MINUTE) is None
    for hour in range(3):
        step = come_due(campaign, LATER + hour * HOUR + MINUTE)
        moments.append(step.launch_for)
        campaign = step.campaign
    assert moments == [LATER, LATER + HOUR, LATER + 2 * HOUR]
    assert (campaign.status, campaign.next_at) == (S.QUEUED, None)


@pytest.mark.parametrize(
    ("late", "launched", "next_in", "is_skipped"),
    [
        (MINUTE, 0, 1, False),
        (2 * HOUR, 0, 1, False),
        (2 * HOUR + MINUTE, 1, 2, True),
        (50 * HOUR + MINUTE, 49, 50, True),
    ],
    ids=str,
)
def test_a_moment_more_than_two_hours_ago_is_skipped(late, launched, next_in, is_skipped):
    step = come_due(recurring(), LATER + late)
    assert step.launch_for == LATER + launched * HOUR
    assert step.campaign.next_at == LATER + next_in * HOUR
    assert step.skipped_from == (LATER if is_skipped else None)


@pytest.mark.parametrize(("open_launches", "status"), [(0, S.DONE), (1, S.QUEUED)])
def test_what_recurs_no_more_after_an_outage_has_ended(open_launches, status):
    campaign = recurring(ends_at=LATER + MINUTE)
    step = come_due(campaign, LATER + 3 * HOUR, open_launches=open_launches)
    assert (step.campaign.status, step.campaign.next_at) == (status, None)
    assert (step.launch_for, step.skipped_from) == (None, LATER)


def test_a_rare_moment_that_was_missed_is_not_made_up_for():
    daily = Recurrence(cron="0 10 * * *", zone="UTC")
    campaign = made(S.RECURRING, recurrence=daily, next_at=LATER)
    step = come_due(campaign, LATER + 3 * HOUR)
    assert (step.launch_for, step.skipped_from) == (None, LATER)
    assert (step.campaign.status, step.campaign.next_at) == (S.RECURRING, LATER + 24 * HOUR)


def test_a_pause_of_what_recurs_makes_up_for_nothing():
    paused = pause(recurring(), NOW)
    assert (paused.campaign.next_at, paused.control) == (None, State.PAUSED)
    assert come_due(paused.campaign, LATER + HOUR) is None
    for launches in ({"launches": 0, "open_launches": 0}, {"launches": 3, "open_launches": 1}):
        resumed = resume(paused.campaign, LATER + HOUR + MINUTE, written=5, **launches)
        assert (resumed.campaign.status, resumed.campaign.next_at) == (S.RECURRING, LATER + 2 * HOUR)
        assert resumed.control is State.RUNNING


@pytest.mark.parametrize(
    ("launches", "open_launches", "status"), [(0, 0, S.DONE), (2, 0, S.DONE), (2, 1, S.SENDING)]
)
def test_what_is_resumed_after_its_last_moment_has_ended(launches, open_launches, status):
    paused = pause(recurring(ends_at=LATER + MINUTE), NOW).campaign
    step = resume(paused, LATER + HOUR, launches=launches, open_launches=open_launches, written=5)
    assert (step.campaign.status, step.campaign.next_at) == (status, None)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=50))
def test_every_moment_is_launched_once_in_order_or_skipped_for_being_too_old(waits):
    campaign, now, launched = recurring(), NOW, []
    for minutes in waits:
        now += minutes * MINUTE
        while (step := come_due(campaign, now)) is not None:
            if step.launch_for is not None:
                assert now - 2 * HOUR <= step.launch_for <= now
                launched.append(step.launch_for)
            campaign = step.campaign
        assert campaign.next_at > now
    planned = {LATER + hour * HOUR for hour in range(len(waits) * 4) if LATER + hour * HOUR <= now}
    assert launched == sorted({*launched})
    assert {*launched} <= planned
    if max(waits) <= 120:
        assert {*launched} == planned


class Lifetime(RuleBasedStateMachine):
    """Whatever is asked of a campaign, in any order, it moves as the table says, and ends once."""

    def __init__(self):
        super().__init__()
        self.campaign = made(start_at=LATER)
        self.now = NOW
        self.launched = 0
        self.ended = False

    def take(self, action, **given):
        before = self.campaign.status
        try:
            step = action(self.campaign, self.now, **given)
        except ConflictError:
            return
        if step is None:
            return
        assert step.campaign.status in MOVES[before]
        assert not self.ended
        self.launched += step.launch_for is not None
        self.campaign = step.campaign
        self.ended = self.campaign.status in ENDED

    @rule()
    def launch(self):
        self.take(launch)

    @rule()
    def come_due(self):
        self.take(come_due)

    @rule()
    def pause(self):
        self.take(pause)

    @rule(is_open=st.booleans(), written=st.integers(0, 1))
    def resume(self, is_open, written):
        open_launches = self.launched if is_open else 0
        self.take(resume, launches=self.launched, open_launches=open_launches, written=written)

    @rule()
    def cancel(self):
        self.take(cancel)

    @rule(minutes=st.sampled_from([1, 61]))
    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)

    @invariant()
    def launched_once(self):
        assert self.launched <= 1
        assert self.launched or self.campaign.status not in {S.QUEUED, S.SENDING}


TestLifetime = Lifetime.TestCase
