"""What may be changed about a campaign, and what a copy of one is like."""

from datetime import datetime
from typing import Any

import msgspec

from campaigns.model.campaign import (
    POSSIBLE,
    Action,
    Campaign,
    CampaignStatus,
    NewCampaign,
    Step,
    cancel,
    moved,
    recurring,
    require,
)
from campaigns.model.problems import ConflictError
from campaigns.model.recurrence import Recurrence
from worker.records.control import State


def edit(campaign: Campaign, now: datetime, **changes: Any) -> Campaign:
    """Change fields of a campaign that is not launched yet, or that recurs.

    One that has lost its time is a draft again; one that recurs goes on with its new times from now on, and
    what it has launched already stays as it was. Where its times stay, so does the next one, though it may
    have come.

    Raises:
        ConflictError: It is launched, or has ended; or it would recur no more.
    """
    require(campaign, Action.EDIT)
    changed = msgspec.structs.replace(campaign, updated_at=now, **changes)
    if campaign.status in {CampaignStatus.RECURRING, CampaignStatus.PAUSED} and changed.recurrence is None:
        raise ConflictError("A campaign that recurs cannot become one that does not; make another one.")
    is_launched = changed.status in {CampaignStatus.SCHEDULED, CampaignStatus.RECURRING}
    if is_launched and changed.recurrence is not None:
        return recurring(changed, now) if _times(changed) != _times(campaign) else changed
    if changed.status is CampaignStatus.REFUSED or (is_launched and changed.plan.due_at is None):
        return moved(changed, CampaignStatus.DRAFT, now)
    return changed


def _times(campaign: Campaign) -> tuple[Recurrence | None, datetime | None, datetime | None]:
    """Return what the times at which a campaign recurs follow from."""
    return campaign.recurrence, campaign.plan.start_at, campaign.plan.ends_at


def discard(campaign: Campaign, now: datetime) -> Step:
    """Stop a campaign that recurs or is paused for good, before it is deleted; leave others as they are.

    Of one that was refused when it was to recur again, an earlier launch may still be under way.

    Raises:
        ConflictError: It is under way, and would not end with that.
    """
    is_stopped = campaign.recurrence is not None or campaign.status is CampaignStatus.PAUSED
    if is_stopped and campaign.status in POSSIBLE[Action.CANCEL]:
        return cancel(campaign, now)
    require(campaign, Action.DELETE)
    return Step(campaign, control=State.CANCELLED if campaign.status is CampaignStatus.REFUSED else None)


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
