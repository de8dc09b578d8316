"""Campaigns: content, whom it is for and when, and what may be done with one in each of its states.

Every action is a function from a campaign and a moment to what is to be written, or a problem; nothing is
written here.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.model.problems import ConflictError, StatusError
from campaigns.model.recurrence import Recurrence, next_moment
from campaigns.model.site import TrackClicks
from campaigns.model.target import Target
from worker.records.control import State
from worker.records.job import Urgency
from worker.records.notification import Notification

LATE_MAX = timedelta(hours=2)
"""A moment of a recurring campaign that is noticed later than this is skipped."""

EARLIEST_ZONE = timedelta(hours=14)
"""Ahead of UTC: where a day begins first (Pacific/Kiritimati)."""


class CampaignStatus(StrEnum):
    """How far a campaign has come.

    `draft`: being made. `scheduled`: waits for its time. `queued`: launched, nothing written yet. `sending`:
    some of it is written. `recurring`: it is launched again at moments to come; after the last one it is like
    any other. `paused`: by hand. `done`: every launch is. `cancelled`: for good. `refused`: it could not be
    launched.
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
    _S.SCHEDULED: frozenset({_S.DRAFT, _S.QUEUED, _S.RECURRING, _S.PAUSED, _S.CANCELLED, _S.REFUSED}),
    _S.QUEUED: frozenset({_S.SENDING, _S.DONE, _S.PAUSED, _S.CANCELLED, _S.REFUSED}),
    _S.SENDING: frozenset({_S.DONE, _S.PAUSED, _S.CANCELLED}),
    _S.RECURRING: frozenset({_S.QUEUED, _S.DONE, _S.PAUSED, _S.CANCELLED, _S.REFUSED}),
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
    Action.EDIT: frozenset({_S.DRAFT, _S.SCHEDULED, _S.RECURRING, _S.REFUSED}),
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
        start_at: When its first recipient is due; None: when it is launched. Before it nothing recurs.
        local_time: Wall time (without a zone) at which each recipient is due in its own zone, instead.
        stretch_time: Seconds over which the recipients are spread; None: what the site has as default.
        rate: Recipients a second, instead: the stretch follows from how many there are at the launch.
        ttl: Seconds that a push lives from its own due time; None: as before.
        ends_at: Nothing is sent after this moment.
        urgency: RFC 8030 section 5.3.
        topic: RFC 8030 section 5.4.
    """

    start_at: datetime | None = None
    local_time: datetime | None = None
    stretch_time: float | None = None
    rate: float | None = None
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
    recurrence: Recurrence | None = None
    translations: dict[str, Notification] = {}
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
        recurrence: When it is launched again and again; None: it is launched once.
        next_at: The next moment at which it is; None unless it is `recurring`.
        translations: What is shown to subscribers of a language instead, by its tag in lower case.
        adapter: In whose words it was made.
        options: What only its adapter asks of it.
    """

    id: int
    site: int
    status: CampaignStatus
    next_at: datetime | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def due_at(self) -> datetime | None:
        """When it is to be launched next; None if that is up to somebody."""
        return self.next_at if self.status is CampaignStatus.RECURRING else self.plan.due_at


class Step(Struct, frozen=True):
    """What an action comes to.

    Attributes:
        campaign: The campaign as it is from now on.
        launch_for: A launch is to be made, for this planned moment.
        control: What its open launches are to do from now on.
        skipped_from: The first of the moments that are too long ago for a launch; None if none was.
    """

    campaign: Campaign
    launch_for: datetime | None = None
    control: State | None = None
    skipped_from: datetime | None = None


# ── actions ─────────────────────────────────────────────────────────────────────────────────────────────────


def require(campaign: Campaign, action: Action) -> None:
    """Insist that an action is possible in a campaign's status.

    Raises:
        StatusError: It is not; says in which it would be.
    """
    # What recurs is changed while it is paused, too: nothing of it is launched meanwhile.
    is_at_rest = campaign.recurrence is not None and campaign.status is CampaignStatus.PAUSED
    if campaign.status not in POSSIBLE[action] and not (action is Action.EDIT and is_at_rest):
        needed = ", ".join(status for status in CampaignStatus if status in POSSIBLE[action])
        raise StatusError(f"The campaign is {campaign.status}; to {action} it, it must be one of {needed}.")


