"""Campaigns: content, whom it is for and when, and what may be done with one in each of its states.

Every action is a function from a campaign and a moment to what is to be written, or a problem; nothing is
written here.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.model.problems import ConflictError, FieldProblem
from campaigns.model.site import TrackClicks
from campaigns.model.target import Target
from worker.records.control import State
from worker.records.job import Urgency
from worker.records.notification import Notification

STRETCH_MAX = 30 * 86_400
"""Seconds."""

YEARS_MAX = 10
"""Between now and any time of a plan."""

EARLIEST_ZONE = timedelta(hours=14)
"""Ahead of UTC: where a day begins first (Pacific/Kiritimati)."""

LATEST_ZONE = timedelta(hours=12)
"""Behind UTC: where it begins last (Etc/GMT+12)."""

_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")


class CampaignStatus(StrEnum):
    """How far a campaign has come.

    `draft`: being made. `scheduled`: waits for its time. `queued`: launched, nothing written yet. `sending`:
    some of it is written. `recurring`: launched again and again. `paused`: by hand. `done`: every launch is.
    `cancelled`: for good. `refused`: it could not be launched.
    """

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    RECURRING = "recurring"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"


_S = CampaignStatus

MOVES: dict[CampaignStatus, frozenset[CampaignStatus]] = {
    _S.DRAFT: frozenset({_S.SCHEDULED, _S.QUEUED, _S.RECURRING, _S.CANCELLED, _S.REFUSED}),
    _S.SCHEDULED: frozenset({_S.DRAFT, _S.QUEUED, _S.PAUSED, _S.CANCELLED, _S.REFUSED}),
    _S.QUEUED: frozenset({_S.SENDING, _S.DONE, _S.PAUSED, _S.CANCELLED, _S.REFUSED}),
    _S.SENDING: frozenset({_S.DONE, _S.PAUSED, _S.CANCELLED}),
    _S.RECURRING: frozenset({_S.DONE, _S.PAUSED, _S.CANCELLED, _S.REFUSED}),
    _S.PAUSED: frozenset({_S.SCHEDULED, _S.QUEUED, _S.SENDING, _S.RECURRING, _S.DONE, _S.CANCELLED}),
    _S.DONE: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REFUSED: frozenset({_S.DRAFT}),
}
"""From each status to those that may follow it."""


class Action(StrEnum):
    """What may be asked of a campaign."""

    EDIT = "edit"
    LAUNCH = "launch"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    DELETE = "delete"


POSSIBLE: dict[Action, frozenset[CampaignStatus]] = {
    Action.EDIT: frozenset({_S.DRAFT, _S.SCHEDULED, _S.REFUSED}),
    Action.LAUNCH: frozenset({_S.DRAFT, _S.SCHEDULED}),
    Action.PAUSE: frozenset({_S.SCHEDULED, _S.QUEUED, _S.SENDING, _S.RECURRING}),
    Action.RESUME: frozenset({_S.PAUSED}),
    Action.CANCEL: frozenset({_S.DRAFT, _S.SCHEDULED, _S.QUEUED, _S.SENDING, _S.RECURRING, _S.PAUSED}),
    Action.DELETE: frozenset({_S.DRAFT, _S.SCHEDULED, _S.RECURRING, _S.DONE, _S.CANCELLED, _S.REFUSED}),
}
"""In which states each can be done. What is under way is cancelled before it is deleted."""


class Plan(Struct, frozen=True, kw_only=True):
    """When a campaign goes out, and how long a push lives.

    Attributes:
        start_at: When its first recipient is due; None: when it is launched.
        local_time: Wall time (without a zone) at which each recipient is due in its own zone, instead.
        stretch_time: Seconds over which the recipients are spread; None: what the site has as default.
        ttl: Seconds that a push lives from its own due time; None: as before.
        ends_at: Nothing is sent after this moment.
        urgency: RFC 8030 section 5.3.
        topic: RFC 8030 section 5.4.
    """

    start_at: datetime | None = None
    local_time: datetime | None = None
    stretch_time: float | None = None
    ttl: int | None = None
    ends_at: datetime | None = None
    urgency: Urgency | None = None
    topic: str | None = None

    @property
    def due_at(self) -> datetime | None:
        """When the first recipient can be due; None if it is due when the campaign is launched."""
        if self.local_time is not None:
            return self.local_time.replace(tzinfo=UTC) - EARLIEST_ZONE
        return self.start_at


class NewCampaign(Struct, frozen=True, kw_only=True):
    """A campaign before it has an id; the attributes are those of `Campaign`."""

    name: str
    content: Notification
    target: Target
    plan: Plan = Plan()
    template: int | None = None
    track_clicks: TrackClicks = TrackClicks.PAGE
    adapter: str = "own"
    options: dict[str, Any] = {}


class Campaign(NewCampaign, frozen=True, kw_only=True):
    """A campaign.

    Attributes:
        id: Its number.
        site: Whose subscribers it is for.
        name: For people.
        status: How far it has come.
        content: What is shown.
        target: Whom it is for.
        plan: When.
        template: The template that the content was copied from.
        track_clicks: How clicks are counted.
        adapter: In whose words it was made.
        options: What only its adapter asks of it.
    """

    id: int
    site: int
    status: CampaignStatus
    created_at: datetime
    updated_at: datetime


class Step(Struct, frozen=True):
    """What an action comes to.

    Attributes:
        campaign: The campaign as it is from now on.
        launch_for: A launch is to be made, for this planned moment.
        control: What its open launches are to do from now on.
    """

    campaign: Campaign
    launch_for: datetime | None = None
    control: State | None = None


# ── actions ─────────────────────────────────────────────────────────────────────────────────────────────────


def require(campaign: Campaign, action: Action) -> None:
    """Insist that an action is possible in a campaign's status.

    Raises:
        ConflictError: It is not; says in which it would be.
    """
    if campaign.status not in POSSIBLE[action]:
        needed = ", ".join(status for status in CampaignStatus if status in POSSIBLE[action])
        raise ConflictError(f"The campaign is {campaign.status}; to {action} it, it must be one of {needed}.")


def moved(campaign: Campaign, status: CampaignStatus, now: datetime) -> Campaign:
    """Return a campaign in another status.

    Raises:
        ConflictError: The table has no such move.
    """
    if status not in MOVES[campaign.status]:
        raise ConflictError(f"The campaign is {campaign.status}, and cannot become {status}.")
    return msgspec.structs.replace(campaign, status=status, updated_at=now)


def launch(campaign: Campaign, now: datetime) -> Step:
    """Launch a draft when its time comes, or at once if it has none; a scheduled one at once.

    Raises:
        ConflictError: It is neither.
    """
    require(campaign, Action.LAUNCH)
    due_at = campaign.plan.due_at
    if campaign.status is CampaignStatus.DRAFT and due_at is not None and due_at > now:
        return Step(moved(campaign, CampaignStatus.SCHEDULED, now))
    return Step(moved(campaign, CampaignStatus.QUEUED, now), launch_for=now)


def come_due(campaign: Campaign, now: datetime) -> Step | None:
    """Launch a scheduled campaign whose time has come, however long ago; None if there is nothing to do."""
    due_at = campaign.plan.due_at
    if campaign.status is not CampaignStatus.SCHEDULED or due_at is None or due_at > now:
        return None
    return Step(moved(campaign, CampaignStatus.QUEUED, now), launch_for=due_at)


def refuse(campaign: Campaign, now: datetime) -> Step:
    """End a campaign that cannot be launched, though its time has come.

    Raises:
        ConflictError: It is launched, or has ended.
    """
    return Step(moved(campaign, CampaignStatus.REFUSED, now))


def pause(campaign: Campaign, now: datetime) -> Step:
    """Stop a campaign until it is resumed.

    Raises:
        ConflictError: It neither waits nor runs.
    """
    require(campaign, Action.PAUSE)
    return Step(moved(campaign, CampaignStatus.PAUSED, now), control=State.PAUSED)


def resume(campaign: Campaign, now: datetime, *, launches: int, open_launches: int, written: int) -> Step:
    """Let a paused campaign go on where it was: a pause that came too late has stopped nothing.

    Args:
        campaign: The campaign.
        now: The moment.
        launches: How many it has.
        open_launches: How many of them are not done.
        written: Recipients that these have written.

    Raises:
        ConflictError: It is not paused.
    """
    require(campaign, Action.RESUME)
    if not launches:
        return Step(moved(campaign, CampaignStatus.SCHEDULED, now))
    if not open_launches:
        return Step(moved(campaign, CampaignStatus.DONE, now))
    status = CampaignStatus.SENDING if written else CampaignStatus.QUEUED
    return Step(moved(campaign, status, now), control=State.RUNNING)


def cancel(campaign: Campaign, now: datetime) -> Step:
    """Stop a campaign for good.

    Raises:
        ConflictError: It has ended already.
    """
    require(campaign, Action.CANCEL)
    return Step(moved(campaign, CampaignStatus.CANCELLED, now), control=State.CANCELLED)


def edit(campaign: Campaign, now: datetime, **changes: Any) -> Campaign:
    """Change fields of a campaign that is not launched yet; one that has lost its time is a draft again.

    Raises:
        ConflictError: It is launched, or has ended.
    """
    require(campaign, Action.EDIT)
    changed = msgspec.structs.replace(campaign, updated_at=now, **changes)
    if changed.status is CampaignStatus.REFUSED or (
        changed.status is CampaignStatus.SCHEDULED and changed.plan.due_at is None
    ):
        return moved(changed, CampaignStatus.DRAFT, now)
    return changed


def copied(campaign: Campaign, now: datetime) -> NewCampaign:
    """Return a new campaign like another one, without a time that has passed."""
    fields = {name: getattr(campaign, name) for name in NewCampaign.__struct_fields__}
    plan = campaign.plan
    due_at = plan.due_at
    if due_at is not None and due_at <= now:
        plan = msgspec.structs.replace(plan, start_at=None, local_time=None)
    if plan.ends_at is not None and plan.ends_at <= now:
        plan = msgspec.structs.replace(plan, ends_at=None)
    return NewCampaign(**{**fields, "plan": plan})


# ── what is wrong with a plan ───────────────────────────────────────────────────────────────────────────────


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
    if plan.ttl is not None and not 0 <= plan.ttl < 2**31:
        yield FieldProblem("ttl", "must be a number of seconds, from 0")
    if plan.topic is not None and not _TOPIC.fullmatch(plan.topic):
        yield FieldProblem("topic", "must be letters, digits, - and _; at most 32")


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
