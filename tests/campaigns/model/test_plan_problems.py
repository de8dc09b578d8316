from datetime import UTC, datetime, timedelta

import pytest

from campaigns.model.campaign import Plan
from campaigns.model.plan_problems import plan_problems, schedule_problems
from campaigns.model.recurrence import Recurrence
from tests.campaigns.model.test_campaign import LATER, NOW, wall_time


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


def test_a_plan_and_a_recurrence_are_looked_at_together():
    daily = Recurrence(cron="0 9 * * *", zone="UTC")
    assert [*schedule_problems(Plan(start_at=LATER), None, {"UTC"}, NOW)] == []
    assert [*schedule_problems(Plan(start_at=LATER), daily, {"UTC"}, NOW)] == []
    everything = schedule_problems(Plan(local_time=wall_time(2026, 11, 22), ttl=-1), daily, {"GMT"}, NOW)
    assert [each.field for each in everything] == ["ttl", "recurrence.zone", "local_time"]
