"""From records of `push.outcomes` to what they may change: who of which job has an outcome, and which.

Decides what counts; knows neither what has been counted before nor how that is kept.

A recipient may have several outcomes, after a crash: the first counts. It is told by its number in the job
(ARCHITECTURE.md: OutcomeBatch), of which a job has a bitmap. An outcome without a number, which only workers
older than the campaign service write, is told by its recipient's id instead. One that comes with a number
first, and again without one, would count twice: it takes an old worker and a new one that die over the same
record.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from campaigns.model.ids import Kind, LaunchId, read, read_launch
from campaigns.model.statistics import Counted
from worker.records.outcome import Status
from worker.records.values import RecordError, decode_value

JOB_BITS = 1_024
"""No job has more recipients, and its numbers run without a gap: modulo this, no two are the same."""

_STATUSES = frozenset(status.value for status in Status)
_INVALID, _BAD_KEYS = Status.INVALID.value, "bad_keys"
_JOB_END = 2**31
_JOB_DIGITS = 10


class JobKey(NamedTuple):
    """A job of a launch; `site` is the number of the site that the record names."""

    launch: LaunchId
    site: int
    number: int


class Result(NamedTuple):
    """How a recipient ended: its status, and whether anything was sent before."""

    status: str
    attempted: bool


class JobOutcomes(Struct, frozen=True):
    """What records say of a job.

    Attributes:
        bits: By result, the numbers of those who ended so: bit n is number n modulo 1,024. No bit is in two.
        unnumbered: Results by recipient, of those without a number.
        bad_keys: Subscribers whose keys are unusable.
    """

    bits: Mapping[Result, int]
    unnumbered: Mapping[str, Result] = {}
    bad_keys: frozenset[int] = frozenset()


class Outcomes(Struct, frozen=True):
    """What records say.

    Attributes:
        jobs: By job.
        passed_over: Records that are not of this service or cannot be read, and outcomes of unknown statuses.
    """

    jobs: Mapping[JobKey, JobOutcomes]
    passed_over: int


class _Outcome(Struct, frozen=True, gc=False):
    recipient_id: str
    status: str
    attempts: int
    detail: str | None = None
    number: Annotated[int, Meta(ge=0)] | None = None


class _Record(Struct, frozen=True, gc=False):
    """As `OutcomeBatch`, of which only this is counted: the rest need not be decoded."""

    job_id: str
    campaign_id: str
    site_id: str
    outcomes: list[_Outcome]


_decoder = msgspec.json.Decoder(_Record)


class _Job:
    """What has been read of a job so far."""

    def __init__(self) -> None:
        self.bits: dict[Result, int] = {}
        self.seen = 0
        self.unnumbered: dict[str, Result] = {}
        self.bad_keys: set[int] = set()

    def read(self, outcomes: Iterable[_Outcome]) -> int:
        """Take outcomes in, and return how many were passed over."""
        passed_over = 0
        for outcome in outcomes:
            status = outcome.status
            if status not in _STATUSES:
                passed_over += 1
                continue
            result = Result(status, outcome.attempts > 0)
            if status == _INVALID and outcome.detail == _BAD_KEYS:
                self._note_bad_keys(outcome.recipient_id)
            if outcome.number is None:
                self.unnumbered.setdefault(outcome.recipient_id, result)
                continue
            bit = 1 << outcome.number % JOB_BITS
            if not self.seen & bit:
                self.seen |= bit
                self.bits[result] = self.bits.get(result, 0) | bit
        return passed_over

    def _note_bad_keys(self, recipient_id: str) -> None:
        subscriber = read(Kind.SUBSCRIBER, recipient_id)
        if subscriber is not None:
            self.bad_keys.add(subscriber)


def read_outcomes(values: Iterable[bytes | None]) -> Outcomes:
    """Read the values of records, in their order."""
    jobs: dict[JobKey, _Job] = {}
    passed_over = 0
    for value in values:
        record = _decode(value)
        key = None if record is None else _key(record)
        if record is None or key is None:
            passed_over += 1
        else:
            passed_over += jobs.setdefault(key, _Job()).read(record.outcomes)
    read_jobs = {
        key: JobOutcomes(job.bits, job.unnumbered, frozenset(job.bad_keys)) for key, job in jobs.items()
    }
    return Outcomes(read_jobs, passed_over)


def _decode(value: bytes | None) -> _Record | None:
    try:
        return None if value is None else decode_value(_decoder, value)
    except RecordError:
        return None


def _key(record: _Record) -> JobKey | None:
    """Return whose record it is; None if it is not of a launch of this service."""
    launch, site = read_launch(record.campaign_id), read(Kind.SITE, record.site_id)
    name, _, digits = record.job_id.rpartition(".")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _JOB_DIGITS
    if launch is None or site is None or name != record.campaign_id or not is_number:
        return None
    return JobKey(launch, site, int(digits)) if int(digits) < _JOB_END else None


# ── counting ────────────────────────────────────────────────────────────────────────────────────────────────


class NewOutcomes(NamedTuple):
    """What a job's outcomes add to what is known: its bits from now on, and how many ended how."""

    bits: int
    counts: Counter[Result]


def new_outcomes(job: JobOutcomes, known: int) -> NewOutcomes:
    """Count those of a job's outcomes that have a number and are not known yet.

    Args:
        job: What records say of it.
        known: The bits of those who have an outcome already.
    """
    counts = Counter[Result]()
    after = known
    for result, bits in job.bits.items():
        added = bits & ~known
        if added:
            counts[result] = added.bit_count()
            after |= added
    return NewOutcomes(after, counts)


def changes(counts: Mapping[int, Counter[Result]]) -> Iterator[Counted]:
    """Yield what is to be added to the counts of launches, in one order for everybody."""
    for launch, results in sorted(counts.items()):
        for status in sorted({result.status for result in results}):
            attempted = results[Result(status, attempted=True)]
            recipients = attempted + results[Result(status, attempted=False)]
            yield Counted(launch, status, recipients, attempted)


def to_bytes(bits: int) -> bytes:
    """Return a bitmap as it is kept, as short as it can be: bit n is bit n % 8 of byte n // 8."""
    return bits.to_bytes(-(-bits.bit_length() // 8), "little")


def from_bytes(kept: bytes) -> int:
    """Return a bitmap that `to_bytes` has written."""
    return int.from_bytes(kept, "little")
