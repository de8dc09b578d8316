from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.campaign import Campaign, CampaignStatus, Plan
from campaigns.model.launch import (
    GRACE,
    Launch,
    LaunchState,
    control_record,
    controlled,
    ends_at,
    is_done,
    launch_of,
    send_of,
    stretch_of,
)
from campaigns.model.plan_problems import STRETCH_MAX
from campaigns.model.problems import ConflictError
from campaigns.model.site import Defaults, TrackClicks
from campaigns.model.target import Everyone, Subscribers
from worker.records.control import State
from worker.records.notification import Notification

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

CAMPAIGN = Campaign(
    id=7,
    site=1,
    name="Sale",
    status=CampaignStatus.QUEUED,
    content=Notification("t", "https://a.example/?c={{campaign_id}}"),
    target=Everyone(),
    plan=Plan(topic="promo"),
    created_at=NOW,
    updated_at=NOW,
)


def new(plan=None, defaults=None, moment=NOW, targeted=100):
    campaign = msgspec.structs.replace(CAMPAIGN, plan=plan or CAMPAIGN.plan)
    return launch_of(
        campaign,
        defaults=defaults or Defaults(),
        target=Everyone(),
        moment=moment,
        now=NOW,
        nonce="abcdefgh",
        targeted=targeted,
    )


def made(**fields):
    start = {
        "state": LaunchState.WRITING,
        "wanted": State.RUNNING,
        "wanted_at": NOW,
        "shift": 0.0,
        "written": 0,
    }
    return Launch(
        **{**msgspec.structs.asdict(new()), "id": 9, "slot": 9, "created_at": NOW, **start, **fields}
    )


def test_a_launch_copies_what_it_sends():
    launch = new(Plan(topic="promo", stretch_time=60, ttl=30, ends_at=NOW + HOUR))
    assert launch.content.url == "https://a.example/?c=camp_7"
    assert (launch.site, launch.campaign, launch.topic, launch.targeted) == (1, 7, "promo", 100)
    assert (launch.stretch_time, launch.ttl, launch.ends_at) == (60, 30, NOW + HOUR)


def test_a_launch_that_comes_late_starts_now_for_its_planned_moment():
    late, early = new(moment=NOW - HOUR), new(moment=NOW + HOUR)
    assert (late.moment, late.start_at) == (NOW - HOUR, NOW)
    assert early.start_at == early.moment == NOW + HOUR


@pytest.mark.parametrize(
    ("plan", "defaults", "stretch", "ttl"),
    [
        (Plan(), Defaults(), 0, 2_419_200),
        (Plan(), Defaults(stretch_time=3600, ttl=60), 100, 60),
        (Plan(), Defaults(stretch_time=30), 30, 2_419_200),
        (Plan(stretch_time=3600, ttl=0), Defaults(stretch_time=30, ttl=60), 3600, 0),
        (Plan(stretch_time=0), Defaults(stretch_time=30), 0, 2_419_200),
    ],
)
def test_what_the_caller_says_counts_and_a_default_is_a_second_a_recipient_at_most(
    plan, defaults, stretch, ttl
):
    launch = new(plan, defaults)
    assert (launch.stretch_time, launch.ttl) == (stretch, ttl)


@pytest.mark.parametrize(
    ("plan", "moment", "stretch"),
    [
        (Plan(ends_at=NOW + HOUR), NOW, 1800),
        (Plan(ends_at=NOW + 3 * HOUR), NOW, 3600),
        (Plan(ends_at=NOW + HOUR), NOW + HOUR / 2, 900),
        (Plan(ends_at=NOW - HOUR), NOW, 0),
        (Plan(ends_at=NOW + HOUR, stretch_time=3500), NOW, 3500),
        (Plan(ends_at=NOW + HOUR, rate=0.03), NOW, 100 / 0.03),
    ],
)
def test_a_default_stretch_leaves_time_before_the_end(plan, moment, stretch):
    """Nobody asked for it, so that nobody may lapse for it."""
    launch = new(
        plan, Defaults(stretch_time=3600), moment=moment, targeted=10_000 if plan.rate is None else 100
    )
    assert launch.stretch_time == stretch


@given(st.floats(0, 1e6), st.integers(0, 10**8))
def test_a_default_stretch_is_never_longer_than_a_second_a_recipient(stretch, recipients):
    assert stretch_of(Plan(), Defaults(stretch_time=stretch), recipients) == min(stretch, recipients)