def moved(campaign: Campaign, status: CampaignStatus, now: datetime) -> Campaign:
    """Return a campaign in another status.

    Raises:
        ConflictError: The table has no such move.
    """
    if status not in MOVES[campaign.status]:
        raise ConflictError(f"The campaign is {campaign.status}, and cannot become {status}.")
    return msgspec.structs.replace(campaign, status=status, next_at=None, updated_at=now)


def unfinished(url: str) -> Notification:
    """Return what a draft has whose content is still to be given; it cannot be sent."""
    return Notification(title="", url=url)


def is_finished(content: Notification) -> bool:
    """Whether content has been given: any that is checked has a title."""
    return content.title != ""


def next_of(campaign: Campaign, after: datetime) -> datetime | None:
    """Return the first moment behind another one at which a campaign recurs; None if there is none."""
    if campaign.recurrence is None:
        return None
    plan = campaign.plan
    return next_moment(campaign.recurrence, after, starts_at=plan.start_at, ends_at=plan.ends_at)


def launch(campaign: Campaign, now: datetime) -> Step:
    """Launch a draft when its time comes, or at once if it has none; a scheduled one at once.

    Raises:
        ConflictError: It is neither, it has no content yet, or all moments at which it recurs have passed.
    """
    require(campaign, Action.LAUNCH)
    if not is_finished(campaign.content):
        raise ConflictError("The campaign has no notification yet; give it one with a title first.")
    if campaign.recurrence is not None:
        return Step(recurring(campaign, now))
    due_at = campaign.plan.due_at
    if campaign.status is CampaignStatus.DRAFT and due_at is not None and due_at > now:
        return Step(moved(campaign, CampaignStatus.SCHEDULED, now))
    return Step(moved(campaign, CampaignStatus.QUEUED, now), launch_for=now)


def recurring(campaign: Campaign, now: datetime) -> Campaign:
    """Return a campaign that recurs from now on.

    Raises:
        ConflictError: All of its moments have passed.
    """
    next_at = next_of(campaign, now)
    if next_at is None:
        raise ConflictError("All times at which the campaign recurs have passed; give it others first.")
    if campaign.status is not CampaignStatus.RECURRING:
        campaign = moved(campaign, CampaignStatus.RECURRING, now)
    return msgspec.structs.replace(campaign, next_at=next_at, updated_at=now)


def come_due(campaign: Campaign, now: datetime, *, open_launches: int = 0) -> Step | None:
    """Launch a campaign whose time has come, however long ago, or for the next of its recurring moments.

    Of these the ones that are more than `LATE_MAX` ago are skipped. None if there is nothing to do.

    Args:
        campaign: The campaign.
        now: The moment.
        open_launches: How many of its launches are not done.
    """
    due_at = campaign.due_at
    if campaign.status is CampaignStatus.RECURRING:
        return None if due_at is None or due_at > now else _recur(campaign, due_at, now, open_launches)
    if campaign.status is not CampaignStatus.SCHEDULED or due_at is None or due_at > now:
        return None
    return Step(moved(campaign, CampaignStatus.QUEUED, now), launch_for=due_at)


def _recur(campaign: Campaign, due_at: datetime, now: datetime, open_launches: int) -> Step:
    oldest = now - LATE_MAX
    skipped_from = due_at if due_at < oldest else None
    moment = due_at if skipped_from is None else next_of(campaign, oldest - timedelta(microseconds=1))
    is_due = moment is not None and moment <= now
    next_at = next_of(campaign, moment) if moment is not None and is_due else moment
    if next_at is not None:
        going_on = msgspec.structs.replace(campaign, next_at=next_at, updated_at=now)
    else:  # that was the last one: from now on the campaign is like any other
        is_open = is_due or open_launches
        going_on = moved(campaign, CampaignStatus.QUEUED if is_open else CampaignStatus.DONE, now)
    return Step(going_on, launch_for=moment if is_due else None, skipped_from=skipped_from)


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

    What would have recurred meanwhile is not made up for.

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
    if next_of(campaign, now) is not None:
        return Step(recurring(campaign, now), control=State.RUNNING)
    if not launches and campaign.recurrence is None:
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
