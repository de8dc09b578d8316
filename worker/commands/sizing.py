"""How many processes, pods and partitions a rate of pushes needs, and what it costs Kafka.

Arithmetic on measured figures, and on the rules that the worker itself goes by (slots, tiers, schedule): what
two processes did on one machine, multiplied. Nothing larger has been measured.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, isfinite

from worker.ledger.ledger import CHECKPOINT_MAX
from worker.limits.limiter import SHARE
from worker.records.job import RECIPIENTS_MAX, EncodedKeys, Recipient, Subscription
from worker.records.topics import Tier
from worker.timing.schedule import Plan as Schedule
from worker.timing.schedule import times
from worker.timing.tiers import choose_tier

CPU_MICROSECONDS = 169.0
"""CPU time of a push, all of the worker included: the median of `worker: 100 a record` in
benchmarks/results/results.json. A test holds it to that file; the runbook's tables follow from it."""

ALONE_MICROSECONDS = 260.0
"""The same where each record has one recipient: the median of `worker: 1 a record` there."""

LOOK_MICROSECONDS = 17.0
"""CPU time of one recipient's way into a tier: 60,000 and 100,000 of them took 15 to 17 each in records of
100, and 45 to 55 each in records of 3, of which `RECORD_MICROSECONDS` explains 31."""

RECORD_MICROSECONDS = (ALONE_MICROSECONDS - CPU_MICROSECONDS) / (1 - 1 / 100)
"""CPU time that a record costs besides its recipients."""

OWN_TEXT_MICROSECONDS = 58.0
"""CPU time that a record costs besides if its notification is its own, rather than its campaign's: 357 us a
push instead of 299 where each record has one recipient, medians of five turns."""

IN_FLIGHT = 512
"""Requests at once, each process: the default of `PUSHMILL_MAX_IN_FLIGHT`."""

IN_FLIGHT_MOST = CHECKPOINT_MAX // 2
"""As far as it is worth raising: requests and what they settle share the `CHECKPOINT_MAX` of a process."""

PARTITION_BYTES = (256 << 10) / 0.1
"""Bytes a second that one partition gives at least: a full fetch in each turn of the intake, however slow."""

RECIPIENT_BYTES = 420
"""Of a job's record: id, subscription and two variables of a recipient, with the long endpoints of FCM."""

OUTCOME_BYTES = 145
"""Of a record of outcomes: one recipient's."""

PROCESS_MIB = 192
"""Resident memory of a process whose buffer is full: 169 to 185 with 53,000 recipients due and answers after
9 s. In benchmarks/results, where it is not full, 99 to 141, and 223 with 10,000 sites."""

KEPT_SECONDS = 7 * 86_400
"""For which jobs, tiers and outcomes are kept, unless somebody shortens it."""

REPLICAS = 3

_SAMPLE = 500
"""Recipients whose way through the tiers is followed; more of them change the third digit."""

_NOWHERE = Subscription("", EncodedKeys("", ""))  # due times do not depend on it


class CapacityError(ValueError):
    """A demand that makes no sense; the text begins with the field's name."""


class Bound(StrEnum):
    """What the number of processes or of partitions is decided by."""

    CPU = "CPU"
    IN_FLIGHT = "requests in flight"
    PROCESSES = "processes"
    BYTES = "bytes read"