@pytest.mark.parametrize(
    ("plan", "recipients", "seconds"),
    [
        (Plan(rate=100.0), 30_000, 300),
        (Plan(rate=100.0), 0, 0),
        (Plan(rate=0.001), 10**9, STRETCH_MAX),
        (Plan(rate=100.0, stretch_time=5.0), 30_000, 5),
    ],
)
def test_a_rate_becomes_a_stretch_once_it_is_known_how_many_they_are(plan, recipients, seconds):
    assert stretch_of(plan, Defaults(stretch_time=60), recipients) == seconds


def test_a_small_send_has_no_campaign_and_goes_at_once():
    launch = send_of(
        1,
        content=CAMPAIGN.content,
        target=Subscribers((7,)),
        plan=Plan(),
        defaults=Defaults(stretch_time=60),
        now=NOW,
        nonce="abcdefgh",
        targeted=1,
        track_clicks=TrackClicks.NONE,
    )
    assert (launch.campaign, launch.start_at, launch.stretch_time) == (None, NOW, 0)


# ── pause, resume, cancel ───────────────────────────────────────────────────────────────────────────────────


def test_pauses_add_up():
    paused = controlled(made(), State.PAUSED, NOW + MINUTE)
    assert (paused.wanted, paused.wanted_at, paused.shift) == (State.PAUSED, NOW + MINUTE, 0)
    running = controlled(paused, State.RUNNING, NOW + 3 * MINUTE)
    assert running.shift == 120
    again = controlled(controlled(running, State.PAUSED, NOW + HOUR), State.RUNNING, NOW + HOUR + MINUTE)
    assert again.shift == 180
    record = control_record(again)
    assert (record.campaign_id, record.state, record.shift) == ("launch_9_abcdefgh", "running", 180)


def test_what_is_said_twice_changes_nothing():
    paused = controlled(made(), State.PAUSED, NOW)
    assert controlled(paused, State.PAUSED, NOW + HOUR) == paused


def test_what_is_cancelled_stays_cancelled():
    cancelled = controlled(made(), State.CANCELLED, NOW)
    with pytest.raises(ConflictError, match="final"):
        controlled(cancelled, State.RUNNING, NOW + HOUR)


@given(
    st.lists(st.tuples(st.sampled_from([State.PAUSED, State.RUNNING]), st.integers(1, 10**6)), max_size=12)
)
def test_the_shift_is_the_time_that_it_was_paused(said):
    launch, now, paused = made(), NOW, 0
    for wanted, seconds in said:
        launch = controlled(launch, wanted, now)
        now += timedelta(seconds=seconds)
        paused += seconds if wanted is State.PAUSED else 0
    launch = controlled(launch, State.RUNNING, now)
    assert launch.shift == pytest.approx(paused)


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────


def written(**fields):
    return made(**{"state": LaunchState.WRITTEN, "written": 10, "ttl": 60, "last_due_at": NOW, **fields})


def test_a_launch_is_done_once_every_recipient_has_an_outcome():
    assert is_done(written(), 10, NOW)
    assert is_done(written(), 11, NOW)  # one that an old marker did not know of
    assert not is_done(written(), 9, NOW)
    assert not is_done(made(), 0, NOW + 1000 * HOUR)
    assert is_done(made(state=LaunchState.DONE), 0, NOW)


def test_a_small_send_is_not_done_while_some_of_it_waits_in_the_outbox():
    assert not is_done(written(written=0), 0, NOW, waiting=1)
    assert not is_done(written(), 10, NOW, waiting=1)
    assert is_done(written(written=0), 0, NOW)  # all have unsubscribed meanwhile
    assert is_done(written(), 9, NOW + MINUTE + GRACE, waiting=1)


def test_an_hour_after_its_end_what_is_open_is_unknown():
    end = NOW + MINUTE + GRACE
    assert not is_done(written(), 9, end - timedelta(seconds=1))
    assert is_done(written(), 9, end)
    assert not is_done(written(shift=60.0), 9, end)
    assert is_done(written(ends_at=NOW), 9, NOW + GRACE)


def test_a_launch_that_is_paused_has_no_end():
    assert ends_at(written(wanted=State.PAUSED)) is None
    assert ends_at(made()) is None


def test_a_launch_that_is_cancelled_ends_when_the_longest_tier_has_come_out():
    cancelled = written(wanted=State.CANCELLED, ttl=10**6)
    assert not is_done(cancelled, 9, NOW + GRACE)
    assert is_done(cancelled, 9, NOW + 2 * GRACE)
