"""Campaign control: which campaigns are paused or cancelled, and how far their planned times have moved.

Keeps only campaigns that do not simply run as planned; knows nothing of where control records come from.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from worker.records.tolerance import tolerated
from worker.records.values import Id, Moment, RecordError, decode_value, moment

SHIFT_MAX = 10 * 365 * 86_400


class State(StrEnum):
    """What upstream wants of a campaign."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class CampaignControl(Struct, frozen=True):
    """The value of a record in `push.control`; ARCHITECTURE.md: CampaignControl.

    Attributes:
        state: What is wanted of the campaign.
        at: When it was said.
        shift: Seconds of all pauses so far, added to planned due times.
    """

    v: Literal[1]
    campaign_id: Id
    state: State
    at: Moment
    shift: Annotated[float, Meta(ge=0, le=SHIFT_MAX)] = 0.0


_decoder = msgspec.json.Decoder(CampaignControl)


def decode_control(value: bytes) -> CampaignControl:
    """Read a control record; what is harmless is tolerated.

    Raises:
        RecordError: The value is not a control record; the text names the field.
    """
    try:
        return decode_value(_decoder, value)
    except RecordError:
        return decode_value(_decoder, tolerated(value, CampaignControl))


@dataclass(frozen=True, slots=True)
class Control:
    """The control in force for a campaign; times are seconds since the epoch.

    Attributes:
        state: The state that upstream asked for.
        at: When that state began.
        shift: Total length of all earlier pauses, in seconds.
    """

    state: State
    at: float
    shift: float

    @property
    def has_resumed(self) -> bool:
        """Whether the campaign runs again after a pause."""
        return self.state is State.RUNNING and self.shift > 0

    def shift_at(self, now: float) -> float:
        """Return the seconds by which planned times have moved, a pause that is still going on included."""
        return self.shift + (max(0.0, now - self.at) if self.state is State.PAUSED else 0.0)


RUNNING = Control(State.RUNNING, 0.0, 0.0)


class CampaignError(ValueError):
    """A change of state that is no longer possible."""


def change(campaign_id: str, known: Control, wanted: State, now: float) -> CampaignControl:
    """Make the control record that changes a campaign's state.

    Args:
        campaign_id: The campaign.
        known: The control in force.
        wanted: The new state.
        now: Seconds since the epoch.

    Raises:
        CampaignError: The campaign is cancelled: whatever was not sent has its outcome already, or is about
            to get it.
    """
    if known.state is State.CANCELLED and wanted is not State.CANCELLED:
        raise CampaignError(f"{campaign_id} is cancelled, which is final; send the rest as a new campaign")
    since = known.at if known.state is wanted else now
    shift = known.shift if known.state is wanted else known.shift_at(now)
    return CampaignControl(1, campaign_id, wanted, moment(since), shift)


class Campaigns:
    """The campaigns that do not simply run as planned: paused, cancelled, or paused at some time before."""

    def __init__(self) -> None:
        self._controls: dict[str, Control] = {}

    def __len__(self) -> int:
        return len(self._controls)

    def apply(self, control: CampaignControl) -> Control:
        """Apply a control record, which replaces the campaign's previous one."""
        known = Control(control.state, control.at.timestamp(), control.shift)
        if known.state is State.RUNNING and not known.shift:
            self._controls.pop(control.campaign_id, None)
        else:
            self._controls[control.campaign_id] = known
        return known

    def forget(self, campaign_id: str) -> None:
        """Apply a tombstone: the campaign runs as planned."""
        self._controls.pop(campaign_id, None)

    def of(self, campaign_id: str) -> Control:
        """Return the control in force for a campaign."""
        return self._controls.get(campaign_id, RUNNING)