@dataclass(frozen=True, slots=True)
class Demand:
    """What is wanted, and on what.

    Attributes:
        rate: Pushes a second.
        latency: Seconds that push services take to answer.
        cpu: Microseconds of CPU time for one push out of a record of 100.
        cores_per_pod: Cores, and so processes, of one pod.
        in_flight: Requests at once, each process (`PUSHMILL_MAX_IN_FLIGHT`).
        recipients_per_record: Of a job's record.
        payload: Bytes of the notification in a job's record.
        stretch: Seconds over which a campaign is spread; 0 where everything is due when it comes.
        hashed: Whether jobs are stretched without `slice`.
        headroom: Share on top, for retries and for the pod that is away.

    Raises:
        CapacityError: A field is out of its bounds.
    """

    rate: float
    latency: float
    cpu: float = CPU_MICROSECONDS
    cores_per_pod: int = 1
    in_flight: int = IN_FLIGHT
    recipients_per_record: int = 100
    payload: int = 300
    stretch: float = 0.0
    hashed: bool = False
    headroom: float = 0.33

    def __post_init__(self) -> None:
        for field in ("rate", "latency", "cpu"):
            _check(field, getattr(self, field), above=0)
        _check("cores_per_pod", self.cores_per_pod, least=1)
        _check("in_flight", self.in_flight, least=1)
        _check("recipients_per_record", self.recipients_per_record, least=1, most=RECIPIENTS_MAX)
        for field in ("payload", "stretch", "headroom"):
            _check(field, getattr(self, field), least=0)

    @property
    def peak(self) -> float:
        """Pushes a second with the headroom on top."""
        return self.rate * (1 + self.headroom)

    @property
    def record_bytes(self) -> float:
        """Size of a job's record."""
        return self.recipients_per_record * RECIPIENT_BYTES + self.payload


def _check(
    field: str, value: float, *, above: float | None = None, least: float = 0, most: float | None = None
) -> None:
    if not isfinite(value) or (above is not None and value <= above):
        raise CapacityError(f"{field}: should be a number above 0, not {value:g}")
    if value < least or (most is not None and value > most):
        allowed = f"{least:g} or more" if most is None else f"from {least:g} to {most:g}"
        raise CapacityError(f"{field}: should be {allowed}, not {value:g}")


