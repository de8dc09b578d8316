"""A launch as it began, as `push.launches` has it: enough to write it on where the database has forgotten it.

Written in the transaction of its first chunk, under a key of its own: it stays beside the newest marker.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from campaigns.model.ids import Kind, LaunchId, read, read_launch, spell
from campaigns.model.launch import Launch, NewLaunch
from campaigns.model.plan_problems import LATEST_ZONE
from campaigns.model.problems import ProblemError
from campaigns.model.site import TrackClicks
from campaigns.model.target import parse_target, target_tree
from worker.records.job import Ttl, Urgency
from worker.records.notification import Notification
from worker.records.values import Count, Id, Moment, RecordError, Seconds, decode_value

_BEHIND = "/begun"

WallTime = Annotated[datetime, Meta(tz=False)]


class LaunchBegun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A launch as it began; the key is the launch's id, and `/begun`.

    Attributes:
        launch_id: The launch, spelled as in its jobs.
        site_id: Whose subscribers it is for.
        campaign_id: Whose launch it is; null if it has no campaign.
        moment: The planned one; a campaign has one launch for each.
        content: What is shown.
        target: Whom it is for, as the service's API has it; a segment is replaced by its condition.
        start_at: When the first recipient is due, as planned before any pause.
        local_time: Wall time at which each recipient is due in its own zone, instead.
        stretch_time: Seconds over which the recipients are spread.
        ttl: Seconds that each message lives from its own due time.
        ends_at: Nothing is sent after this moment.
        urgency: RFC 8030 section 5.3.
        topic: RFC 8030 section 5.4.
        track_clicks: How clicks are counted.
        targeted: Recipients at the start.
        translations: What is shown to subscribers of a language instead, by its tag in lower case.
        zone: The site's, as it was: where subscribers without a zone are.
    """

    v: Literal[1] = 1
    launch_id: Id
    site_id: Id
    campaign_id: Id | None = None
    moment: Moment
    content: Notification
    target: dict[str, Any]
    start_at: Moment
    local_time: WallTime | None = None
    stretch_time: Seconds = 0.0
    ttl: Ttl
    ends_at: Moment | None = None
    urgency: Urgency = Urgency.NORMAL
    topic: str | None = None
    track_clicks: TrackClicks = TrackClicks.PAGE
    targeted: Count = 0
    translations: dict[str, Notification] = {}
    zone: str


class Restored(Struct, frozen=True, kw_only=True):
    """A launch that is to be entered again.

    Attributes:
        launch_id: Its id.
        new: What it sends.
        zone: The site's, as it was.
        last_due_at: When its last recipient is due, at the latest.
    """

    launch_id: LaunchId
    new: NewLaunch
    zone: str
    last_due_at: datetime


_decoder = msgspec.json.Decoder(LaunchBegun)


def begun_key(launch_id: str) -> str:
    """Return the key under which a launch is told of as it began; no launch is spelled like it."""
    return launch_id + _BEHIND


def begun(launch: Launch, zone: str) -> LaunchBegun:
    """Return a launch as it began; `zone` is its site's."""
    return LaunchBegun(
        launch_id=launch.launch_id,
        site_id=spell(Kind.SITE, launch.site),
        campaign_id=None if launch.campaign is None else spell(Kind.CAMPAIGN, launch.campaign),
        moment=launch.moment,
        content=launch.content,
        target=target_tree(launch.target),
        start_at=launch.start_at,
        local_time=launch.local_time,
        stretch_time=launch.stretch_time,
        ttl=launch.ttl,
        ends_at=launch.ends_at,
        urgency=launch.urgency,
        topic=launch.topic,
        track_clicks=launch.track_clicks,
        targeted=launch.targeted,
        translations=launch.translations,
        zone=zone,
    )


def decode_begun(value: bytes) -> LaunchBegun:
    """Read how a launch began.

    Raises:
        RecordError: The value does not say that; the text names the field.
    """
    return decode_value(_decoder, value)


def read_begun(key: str, value: bytes) -> Restored | None:
    """Read how a launch began; None if the record is another program's, or about something else."""
    if not key.endswith(_BEHIND):
        return None
    try:
        said = decode_begun(value)
        target = parse_target(said.target)
    except (RecordError, ProblemError):
        return None
    launch_id, site = read_launch(said.launch_id), read(Kind.SITE, said.site_id)
    if launch_id is None or site is None or key != begun_key(said.launch_id):
        return None
    same = {name: getattr(said, name) for name in LaunchBegun.__struct_fields__ if name in _SAME}
    campaign = None if said.campaign_id is None else read(Kind.CAMPAIGN, said.campaign_id)
    new = NewLaunch(nonce=launch_id.nonce, site=site, campaign=campaign, **same | {"target": target})
    return Restored(launch_id=launch_id, new=new, zone=said.zone, last_due_at=_last_due(new))


_SAME = frozenset(NewLaunch.__struct_fields__) & frozenset(LaunchBegun.__struct_fields__)


def _last_due(new: NewLaunch) -> datetime:
    """Return when the last recipient of a launch is due, at the latest."""
    start = new.start_at
    if new.local_time is not None:
        start = new.local_time.replace(tzinfo=UTC) + LATEST_ZONE
    return start + timedelta(seconds=new.stretch_time)
