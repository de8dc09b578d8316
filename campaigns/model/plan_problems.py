"""What is wrong with a plan: times that cannot be, or that contradict one another."""

import re
from collections.abc import Container, Iterator
from datetime import UTC, datetime, timedelta

from campaigns.model.campaign import Plan
from campaigns.model.problems import FieldProblem
from campaigns.model.recurrence import Recurrence, recurrence_problems

STRETCH_MAX = 30 * 86_400
"""Seconds."""

RATE_MAX = 1_000_000  # recipients a second

YEARS_MAX = 10
"""Between now and any time of a plan."""

LATEST_ZONE = timedelta(hours=12)
"""Behind UTC: where a day begins last (Etc/GMT+12)."""

_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


def plan_problems(plan: Plan, now: datetime) -> Iterator[FieldProblem]:
    """Find what is wrong with a plan."""
    far = [*_far_away(plan, now)]
    yield from far
    if far:
        return
    if plan.start_at is not None and plan.local_time is not None:
        yield FieldProblem("local_time", "must be left out where start_at is given")
    if plan.stretch_time is not None and not 0 <= plan.stretch_time <= STRETCH_MAX:
        yield FieldProblem("stretch_time", f"must be from 0 to {STRETCH_MAX} seconds")
    elif plan.ends_at is not None and plan.ends_at <= _last_due(plan, now):
        yield FieldProblem(
            "ends_at", "must be after the start and the stretch, or the last ones are never sent"
        )
    if plan.rate is not None and not 0 < plan.rate <= RATE_MAX:
        yield FieldProblem("rate", f"must be above 0 and at most {RATE_MAX} recipients a second")
    if plan.ttl is not None and not 0 <= plan.ttl < 2**31:
        yield FieldProblem("ttl", "must be a number of seconds, from 0")
    if plan.topic is not None and not _TOPIC.fullmatch(plan.topic):
        yield FieldProblem("topic", "must be letters, digits, - and _; at most 32")


def schedule_problems(
    plan: Plan, recurrence: Recurrence | None, zones: Container[str], now: datetime
) -> Iterator[FieldProblem]:
    """Find what is wrong with a plan and a recurrence together.

    Args:
        plan: The plan.
        recurrence: The recurrence, if there is one.
        zones: The names that tzdata knows.
        now: The moment.
    """
    yield from plan_problems(plan, now)
    if recurrence is None:
        return
    yield from recurrence_problems(recurrence, zones)
    if plan.local_time is not None:
        yield FieldProblem("local_time", "must be left out of a campaign that recurs; recurrence has a zone")


def _far_away(plan: Plan, now: datetime) -> Iterator[FieldProblem]:
    """Find times that no calculation should meet."""
    for name in ("start_at", "local_time", "ends_at"):
        moment: datetime | None = getattr(plan, name)
        if moment is None:
            continue
        is_local = name == "local_time"
        if is_local != (moment.tzinfo is None):
            example = "2026-11-21T09:00:00" + ("" if is_local else "Z")
            yield FieldProblem(
                name, f"must be a time {'without' if is_local else 'with'} an offset ({example})"
            )
        elif abs(moment.year - now.year) > YEARS_MAX:
            yield FieldProblem(name, f"must be within {YEARS_MAX} years")


def _last_due(plan: Plan, now: datetime) -> datetime:
    stretch = timedelta(seconds=plan.stretch_time or 0)
    if plan.local_time is not None:
        return plan.local_time.replace(tzinfo=UTC) + LATEST_ZONE + stretch
    return max(plan.start_at or now, now) + stretch
