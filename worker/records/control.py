"""Which campaigns are paused or cancelled, and how far their planned times have moved.

Keeps only those that are not plainly running; knows nothing of where control records come from.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from worker.records.values import Id, Moment, decode, moment

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
    """Read a control record.

    Raises:
        RecordError: It is none; the text names the field.
    """
    return decode(_decoder, value)


@dataclass(frozen=True, slots=True)
class Control:
    """What holds for a campaign; times are seconds since the epoch.

    Attributes:
        state: What upstream wants.
        at: Since when.
        shift: Seconds of all its earlier pauses together.
    """

    state: State
    at: float
    shift: float

    @property
    def has_resumed(self) -> bool:
        """Whether it runs again after a pause."""
        return self.state is State.RUNNING and self.shift > 0

    def shift_at(self, now: float) -> float:
        """Seconds by which planned times have moved; a pause that goes on moves them with it."""
        return self.shift + (max(0.0, now - self.at) if self.state is State.PAUSED else 0.0)


RUNNING = Control(State.RUNNING, 0.0, 0.0)


class CampaignError(ValueError):
    """A change that a campaign cannot make any more."""


def change(campaign_id: str, known: Control, wanted: State, now: float) -> CampaignControl:
    """Say what to write so that a campaign changes its state.

    Args:
        campaign_id: Whose.
        known: What holds for it.
        wanted: What is to hold.
        now: Seconds since the epoch.

    Raises:
        CampaignError: It is cancelled: what was not sent has its outcome already, or is about to.
    """
    if known.state is State.CANCELLED and wanted is not State.CANCELLED:
        raise CampaignError(f"{campaign_id} is cancelled for good; send what is left as a new campaign")
    since = known.at if known.state is wanted else now
    shift = known.shift if known.state is wanted else known.shift_at(now)
    return CampaignControl(1, campaign_id, wanted, moment(since), shift)


class Campaigns:
    """The campaigns that are not plainly running."""

    def __init__(self) -> None:
        self._controls: dict[str, Control] = {}

    def __len__(self) -> int:
        return len(self._controls)

    def apply(self, control: CampaignControl) -> Control:
        """Follow a control record; the last one of a campaign holds."""
        known = Control(control.state, control.at.timestamp(), control.shift)
        if known.state is State.RUNNING and not known.shift:
            self._controls.pop(control.campaign_id, None)
        else:
            self._controls[control.campaign_id] = known
        return known

    def forget(self, campaign_id: str) -> None:
        """Follow a tombstone: the campaign runs as planned."""
        self._controls.pop(campaign_id, None)

    def of(self, campaign_id: str) -> Control:
        """What holds for a campaign."""
        return self._controls.get(campaign_id, RUNNING)
