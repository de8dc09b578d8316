from datetime import UTC, datetime, timedelta

import msgspec
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
    NewCampaign,
    Plan,
    cancel,
    come_due,
    copied,
    edit,
    launch,
    moved,
    pause,
    plan_problems,
    refuse,
    require,
    resume,
)
from campaigns.model.problems import ConflictError
from campaigns.model.target import Everyone
from worker.records.control import State
from worker.records.notification import Notification

S = CampaignStatus
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
STATUSES = st.sampled_from(S)
ENDED = {S.DONE, S.CANCELLED}


def wall_time(*parts):
    return datetime(*parts)  # noqa: DTZ001 - without a zone: it is each subscriber's own


def made(status=S.DRAFT, **plan):
    return Campaign(
        id=7,
        site=1,
        name="Sale",
        status=status,
        content=Notification("t", "https://a.example/"),
        target=Everyone(),
        plan=Plan(**plan),
        created_at=NOW,
        updated_at=NOW,
    )


# ── the tables ──────────────────────────────────────────────────────────────────────────────────────────────

ALLOWED = """
draft     > scheduled queued recurring cancelled refused
scheduled > draft queued paused cancelled refused
queued    > sending done paused cancelled refused
sending   > done paused cancelled
recurring > done paused cancelled refused
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


def test_a_campaign_that_has_lost_its_time_is_a_draft_again():
    scheduled = made(S.SCHEDULED, start_at=LATER)
    assert edit(scheduled, NOW, name="x").status is S.SCHEDULED
    assert edit(scheduled, NOW, plan=Plan()).status is S.DRAFT
    assert edit(made(S.REFUSED), NOW, name="x").status is S.DRAFT
    assert edit(made(), LATER, name="x") == msgspec.structs.replace(made(), name="x", updated_at=LATER)
    with pytest.raises(ConflictError):
        edit(made(S.QUEUED), NOW, name="x")


def test_a_copy_has_no_time_that_has_passed():
    original = made(S.DONE, start_at=NOW, ends_at=NOW, ttl=60)
    assert copied(original, LATER).plan == Plan(ttl=60)
    assert copied(original, NOW - timedelta(hours=1)).plan == original.plan
    copy = copied(original, LATER)
    assert type(copy) is NewCampaign
    assert (copy.name, copy.content, copy.target) == (original.name, original.content, original.target)


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

# ── plans ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        Plan(start_at=NOW - timedelta(days=1)),
        Plan(start_at=LATER, stretch_time=3600, ends_at=LATER + timedelta(hours=2), ttl=0, topic="promo-42"),
        Plan(local_time=wall_time(2026, 11, 22, 9), ends_at=datetime(2026, 11, 22, 21, 1, tzinfo=UTC)),
    ],
    ids=["empty", "past", "full", "local"],
)
def test_plans_with_nothing_wrong(plan):
    assert [*plan_problems(plan, NOW)] == []


@pytest.mark.parametrize(
    ("plan", "field", "problem"),
    [
        (Plan(start_at=LATER, local_time=wall_time(2026, 11, 22)), "local_time", "left out"),
        (Plan(start_at=wall_time(2026, 11, 22)), "start_at", "with an offset"),
        (Plan(local_time=LATER), "local_time", "without an offset"),
        (Plan(local_time=wall_time(1, 1, 1)), "local_time", "10 years"),
        (Plan(ends_at=datetime(9999, 1, 1, tzinfo=UTC)), "ends_at", "10 years"),
        (Plan(ends_at=NOW), "ends_at", "after the start"),
        (Plan(start_at=LATER, ends_at=LATER), "ends_at", "after the start"),
        (Plan(start_at=LATER, stretch_time=60, ends_at=LATER + timedelta(seconds=60)), "ends_at", "stretch"),
        (
            Plan(local_time=wall_time(2026, 11, 22, 9), ends_at=datetime(2026, 11, 22, 21, tzinfo=UTC)),
            "ends_at",
            "after the start",
        ),
        (Plan(stretch_time=-1), "stretch_time", "2592000"),
        (Plan(stretch_time=float("nan")), "stretch_time", "2592000"),
        (Plan(ttl=-1), "ttl", "seconds"),
        (Plan(ttl=2**31), "ttl", "seconds"),
        (Plan(topic="a b"), "topic", "letters"),
    ],
)
def test_what_is_wrong_with_a_plan_is_named(plan, field, problem):
    [found] = plan_problems(plan, NOW)
    assert found.field == field
    assert problem in found.problem
