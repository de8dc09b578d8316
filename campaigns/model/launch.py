"""Launches: one sending each, of a campaign or of a small send; how one is paused, and when it is done."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from campaigns.model.campaign import Campaign, Plan
from campaigns.model.content import with_campaign_id
from campaigns.model.ids import Kind, LaunchId, spell
from campaigns.model.plan_problems import STRETCH_MAX
from campaigns.model.problems import ConflictError
from campaigns.model.site import Defaults, TrackClicks
from campaigns.model.target import Target
from worker.records.control import CampaignControl, CampaignError, Control, State, change
from worker.records.job import TTL_DEFAULT, Urgency
from worker.records.notification import Notification

GRACE = timedelta(hours=1)
"""After a launch's last push has ended: what has no outcome by then is unknown."""

SECONDS_A_RECIPIENT = 1.0
"""A default stretch is no longer than this for each recipient: a test to three people takes no hour."""


DEFAULT_STRETCH = "default_stretch_time"
"""Among a campaign's options: seconds of the stretch where it does not say any."""


class LaunchState(StrEnum):
    """How far a launch has come: `writing` jobs, all of them `written`, or `done`: counted to the end."""

    WRITING = "writing"
    WRITTEN = "written"
    DONE = "done"


class NewLaunch(Struct, frozen=True, kw_only=True):
    """A launch before it has an id; the attributes are those of `Launch`."""

    nonce: str
    site: int
    campaign: int | None
    moment: datetime
    content: Notification
    target: Target
    start_at: datetime
    local_time: datetime | None = None
    stretch_time: float
    ttl: int
    ends_at: datetime | None = None
    urgency: Urgency = Urgency.NORMAL
    topic: str | None = None
    track_clicks: TrackClicks = TrackClicks.PAGE
    translations: dict[str, Notification] = {}
    targeted: int = 0


class Launch(NewLaunch, frozen=True, kw_only=True):
    """A launch; all that it sends was copied here when it began.

    Attributes:
        id: Its number.
        nonce: Eight random characters, part of its id in Kafka.
        site: Whose subscribers it is for.
        campaign: Whose launch it is; None for a small send.
        moment: The planned one; a campaign has one launch for each.
        slot: Who writes it.
        state: How far it has come.
        wanted: What is asked of it, as its control records say.
        wanted_at: Since when.
        shift: Seconds of all pauses before that.
        content: What is shown; `{{campaign_id}}` is filled in.
        translations: What is shown to subscribers of a language instead, by its tag in lower case.
        target: Whom it is for; a segment is replaced by its condition.
        start_at: When the first recipient is due, as planned before any pause.
        stretch_time: Seconds over which the recipients are spread.
        ttl: Seconds.
        targeted: Recipients at the start.
        written: Recipients in Kafka so far.
        zone_mark: At a wall time: tells changes of zones since it began from those before.
        last_due_at: When the last one written so far is due, as planned.
        written_at: When the last one was written.
        done_at: When it was done.
    """

    id: int
    slot: int
    state: LaunchState
    wanted: State
    wanted_at: datetime
    shift: float
    written: int
    created_at: datetime
    zone_mark: int | None = None
    last_due_at: datetime | None = None
    written_at: datetime | None = None
    done_at: datetime | None = None

    @property
    def launch_id(self) -> str:
        """Its id as Kafka has it: the `campaign_id` of its jobs."""
        return str(LaunchId(self.id, self.nonce))


def launch_of(
    campaign: Campaign,
    *,
    defaults: Defaults,
    target: Target,
    moment: datetime,
    now: datetime,
    nonce: str,
    targeted: int,
) -> NewLaunch:
    """Make a campaign's launch.

    Args:
        campaign: The campaign, with its content as it is to be sent.
        defaults: Of its site.
        target: The campaign's, with a segment replaced by its condition.
        moment: The planned moment.
        now: The moment; a launch that comes late starts now.
        nonce: Eight random characters.
        targeted: How many are in the target.
    """
    plan, name, start_at = campaign.plan, spell(Kind.CAMPAIGN, campaign.id), max(moment, now)
    return NewLaunch(
        nonce=nonce,
        site=campaign.site,
        campaign=campaign.id,
        moment=moment,
        content=with_campaign_id(campaign.content, name),
        translations={
            language: with_campaign_id(each, name) for language, each in campaign.translations.items()
        },
        target=target,
        start_at=start_at,
        local_time=plan.local_time,
        stretch_time=_ended(plan, start_at, stretch_of(plan, defaults_of(campaign, defaults), targeted)),
        ttl=ttl_of(plan, defaults),
        ends_at=plan.ends_at,
        urgency=plan.urgency or Urgency.NORMAL,
        topic=plan.topic,
        track_clicks=campaign.track_clicks,
        targeted=targeted,
    )


