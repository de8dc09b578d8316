"""How many processes, pods and partitions a rate of pushes needs, and what it costs Kafka.

Arithmetic on figures measured with two processes on one machine, and on the worker's own rules (slots, tiers,
schedule). Nothing larger has been measured.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, isfinite

from worker.ledger.ledger import CHECKPOINT_MAX
from worker.limits.limiter import SHARE
from worker.records.job import RECIPIENTS_MAX
from worker.records.recipient import EncodedKeys, Recipient, Subscription
from worker.records.topics import Tier
from worker.timing.schedule import Plan as Schedule
from worker.timing.schedule import times
from worker.timing.tiers import choose_tier

CPU_MICROSECONDS = 169.0
"""CPU time of a push in the whole worker: the median of `worker: 100 a record` in
benchmarks/results/results.json. A test holds it to that file; the sizing page's tables follow from it."""

MULTIBUFFER_CPU_MICROSECONDS = 87.0
"""The same with `PUSHMILL_AGREEMENT=multibuffer`: `CPU_MICROSECONDS` times the quotient of both in turns, for
benchmarks/results has no run of `worker: 100 a record, multibuffer` yet."""

ALONE_MICROSECONDS = 260.0
"""The same with one recipient a record: the median of `worker: 1 a record` there."""

LOOK_MICROSECONDS = 17.0
"""CPU time to move one recipient into a tier: 60,000 and 100,000 of them took 15 to 17 each in records of
100, and 45 to 55 each in records of 3, of which `RECORD_MICROSECONDS` explains 31."""

RECORD_MICROSECONDS = (ALONE_MICROSECONDS - CPU_MICROSECONDS) / (1 - 1 / 100)
"""CPU time of a record in addition to its recipients."""

OWN_TEXT_MICROSECONDS = 58.0
"""Additional CPU time of a record whose notification differs from the rest of its campaign: 357 us a push
instead of 299 with one recipient a record, medians of five turns."""

IN_FLIGHT = 512
"""Requests at once in each process: the default of `PUSHMILL_MAX_IN_FLIGHT`."""

IN_FLIGHT_MAX = CHECKPOINT_MAX // 2
"""The highest useful value: requests and what they settle share the `CHECKPOINT_MAX` of a process."""

PARTITION_BYTES = (256 << 10) / 0.1
"""Minimum bytes a second from one partition: a full fetch in each turn of the intake, however slow."""

RECIPIENT_BYTES = 420
"""Size of a recipient in a job: id, subscription and two variables, with the long endpoints of FCM."""

OUTCOME_BYTES = 145
"""Size of one recipient's outcome in a record of outcomes."""

PROCESS_MIB = 192
"""Resident memory of a process with a full buffer: 169 to 185 with 53,000 recipients due and answers after
9 s. In benchmarks/results, where it is not full, 99 to 141, and 223 with 10,000 sites."""

KEPT_SECONDS = 7 * 86_400
"""Default retention of jobs, tiers and outcomes."""

REPLICAS = 3

_SAMPLE = 500
"""Recipients followed through the tiers; more of them only change the third digit."""

_NOWHERE = Subscription("", EncodedKeys("", ""))  # due times do not depend on it


class CapacityError(ValueError):
    """A demand with a field out of range; the text begins with the field's name."""


class Bound(StrEnum):
    """A lower bound on the number of processes or partitions."""

    CPU = "CPU"
    IN_FLIGHT = "requests in flight"
    PROCESSES = "processes"
    BYTES = "bytes read"


@dataclass(frozen=True, slots=True)
class Demand:
    """The load, and the shape of the deployment that has to carry it.

    Attributes:
        rate: Pushes a second.
        latency: Seconds that push services take to answer.
        cpu: Microseconds of CPU time for one push from a record of 100.
        cores_per_pod: Cores, and so processes, of one pod.
        in_flight: Requests at once in each process (`PUSHMILL_MAX_IN_FLIGHT`).
        recipients_per_record: Recipients in a job's record.
        payload: Bytes of the notification in a job's record.
        stretch: Seconds over which a campaign is spread; 0 if everything is due on arrival.
        hashed: Whether jobs are stretched without `slice`.
        headroom: Share of the rate on top, for retries and for a pod that is down.

    Raises:
        CapacityError: A field is out of range.
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
        _check("cores_per_pod", self.cores_per_pod, minimum=1)
        _check("in_flight", self.in_flight, minimum=1)
        _check("recipients_per_record", self.recipients_per_record, minimum=1, maximum=RECIPIENTS_MAX)
        for field in ("payload", "stretch", "headroom"):
            _check(field, getattr(self, field), minimum=0)

    @property
    def peak(self) -> float:
        """Pushes a second, headroom included."""
        return self.rate * (1 + self.headroom)

    @property
    def record_bytes(self) -> float:
        """Size of a job's record in bytes."""
        return self.recipients_per_record * RECIPIENT_BYTES + self.payload


def _check(
    field: str, value: float, *, above: float | None = None, minimum: float = 0, maximum: float | None = None
) -> None:
    if not isfinite(value) or (above is not None and value <= above):
        raise CapacityError(f"{field}: should be a number above 0, not {value:g}")
    if value < minimum or (maximum is not None and value > maximum):
        allowed = f"{minimum:g} or more" if maximum is None else f"from {minimum:g} to {maximum:g}"
        raise CapacityError(f"{field}: should be {allowed}, not {value:g}")


