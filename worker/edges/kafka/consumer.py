"""Reading and committing as a member of the consumer group, around aiokafka's traps.

Decides what may be read and committed while partitions come and go. Knows nothing of jobs: records come out,
commits go in. Written against aiokafka 0.14; comments name the behaviour that the code relies on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from worker.config import REBALANCE_TIMEOUT, Settings
from worker.edges import clock
from worker.edges.kafka import coordination, header_names, offset_resets
from worker.edges.kafka.arrivals import Arrivals
from worker.edges.kafka.client import (
    STOP_LIMIT,
    InstanceTakenError,
    KafkaStuckError,
    PartitionsLostError,
    connection,
    mend_time_outs,
    unreachable,
    within,
)
from worker.edges.kafka.commits import read_commits
from worker.edges.kafka.coordination import NO_GENERATION
from worker.edges.kafka.evictions import Evictions
from worker.edges.kafka.leaving import leave_group
from worker.edges.kafka.transactions import NOTHING, READ_COMMITTED, Held, held, passed
from worker.logs import LogThrottle
from worker.records.envelope import Commit, Partition, Record

log = structlog.get_logger(__name__)

LOG_APPEND_TIME = 1
"""The type of a timestamp that the broker set when it appended the record; aiokafka has no name for it."""

SESSION_STATIC = 45.0
SESSION_DYNAMIC = 12.0


@dataclass(frozen=True, slots=True)
class Membership:
    """Callbacks for partitions that come and go; the group waits for the first two.

    Attributes:
        assigned: Called with the last commit of each partition that is owned from now on.
        revoked: Called with whether the partitions are already lost, so that nothing may be committed.
        reset: Called with a partition whose next offset is gone, so that it resumes at its earliest record.
        evicted: Called as soon as Kafka says that the group has moved on without this member; `revoked`
            follows once aiokafka gets to it.
    """

    assigned: Callable[[Mapping[Partition, Commit | None]], Awaitable[None]]
    revoked: Callable[[bool], Awaitable[None]]
    reset: Callable[[Partition], None]
    evicted: Callable[[], None] = lambda: None


class GroupConsumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """A member of the consumer group: reads its partitions on from their last commits."""

    _membership: Membership

    def __init__(self, settings: Settings, topics: Iterable[str], process: int) -> None:
        self._settings = settings
        self._prefix = settings.topic_prefix
        self._topics = [self._prefix + topic for topic in topics]
        self._may_commit = False
        self._lost = False
        self._has_joined = False
        self._after: dict[TopicPartition, int] = {}  # the offset after the last record that was handed out
        self._evictions = Evictions()
        self._throttle = LogThrottle()
        self._arrivals = Arrivals()
        self._failure: Exception | None = None
        self._failed = asyncio.Event()
        self._instance = instance = f"{settings.instance_id}-{process}" if settings.instance_id else None
        header_names.tolerate()
        self._consumer = AIOKafkaConsumer(
            **connection(settings),
            client_id=f"pushmill-{instance or process}",
            group_id=settings.group_id,
            group_instance_id=instance,
            auto_offset_reset="earliest",  # latest, the default, would skip what came while no worker ran
            enable_auto_commit=False,
            isolation_level=READ_COMMITTED,
            session_timeout_ms=int((SESSION_STATIC if instance else SESSION_DYNAMIC) * 1000),
            # Defaults to the session time-out: a revocation that takes longer would lose its partitions.
            rebalance_timeout_ms=int(REBALANCE_TIMEOUT * 1000),
            heartbeat_interval_ms=2000,
            fetch_max_wait_ms=100,
            fetch_max_bytes=1 << 20,
            max_partition_fetch_bytes=256 << 10,
        )

    async def start(self, membership: Membership) -> None:
        """Join the group; returns once partitions are assigned.

        Raises:
            KafkaUnreachableError: No broker answers.
        """
        self._membership = membership
        self._consumer.subscribe(self._topics, listener=self)
        client = self._consumer._client  # noqa: SLF001 - aiokafka offers no hook
        mend_time_outs(client)
        coordination.Attendance(client)
        offset_resets.listen_to(client, self._on_reset)
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise unreachable(self._settings, error) from error
        coordinator = self._consumer._coordinator  # noqa: SLF001 - aiokafka offers no hook
        coordination.refuse_outsiders_commits(coordinator)
        self._evictions.listen_to(coordinator, membership.evicted)
        log.info("joined the group", group=self._settings.group_id)

    async def watch(self) -> None:
        """Wait for a failed rebalance, which aiokafka only logs.

        Raises:
            KafkaStuckError: The process must end without flushing.
        """
        await self._failed.wait()
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """Stop, leaving the group unless membership is static; never waits for long."""
        await within(STOP_LIMIT, self._consumer.stop())

    async def leave(self) -> None:
        """Leave the group for good even if membership is static; never fails, and never waits for long.

        Only for a member that has nothing left to commit: its partitions go to others at once.
        """
        coordinator = self._consumer._coordinator  # noqa: SLF001 - not public
        if self._instance is None or coordinator is None:
            return  # without an instance id `stop` leaves; and who never asked to join is no member
        if self._lost or (self._has_joined and not coordinator.member_id):
            log.warning("not leaving the group: its place may be another process's by now")
            return
        try:
            await leave_group(coordinator)
        except Exception as error:  # noqa: BLE001 - all is committed: whatever it is, the end is a clean one
            event = "cannot leave the group; its partitions rest until the session is over"
            log.warning(event, error=type(error).__name__, seconds=SESSION_STATIC)
        else:
            log.info("left the group", group=self._settings.group_id)

    async def fetch(self, seconds: float) -> list[Record]:
        """Wait at most `seconds` for records of the partitions that are not on hold.

        During a rebalance aiokafka ignores the limit, so nothing else may wait for this.

        Raises:
            KafkaStuckError: The group refuses this member for good.
        """
        try:
            found = await self._consumer.getmany(timeout_ms=int(seconds * 1000))
        except KafkaError as error:
            self._after.clear()
            if self._evictions.fenced:
                raise self._instance_taken() from error
            raise KafkaStuckError(f"Kafka does not let this process read: {error}") from error
        self._after |= {place: records[-1].offset + 1 for place, records in found.items() if records}
        return [record for place, records in found.items() for record in self._records(place, records)]

    def hold(self, partitions: Iterable[Partition]) -> None:
        """Pause exactly these partitions, and resume all others.

        Pausing discards a partition's prefetched records: only pause one that has records on the shelf.
        """
        if not self._may_commit:
            return  # newly assigned partitions stay paused until they are restored
        wanted = {self._topic_partition(partition) for partition in partitions} & self._consumer.assignment()
        paused = self._consumer.paused()
        if wanted - paused:
            self._consumer.pause(*wanted - paused)
        if paused - wanted:
            self._consumer.resume(*paused - wanted)
            for place in paused - wanted:
                self._arrivals.freed(self._partition(place), clock.now())

    async def commit(self, commits: Mapping[Partition, Commit]) -> None:
        """Commit watermarks with their maps, as a member of the current generation; retries without end.

        Raises:
            PartitionsLostError: The group has moved on without this worker.
            KafkaStuckError: Kafka refused.
        """
        if not self._may_commit:
            raise PartitionsLostError("no partitions are assigned")
        offsets = {
            self._topic_partition(partition): OffsetAndMetadata(commit.offset, commit.metadata)
            for partition, commit in commits.items()
        }
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # A retry would be sent without a generation, and an empty group would accept it.
            self._may_commit, self._lost = False, True
            raise PartitionsLostError("Kafka refused a commit") from error
        except KafkaError as error:
            raise KafkaStuckError(f"Kafka refuses a commit: {error}") from error

    def passed(self) -> Iterator[tuple[Partition, int, int]]:
        """Yield the offsets that were read and hold no record, such as a transaction's marker.

        They are (partition, first offset, offset after the last). The first is the one after the last record
        that `fetch` returned.
        """
        if self._may_commit:
            for place, first, stop in passed(self._consumer, self._after):
                yield self._partition(place), first, stop

    def end(self, partition: Partition) -> int | None:
        """Return the offset after a partition's last record as of the last fetch, or None if unknown."""
        end: int | None = self._consumer.highwater(self._topic_partition(partition))
        return end

    def held(self) -> dict[Partition, Held]:
        """Return, for each partition, what waits behind an open transaction.

        Nothing while it is paused: Kafka is not asked then, and a transaction seen before may have ended.
        """
        paused = self._consumer.paused()
        return {
            self._partition(place): NOTHING if place in paused else held(self._consumer, place)
            for place in self._consumer.assignment()
        }

    def _on_reset(self, partition: TopicPartition) -> None:
        self._membership.reset(self._partition(partition))

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Handle aiokafka's call before it rejoins; every rebalance revokes everything."""
        # Without a generation the group has evicted this member, and its commit would count as an outsider's.
        lost = not self._may_commit or self._consumer._coordinator.generation == NO_GENERATION  # noqa: SLF001 - not public
        self._may_commit = not lost
        self._lost = self._lost or (lost and bool(revoked))  # the first join revokes nothing
        try:
            async with self._reporting_failure():
                self._check_evictions()
                if revoked:
                    await self._membership.revoked(lost)
        finally:
            self._may_commit = False

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Handle aiokafka's call after a rebalance, before anything has been fetched."""
        async with self._reporting_failure():
            self._consumer.pause(*assigned)  # no await before this: nothing may be read until it is restored
            self._arrivals.keep({self._partition(place) for place in assigned})
            commits = await read_commits(self._settings, self._settings.group_id, assigned, self._throttle)
            for partition, commit in commits.items():
                if commit is not None:  # aiokafka's own lookup takes an error for no commit
                    self._consumer.seek(partition, commit.offset)
            self._after = {partition: commit.offset if commit else 0 for partition, commit in commits.items()}
            self._may_commit, self._lost, self._has_joined = True, False, True
            await self._membership.assigned(
                {self._partition(partition): commit for partition, commit in commits.items()}
            )

    @asynccontextmanager
    async def _reporting_failure(self) -> AsyncIterator[None]:
        """Pass a failure to `watch`: aiokafka would only log it, and own partitions that nobody works on.

        Never returns after one: aiokafka would rejoin at once, and evict whichever process has the id by now.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the process ends with it
            stuck = isinstance(error, KafkaStuckError)
            self._failure = error if stuck else KafkaStuckError(f"a rebalance failed: {error!r}")
            self._failed.set()
            await asyncio.Event().wait()

    def _check_evictions(self) -> None:
        if self._evictions.are_too_many(clock.monotonic()) and self._instance:
            raise self._instance_taken()

    def _instance_taken(self) -> InstanceTakenError:
        return InstanceTakenError(
            f"instance id {self._instance} has been taken over by another process, repeatedly or for good: "
            f"PUSHMILL_INSTANCE_ID must be unique for each pod"
        )

    def _records(self, place: TopicPartition, found: list[Any]) -> list[Record]:
        if not found:
            return []
        owned = place in self._consumer.assignment()  # a rebalance may just have begun
        end = self._consumer.highwater(place) if owned else None
        left = 0 if end is None else end - 1 - found[-1].offset
        came_at = self._arrivals.fetched(self._partition(place), left, clock.now())
        return [self._record(each, came_at) for each in found]

    def _record(self, record: Any, came_at: float) -> Record:
        appended = record.timestamp_type == LOG_APPEND_TIME
        return Record(
            partition=Partition(record.topic.removeprefix(self._prefix), record.partition),
            offset=record.offset,
            timestamp=-1.0 if record.timestamp is None else record.timestamp / 1000,  # before Kafka 0.10
            key=record.key,
            value=record.value,
            headers=tuple(record.headers),
            came_at=record.timestamp / 1000 if appended else came_at,
        )

    def _topic_partition(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._prefix + partition.topic, partition.number)

    def _partition(self, found: TopicPartition) -> Partition:
        return Partition(found.topic.removeprefix(self._prefix), found.partition)