def _ended(plan: Plan, start_at: datetime, stretch: float) -> float:
    """Return a stretch that leaves half of the time before the end; one that was asked for is left alone."""
    is_default = plan.stretch_time is None and plan.rate is None
    if plan.ends_at is None or plan.local_time is not None or not is_default:
        return stretch
    return min(stretch, max(0.0, (plan.ends_at - start_at).total_seconds() / 2))


def send_of(
    site: int,
    *,
    content: Notification,
    target: Target,
    plan: Plan,
    defaults: Defaults,
    now: datetime,
    nonce: str,
    targeted: int,
    track_clicks: TrackClicks,
) -> NewLaunch:
    """Make the launch of a small send, which has no campaign and goes out at once."""
    return NewLaunch(
        nonce=nonce,
        site=site,
        campaign=None,
        moment=now,
        content=content,
        target=target,
        start_at=now,
        stretch_time=0.0,
        ttl=ttl_of(plan, defaults),
        ends_at=plan.ends_at,
        urgency=plan.urgency or Urgency.NORMAL,
        topic=plan.topic,
        track_clicks=track_clicks,
        targeted=targeted,
    )


def defaults_of(campaign: Campaign, defaults: Defaults) -> Defaults:
    """Return what a site's campaign begins with: its adapter's platform may spread where nobody asks."""
    stretch = campaign.options.get(DEFAULT_STRETCH)
    return defaults if stretch is None else msgspec.structs.replace(defaults, stretch_time=stretch)


def stretch_of(plan: Plan, defaults: Defaults, recipients: int) -> float:
    """Return the seconds over which recipients are spread: what nobody asked for is short for few of them."""
    if plan.stretch_time is not None:
        return plan.stretch_time
    if plan.rate is not None:
        return min(recipients / plan.rate, STRETCH_MAX)
    return min(defaults.stretch_time or 0.0, recipients * SECONDS_A_RECIPIENT)


def ttl_of(plan: Plan, defaults: Defaults) -> int:
    """Return the seconds that a push lives from its own due time."""
    return next(each for each in (plan.ttl, defaults.ttl, TTL_DEFAULT) if each is not None)


# ── pause, resume, cancel ───────────────────────────────────────────────────────────────────────────────────


def controlled(launch: Launch, wanted: State, now: datetime) -> Launch:
    """Return a launch of which something else is wanted from now on, with the pauses so far counted.

    Raises:
        ConflictError: It is cancelled, which is final.
    """
    known = Control(launch.wanted, launch.wanted_at.timestamp(), launch.shift)
    try:
        record = change(launch.launch_id, known, wanted, now.timestamp())
    except CampaignError as error:
        raise ConflictError(str(error)) from None
    return msgspec.structs.replace(launch, wanted=record.state, wanted_at=record.at, shift=record.shift)


def control_record(launch: Launch) -> CampaignControl:
    """Return what the worker is told of a launch; said twice, it changes nothing."""
    return CampaignControl(1, launch.launch_id, launch.wanted, launch.wanted_at, launch.shift)


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────


def ends_at(launch: Launch) -> datetime | None:
    """Return the moment after which no outcome is to be expected; None while it cannot be known.

    That is when the last push has lived its life, or, where a launch is cancelled, when what is left has come
    out of the longest tier, which takes an hour.
    """
    if launch.wanted is State.CANCELLED:
        return launch.wanted_at + GRACE
    if launch.state is LaunchState.WRITING or launch.wanted is State.PAUSED or launch.last_due_at is None:
        return None
    end = launch.last_due_at + timedelta(seconds=launch.shift + launch.ttl)
    return end if launch.ends_at is None else min(end, launch.ends_at)


def is_done(launch: Launch, outcomes: int, now: datetime, waiting: int = 0) -> bool:
    """Whether a launch has been counted to its end.

    Args:
        launch: The launch.
        outcomes: Recipients that have an outcome.
        now: The moment.
        waiting: Recipients who wait in the outbox, if it is a small send.
    """
    if launch.state is LaunchState.DONE:
        return True
    if launch.state is LaunchState.WRITING:
        return False
    end = ends_at(launch)
    return (outcomes >= launch.written and not waiting) or (end is not None and now >= end + GRACE)
