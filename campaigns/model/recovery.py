"""What Kafka knows and a restored database may not: which launches began, how far each is, who was sent to.

Decides what records say about that; knows neither how they are read nor what the database holds.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct

from campaigns.model.begun import Restored, read_begun
from campaigns.model.campaign import Campaign, CampaignStatus, next_of
from campaigns.model.ids import Kind, LaunchId, read, read_launch
from campaigns.model.marker import LaunchMarker, decode_batch_marker, decode_launch_marker
from worker.records.control import CampaignControl, decode_control
from worker.records.values import RecordError, decode_value


class Placed(NamedTuple):
    """A launch's marker, and the offset at which it stands."""

    marker: LaunchMarker
    offset: int


class _Sent(Struct, frozen=True, gc=False):
    """As far as a job or its outcomes say whom they are about."""

    job_id: str
    campaign_id: str
    site_id: str


class _Named(Struct, frozen=True, gc=False):
    id: str


class _Job(_Sent, frozen=True, gc=False):
    recipients: list[_Named]


class _Outcome(Struct, frozen=True, gc=False):
    recipient_id: str


class _Outcomes(_Sent, frozen=True, gc=False):
    outcomes: list[_Outcome]


_JOB_DIGITS = 9

_job_decoder = msgspec.json.Decoder(_Job)
_outcomes_decoder = msgspec.json.Decoder(_Outcomes)


class SmallSend(Struct):
    """A launch that no marker of its own tells of, as its jobs or outcomes have it.

    Attributes:
        site: The number of its site.
        next_job: The number behind the highest one of its jobs.
        recipients: Whom it was written for, as far as is known.
    """

    site: int
    next_job: int = 0
    recipients: set[int] = msgspec.field(default_factory=set)


class Markers:
    """What `push.launches` says.

    Attributes:
        placed: The newest marker of each launch.
        restored: Launches as they began.
        named: All launches that are named anywhere.
        highest_batch: The highest number of a relay's batch; -1 if there is none.
    """

    def __init__(self) -> None:
        self.placed: dict[LaunchId, Placed] = {}
        self.restored: dict[LaunchId, Restored] = {}
        self.named: set[LaunchId] = set()
        self.highest_batch = -1

    def take(self, key: bytes | None, value: bytes | None, offset: int) -> None:
        """Take a record in; of those with one key, the later ones must come later."""
        if key is None or value is None:
            return
        name = key.decode(errors="replace")
        launch, begun = read_launch(name), read_begun(name, value)
        if begun is not None:
            self.restored[begun.launch_id] = begun
            self.named.add(begun.launch_id)
        elif launch is not None:
            self._take_marker(launch, value, offset)
        else:
            self._take_batch(value)

    def _take_marker(self, launch: LaunchId, value: bytes, offset: int) -> None:
        try:
            marker = decode_launch_marker(value)
        except RecordError:  # another program's
            return
        if marker.launch_id == str(launch):
            self.placed[launch] = Placed(marker, offset)
            self.named.add(launch)

    def _take_batch(self, value: bytes) -> None:
        try:
            marker = decode_batch_marker(value)
        except RecordError:
            return
        self.highest_batch = max(self.highest_batch, marker.batch)
        self.named.update(launch for name in marker.written if (launch := read_launch(name)) is not None)

    @property
    def highest(self) -> int:
        """The highest number of a launch that is named; -1 if none is."""
        return max((launch.number for launch in self.named), default=-1)


class Sends:
    """Whom some launches were written for, by their jobs or by the outcomes of these.

    Args:
        wanted: Tells which launches are meant.
    """

    def __init__(self, wanted: Callable[[LaunchId], bool]) -> None:
        self._wanted = wanted
        self.found: dict[LaunchId, SmallSend] = {}

    def take_outcomes(self, value: bytes | None) -> None:
        """Take a record of `push.outcomes` in; others' are passed over."""
        try:
            said = None if value is None else decode_value(_outcomes_decoder, value)
        except RecordError:
            return
        if said is not None:
            self._take(said, [each.recipient_id for each in said.outcomes])

    def take_job(self, value: bytes | None) -> None:
        """Take a job in; others' are passed over."""
        try:
            said = None if value is None else decode_value(_job_decoder, value)
        except RecordError:
            return
        if said is not None:
            self._take(said, [each.id for each in said.recipients])

    def _take(self, said: _Sent, recipients: list[str]) -> None:
        launch, site = read_launch(said.campaign_id), read(Kind.SITE, said.site_id)
        number = said.job_id.removeprefix(f"{said.campaign_id}.")
        if launch is None or site is None or not _is_number(number) or not self._wanted(launch):
            return
        send = self.found.setdefault(launch, SmallSend(site))
        send.next_job = max(send.next_job, int(number) + 1)
        send.recipients.update(who for each in recipients if (who := read(Kind.SUBSCRIBER, each)) is not None)


class Controls:
    """What the worker was told last of each launch."""

    def __init__(self) -> None:
        self.newest: dict[LaunchId, CampaignControl] = {}

    def take(self, value: bytes | None) -> None:
        """Take a record of `push.control` in; campaigns of others are passed over."""
        try:
            control = None if value is None else decode_control(value)
        except RecordError:
            return
        launch = None if control is None else read_launch(control.campaign_id)
        if control is not None and launch is not None:
            known = self.newest.get(launch)
            if known is None or known.at <= control.at:
                self.newest[launch] = control


def erased(key: bytes | None, value: bytes | None) -> tuple[int, int] | None:
    """Return the site and the subscriber whom a tombstone of `push.expired` is about; None if it is none."""
    if key is None or value is not None:
        return None
    site, _, subscriber = key.decode(errors="replace").partition("/")
    numbers = read(Kind.SITE, site), read(Kind.SUBSCRIBER, subscriber)
    return None if numbers[0] is None or numbers[1] is None else (numbers[0], numbers[1])


def is_older(markers: Markers, last_number: int, nonces: Mapping[int, str], reached: int = 0) -> bool:
    """Whether a database is older than what Kafka has: it does not know the numbers that were given since.

    A launch that it does not have may have been deleted; but not one whose number it has not given yet. No
    number is given twice.

    Args:
        markers: What Kafka has.
        last_number: The highest number of a launch that the database has given.
        nonces: The nonces of launches that the database has, by number.
        reached: Up to this number, everything has been entered that could be.
    """
    return markers.highest > last_number or any(
        launch.number > reached and nonces.get(launch.number, launch.nonce) != launch.nonce
        for launch in markers.named
    )


def recurred(campaign: Campaign, now: datetime) -> Campaign:
    """Return a campaign of which it is learned that it has recurred, whatever its status was: it goes on.

    After its last moment it is like any other that is launched.
    """
    next_at = next_of(campaign, now)
    status = CampaignStatus.QUEUED if next_at is None else CampaignStatus.RECURRING
    return msgspec.structs.replace(campaign, status=status, next_at=next_at, updated_at=now)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _JOB_DIGITS