@dataclass(frozen=True, slots=True)
class Tiers:
    """Cost of one recipient in the tiers.

    Attributes:
        records: Tier records written, each divided among its recipients.
        looks: Times that the recipient is written to a tier.
        busiest: The busiest tier's share of the bytes.
    """

    records: float
    looks: float
    busiest: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes and records a second written to Kafka, without headroom, before compression."""

    jobs: float
    outcomes: float
    tiers: float
    tier_records: float
    busiest_topic: float

    @property
    def written(self) -> float:
        """Bytes a second in all."""
        return self.jobs + self.outcomes + self.tiers

    @property
    def kept(self) -> float:
        """Bytes on all brokers' disks once this rate has lasted for the retention time."""
        return self.written * KEPT_SECONDS * REPLICAS


@dataclass(frozen=True, slots=True)
class Sizing:
    """The deployment that a demand needs.

    Attributes:
        cpu: Microseconds of CPU time for one push, tiers included.
        cores: Cores busy at the peak.
        requests: Requests in flight at the peak (Little's law).
        processes_for: Processes that each bound requires by itself.
        pods: Pods of `Demand.cores_per_pod` processes each.
        partitions_for: Partitions that each bound requires by itself.
        traffic: What is written to Kafka.
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
        """Processes in all pods."""
        return self.pods * self.demand.cores_per_pod

    @property
    def partitions(self) -> int:
        """Minimum number of partitions of each topic that is read."""
        return max(self.partitions_for.values())

    @property
    def decides(self) -> Bound:
        """The bound that decides the number of processes."""
        return max(self.processes_for, key=lambda bound: self.processes_for[bound])

    @property
    def decides_partitions(self) -> Bound:
        """The bound that decides the number of partitions."""
        return max(self.partitions_for, key=lambda bound: self.partitions_for[bound])

    @property
    def memory_mib(self) -> int:
        """Memory limit of a pod: twice what its processes use."""
        return 2 * PROCESS_MIB * self.demand.cores_per_pod


def size(demand: Demand) -> Sizing:
    """Work out the deployment that a demand needs."""
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
    return Sizing(demand, cpu, cores, requests, processes_for, pods, partitions_for, traffic)


def with_more_in_flight(demand: Demand) -> Sizing | None:
    """Return the sizing with as many requests in flight as CPU allows, or None if that saves no process."""
    first = size(demand)
    if first.decides is not Bound.IN_FLIGHT:
        return None
    wanted = ceil(ceil(first.requests / first.processes_for[Bound.CPU]) / SHARE)  # slots are whole numbers
    raised = min(max(wanted, demand.in_flight), IN_FLIGHT_MAX)
    better = size(replace(demand, in_flight=raised)) if raised > demand.in_flight else first
    return better if better.processes < first.processes else None


def usable_slots(in_flight: int) -> int:
    """Return the requests that a process makes at once if most pushes go to one push service, as they do."""
    return max(1, int(min(in_flight, IN_FLIGHT_MAX) * SHARE))


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
    """Follow a sample of a campaign through the tiers, using the worker's own schedule and choice of tier."""
    records: Counter[Tier] = Counter()
    looks: Counter[Tier] = Counter()
    groups = list(_sampled(demand))
    stands_for = demand.recipients_per_record / len(groups[0])
    for waits in groups:
        for tier, held in _journey(waits):
            records[tier] += 1
            looks[tier] += held
    if not records:
        return Tiers(0.0, 0.0, 0.0)
    sizes = {
        tier: looks[tier] * stands_for * RECIPIENT_BYTES + records[tier] * demand.payload for tier in records
    }
    recipients = len(groups) * demand.recipients_per_record
    return Tiers(
        records=records.total() / recipients,
        looks=looks.total() * stands_for / recipients,
        busiest=max(sizes.values()) / sum(sizes.values()),
    )


def _sampled(demand: Demand) -> Iterator[list[float]]:
    """Yield the seconds that the recipients of a record wait, for records throughout the campaign."""
    if not demand.hashed:
        # Recipients of one record fall due together, as far as tiers can tell: one stands for all of them.
        yield from ([demand.stretch * (number + 0.5) / _SAMPLE] for number in range(_SAMPLE))
        return
    schedule = Schedule(0.0, demand.stretch, 0, 0, 0.0, 0.0, "campaign")
    for number in range(max(1, _SAMPLE // demand.recipients_per_record)):
        ids = (f"{number}-{index}" for index in range(demand.recipients_per_record))
        yield [times(schedule, Recipient(each, _NOWHERE), 0).due for each in ids]


def _journey(waits: list[float]) -> Iterator[tuple[Tier, int]]:
    """Yield each tier record derived from one record: its tier and the number of its recipients."""
    left = [waits]
    while left:
        together: defaultdict[Tier, list[float]] = defaultdict(list)
        for wait in left.pop():
            if tier := choose_tier(wait):
                together[tier].append(wait - tier.delay)
        for tier, rest in together.items():
            yield tier, len(rest)
            left.append(rest)