@dataclass(frozen=True, slots=True)
class Tiers:
    """What one recipient costs in the tiers.

    Attributes:
        records: Tier records, of which a recipient has its share.
        looks: Tier records that hold this recipient.
        busiest: Share of the bytes that the busiest tier has.
    """

    records: float
    looks: float
    busiest: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What Kafka is given, at the rate without headroom, before compression; bytes and records a second."""

    jobs: float
    outcomes: float
    tiers: float
    tier_records: float
    busiest_topic: float

    @property
    def written(self) -> float:
        """All of it together."""
        return self.jobs + self.outcomes + self.tiers

    @property
    def kept(self) -> float:
        """Bytes on all brokers' disks, if it goes on like that for as long as records are kept."""
        return self.written * KEPT_SECONDS * REPLICAS


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes.

    Attributes:
        cpu: Microseconds of CPU time for one push, tiers included.
        cores: Busy at the peak.
        requests: In flight at the peak (Little's law).
        processes_for: What each bound asks for by itself.
        pods: Of `Demand.cores_per_pod` processes each.
        partitions_for: What each bound asks for by itself.
        traffic: What Kafka is given.
    """

    demand: Demand
    cpu: float
    cores: float
    requests: float
    processes_for: dict[Bound, int]
    pods: int
    partitions_for: dict[Bound, int]
    traffic: Traffic

    @property
    def processes(self) -> int:
        """In all pods together."""
        return self.pods * self.demand.cores_per_pod

    @property
    def partitions(self) -> int:
        """Of each topic that is read, at least."""
        return max(self.partitions_for.values())

    @property
    def decides(self) -> Bound:
        """What the number of processes follows from."""
        return max(self.processes_for, key=lambda bound: self.processes_for[bound])

    @property
    def decides_partitions(self) -> Bound:
        """What the number of partitions follows from."""
        return max(self.partitions_for, key=lambda bound: self.partitions_for[bound])

    @property
    def memory_mib(self) -> int:
        """Of a pod, for its limit: twice what its processes hold."""
        return 2 * PROCESS_MIB * self.demand.cores_per_pod


def plan(demand: Demand) -> Plan:
    """Find what a demand takes."""
    tiers = tiers_of(demand)
    cpu = _cpu(demand, tiers)
    cores, requests = demand.peak * cpu / 1e6, demand.peak * demand.latency
    processes_for = {
        Bound.CPU: ceil(cores),
        Bound.IN_FLIGHT: ceil(requests / usable_slots(demand.in_flight)),
    }
    pods = ceil(max(processes_for.values()) / demand.cores_per_pod)
    traffic = _traffic(demand, tiers)
    partitions_for = {
        Bound.PROCESSES: pods * demand.cores_per_pod,
        Bound.BYTES: ceil(traffic.busiest_topic * (1 + demand.headroom) / PARTITION_BYTES),
    }
    return Plan(demand, cpu, cores, requests, processes_for, pods, partitions_for, traffic)


def with_more_in_flight(demand: Demand) -> Plan | None:
    """The plan with as many requests in flight as CPU can use, or None where that changes nothing."""
    first = plan(demand)
    if first.decides is not Bound.IN_FLIGHT:
        return None
    wanted = ceil(ceil(first.requests / first.processes_for[Bound.CPU]) / SHARE)  # slots are whole ones
    raised = min(max(wanted, demand.in_flight), IN_FLIGHT_MOST)
    better = plan(replace(demand, in_flight=raised)) if raised > demand.in_flight else first
    return better if better.processes < first.processes else None


def usable_slots(in_flight: int) -> int:
    """Requests that a process makes at once where most pushes go to one push service, as they do."""
    return max(1, int(min(in_flight, IN_FLIGHT_MOST) * SHARE))


def _cpu(demand: Demand, tiers: Tiers) -> float:
    records = 1 / demand.recipients_per_record - 1 / 100 + tiers.records
    return max(0.0, demand.cpu + records * RECORD_MICROSECONDS + tiers.looks * LOOK_MICROSECONDS)


def _traffic(demand: Demand, tiers: Tiers) -> Traffic:
    jobs = demand.rate / demand.recipients_per_record * demand.record_bytes
    later = demand.rate * (tiers.looks * RECIPIENT_BYTES + tiers.records * demand.payload)
    return Traffic(
        jobs=jobs,
        outcomes=demand.rate * OUTCOME_BYTES,
        tiers=later,
        tier_records=demand.rate * tiers.records,
        busiest_topic=max(jobs, later * tiers.busiest),
    )


def tiers_of(demand: Demand) -> Tiers:
    """Follow a sample of a campaign through the tiers, by the worker's own schedule and choice."""
    records: Counter[Tier] = Counter()
    looks: Counter[Tier] = Counter()
    groups = list(_sampled(demand))
    stands_for = demand.recipients_per_record / len(groups[0])
    for waits in groups:
        for tier, held in _way(waits):
            records[tier] += 1
            looks[tier] += held
    if not records:
        return Tiers(0.0, 0.0, 0.0)
    size = {
        tier: looks[tier] * stands_for * RECIPIENT_BYTES + records[tier] * demand.payload for tier in records
    }
    people = len(groups) * demand.recipients_per_record
    return Tiers(
        records=records.total() / people,
        looks=looks.total() * stands_for / people,
        busiest=max(size.values()) / sum(size.values()),
    )


def _sampled(demand: Demand) -> Iterator[list[float]]:
    """Seconds for which the recipients of a record wait, for records all over the campaign."""
    if not demand.hashed:
        # Neighbours fall due together, as far as tiers can tell: one stands for its whole record.
        yield from ([demand.stretch * (number + 0.5) / _SAMPLE] for number in range(_SAMPLE))
        return
    schedule = Schedule(0.0, demand.stretch, None, 0, 0.0, 0.0, "campaign")
    for number in range(max(1, _SAMPLE // demand.recipients_per_record)):
        people = (Recipient(f"{number}-{index}", _NOWHERE) for index in range(demand.recipients_per_record))
        yield [times(schedule, each, 0).due for each in people]


def _way(waits: list[float]) -> Iterator[tuple[Tier, int]]:
    """Each tier record that comes of one record, as its tier and how many recipients it holds."""
    left = [waits]
    while left:
        together: defaultdict[Tier, list[float]] = defaultdict(list)
        for wait in left.pop():
            if tier := choose_tier(wait):
                together[tier].append(wait - tier.delay)
        for tier, rest in together.items():
            yield tier, len(rest)
            left.append(rest)
