"""Joining and leaving the group, with a consumer that behaves as aiokafka has been seen to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchError
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    NoError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    RecordTooLargeError,
    UnknownMemberIdError,
)
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition
from structlog.testing import capture_logs

from worker.edges.kafka import commits
from worker.edges.kafka import consumer as kafka
from worker.edges.kafka.client import InstanceTakenError, KafkaStuckError, PartitionsLostError
from worker.edges.kafka.consumer import GroupConsumer, Membership
from worker.edges.kafka.evictions import FENCED_INSTANCE_ID, MOST, PERIOD, Evictions
from worker.edges.kafka.transactions import NOTHING, Held
from worker.records.envelope import Commit, Partition

PLACE = Partition("jobs", 0)
A_COMMIT = OffsetCommitRequest("group", 1, "member", -1, [])
COMMITS = {PLACE: Commit(7, "map")}
INPUT = TopicPartition("push.jobs", 0)
PLACES = {INPUT}


class Coordinator:
    """Stands in for aiokafka's: its generation, and the one method that sends requests."""

    def __init__(self) -> None:
        self.generation = 1
        self.member_id = "pod-0-1"
        self.code = NoError.errno

    async def _send_req(self, _request: Any) -> Any:
        return SimpleNamespace(error_code=self.code)


class Client:
    """Stands in for AIOKafkaClient: answers a fetch with two partitions, the first with an error code."""

    code = NoError.errno

    async def ready(self, _node: int, *, group: int = 0) -> bool:
        return False

    async def send(self, _node: int, _request: Any, *, group: int = 0) -> Any:
        return SimpleNamespace(topics=[("push.jobs", [(0, self.code, 7, b""), (1, NoError.errno, 7, b"")])])


class Consumer:
    """Stands in for AIOKafkaConsumer, as far as `GroupConsumer` uses it."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self._coordinator = Coordinator()
        self._client = Client()
        self.committed: list[Any] = []
        self.commit_error: Exception | None = None
        self.joins = 0
        self.read_error: Exception | None = None
        self.held: set[TopicPartition] = set()
        self.records: dict[TopicPartition, list[Any]] = {}
        self.ends: tuple[int | None, int | None] = (None, None)
        self._fetcher = SimpleNamespace(_records={})
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=Assignment(PLACES)))
        self.sought: list[tuple[TopicPartition, int]] = []

    def subscribe(self, _topics: list[str], listener: Any) -> None:
        self.listener = listener

    async def start(self) -> None: ...

    def assignment(self) -> set[TopicPartition]:
        return PLACES

    def pause(self, *places: TopicPartition) -> None:
        self.held |= set(places)

    def resume(self, *places: TopicPartition) -> None:
        self.held -= set(places)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.sought.append((place, offset))
        self.read_to(offset)

    def read_to(self, offset: int) -> None:
        """Read on to an offset, whether or not there are records before it."""
        self._subscription.subscription.assignment.state_value(INPUT).seek(offset)

    def highwater(self, _place: TopicPartition) -> int | None:
        return self.ends[0]

    def last_stable_offset(self, _place: TopicPartition) -> int | None:
        return self.ends[1]

    def paused(self) -> set[TopicPartition]:
        return set(self.held)

    async def getmany(self, timeout_ms: int) -> dict[Any, Any]:
        if self.read_error:
            raise self.read_error
        found, self.records = self.records, {}
        return found

    async def commit(self, offsets: Any) -> None:
        if self.commit_error:
            raise self.commit_error
        self.committed.append(offsets)

    async def heartbeat(self, code: int = NoError.errno) -> None:
        """Send one as a member; an error makes aiokafka forget its generation and member id."""
        self._coordinator.code = code
        await self._coordinator._send_req(object())
        if code != NoError.errno:
            self._coordinator.generation, self._coordinator.member_id = -1, ""

    async def rejoin(self) -> None:
        """Revoke, join, assign; aiokafka only logs what a listener raises."""
        with contextlib.suppress(Exception):
            await self.listener.on_partitions_revoked(PLACES)
        self._coordinator.generation, self._coordinator.member_id = 2, "pod-0-2"
        self.joins += 1
        with contextlib.suppress(Exception):
            await self.listener.on_partitions_assigned(PLACES)

    @contextlib.asynccontextmanager
    async def rejoin_without_end(self) -> AsyncIterator[None]:
        """Start a rejoin that a listener must block: aiokafka would own partitions that nobody works on."""
        rejoining = asyncio.create_task(self.rejoin())
        yield
        for _ in range(5):
            await asyncio.sleep(0)
        assert not rejoining.done()
        rejoining.cancel()
        await asyncio.wait([rejoining])


class Member:
    """A GroupConsumer in a group, and the calls it has made."""

    def __init__(self, settings: Any) -> None:
        self.calls: list[Any] = []
        self.on_revoked: Callable[[], Awaitable[None]] | None = None
        self.group = GroupConsumer(settings, ["jobs"], 0)
        self.consumer: Any = self.group._consumer

    async def join(self) -> None:
        await self.group.start(Membership(self.assigned, self.revoked, self.reset, self.evicted))
        await self.group.on_partitions_assigned(PLACES)

    async def assigned(self, commits: Any) -> None:
        self.calls.append(("assigned", set(commits)))

    def evicted(self) -> None:
        self.calls.append("evicted")

    def reset(self, place: Partition) -> None:
        self.calls.append(("reset", place))

    async def revoked(self, lost: bool) -> None:
        self.calls.append(("revoked", "lost" if lost else "held"))
        if self.on_revoked:
            await self.on_revoked()


@pytest.fixture
async def member(settings, monkeypatch):
    async def list_offsets(*_: Any) -> dict[Any, Any]:
        return {}

    monkeypatch.setattr(kafka, "AIOKafkaConsumer", Consumer)
    monkeypatch.setattr(commits, "_list_offsets", list_offsets)
    made = Member(settings)
    await made.join()
    return made


async def test_a_commit_goes_out_while_partitions_are_held(member):
    await member.group.commit(COMMITS)
    [[(place, commit)]] = [list(each.items()) for each in member.consumer.committed]
    assert (place, commit.offset, commit.metadata) == (TopicPartition("push.jobs", 0), 7, "map")


async def test_nothing_is_read_before_it_is_restored(member, monkeypatch):
    asked, answered = asyncio.Event(), asyncio.Event()

    async def list_offsets(*_: Any) -> dict[Any, Any]:
        asked.set()
        await answered.wait()
        return {}

    monkeypatch.setattr(commits, "_list_offsets", list_offsets)
    await member.group.on_partitions_revoked(set())  # it had none, so nothing is called
    assigned = asyncio.create_task(member.group.on_partitions_assigned(PLACES))
    await asked.wait()
    member.group.hold(())
    assert member.consumer.paused() == PLACES
    answered.set()
    await assigned
    member.group.hold(())
    assert not member.consumer.paused()


async def test_a_partition_is_read_on_from_its_commit_or_from_where_aiokafka_begins(member, monkeypatch):
    first, second = TopicPartition("push.jobs", 0), TopicPartition("push.jobs", 1)

    async def list_offsets(*_: Any) -> dict[Any, Any]:
        return {first: OffsetAndMetadata(7, "map"), second: OffsetAndMetadata(-1, "")}

    monkeypatch.setattr(commits, "_list_offsets", list_offsets)
    await member.group.on_partitions_assigned({first, second})
    assert member.consumer.sought == [(first, 7)]


# ── transactions ────────────────────────────────────────────────────────────────────────────────────────


def found(*offsets: int) -> dict[TopicPartition, list[Any]]:
    """Return records as aiokafka's `getmany` does."""
    return {
        INPUT: [ConsumerRecord("push.jobs", 0, each, 0, 0, None, b"{}", None, -1, 2, ()) for each in offsets]
    }


def passed(member: Member) -> list[Any]:
    return list(member.group.passed())


async def test_nothing_of_a_transaction_is_read_before_it_is_committed(member):
    assert member.consumer.options["isolation_level"] == "read_committed"


async def test_what_was_read_and_handed_nothing_out_is_passed(member):
    assert passed(member) == []  # no position is known yet
    member.consumer.read_to(3)
    assert passed(member) == [(PLACE, 0, 3)]
    member.consumer.records = found(3, 5)
    await member.group.fetch(0.1)
    member.consumer.read_to(6)
    assert passed(member) == []
    member.consumer.read_to(7)
    assert passed(member) == [(PLACE, 6, 7)]


async def test_from_its_commit_on_a_partition_is_read_anew(member, monkeypatch):
    member.consumer.records = found(3, 5)
    await member.group.fetch(0.1)
    member.consumer.read_to(9)

    async def list_offsets(*_: Any) -> dict[Any, Any]:
        return {INPUT: OffsetAndMetadata(4, "")}

    monkeypatch.setattr(commits, "_list_offsets", list_offsets)
    await member.consumer.rejoin()
    assert passed(member) == []
    member.consumer.read_to(6)
    assert passed(member) == [(PLACE, 4, 6)]


async def test_nothing_is_passed_in_partitions_that_are_not_owned(member):
    member.consumer.read_to(3)
    await member.group.on_partitions_revoked(PLACES)
    assert passed(member) == []


async def test_a_record_that_aiokafka_steps_over_with_an_error_is_not_passed(member):
    member.consumer.read_to(1)
    member.consumer._fetcher._records[INPUT] = FetchError(error=RecordTooLargeError(), backoff=0)
    assert passed(member) == []
    del member.consumer._fetcher._records[INPUT]
    member.consumer.read_error = RecordTooLargeError()
    with pytest.raises(KafkaStuckError):
        await member.group.fetch(0.1)
    assert passed(member) == []


@pytest.mark.parametrize(
    ("end", "stable", "held"),
    [
        *((None, None, NOTHING), (9, None, NOTHING), (9, -1, NOTHING), (9, 9, NOTHING), (8, 9, NOTHING)),
        (9, 4, Held(5, 4)),
    ],
)
async def test_what_is_held_lies_between_the_last_stable_offset_and_the_end(member, end, stable, held):
    member.group.hold(())
    member.consumer.ends = end, stable
    assert member.group.held() == {PLACE: held}


async def test_of_a_paused_partition_nothing_is_known_to_be_held(member):
    member.consumer.ends = 9, 4
    member.group.hold([PLACE])
    assert member.group.held() == {PLACE: NOTHING}
    member.group.hold(())
    assert member.group.held() == {PLACE: Held(5, 4)}


async def test_a_partition_that_is_read_from_its_beginning_is_reported(member):
    client = member.consumer._client
    fetch, other = object.__new__(FetchRequest), object.__new__(MetadataRequest)
    await client.send(1, fetch, group=1)
    client.code = OffsetOutOfRangeError.errno
    await client.send(1, other)
    assert ("reset", PLACE) not in member.calls
    answer = await client.send(1, fetch)
    assert [call for call in member.calls if call[0] == "reset"] == [("reset", PLACE)]
    assert answer.topics[0][0] == "push.jobs"


async def test_while_partitions_are_revoked_they_may_still_be_committed_and_not_after(member):
    async def settle() -> None:
        await member.group.commit(COMMITS)

    member.on_revoked = settle
    await member.group.on_partitions_revoked(PLACES)
    assert member.calls[-1] == ("revoked", "held")
    assert len(member.consumer.committed) == 1
    with pytest.raises(PartitionsLostError):
        await member.group.commit(COMMITS)
    assert len(member.consumer.committed) == 1


async def test_a_revocation_without_a_generation_commits_nothing(member):
    async def settle() -> None:
        with pytest.raises(PartitionsLostError):
            await member.group.commit(COMMITS)

    member.on_revoked = settle
    await member.consumer.heartbeat(UnknownMemberIdError.errno)
    await member.group.on_partitions_revoked(PLACES)
    assert member.calls[-1] == ("revoked", "lost")
    assert not member.consumer.committed


@pytest.mark.parametrize("cause", [IllegalGenerationError, UnknownMemberIdError])
async def test_after_a_refused_commit_nothing_is_committed_before_the_next_assignment(member, cause):
    member.consumer.commit_error = CommitFailedError()
    member.consumer.commit_error.__cause__ = cause()
    with pytest.raises(PartitionsLostError):
        await member.group.commit(COMMITS)
    member.consumer.commit_error = None  # aiokafka would send the next one without a generation
    with pytest.raises(PartitionsLostError):
        await member.group.commit(COMMITS)
    assert not member.consumer.committed
    await member.consumer.rejoin()
    assert member.calls[1:] == [("revoked", "lost"), ("assigned", {PLACE})]
    await member.group.commit(COMMITS)
    assert len(member.consumer.committed) == 1


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_that_comes_together_with_kafkas_answer_is_not_lost(member, turns):
    answer = asyncio.get_running_loop().create_future()

    async def commit(_offsets: Any) -> None:
        await answer

    member.consumer.commit = commit
    committing = asyncio.create_task(member.group.commit(COMMITS))
    await asyncio.sleep(0)
    answer.set_exception(CommitFailedError())
    for _ in range(turns):
        await asyncio.sleep(0)
    committing.cancel()
    with pytest.raises((asyncio.CancelledError, PartitionsLostError)) as caught:
        await committing
    assert caught.type is asyncio.CancelledError or not committing.cancelling()


async def test_a_commit_that_is_refused_for_good_means_the_same(member):
    member.consumer.commit_error = KafkaError("authorization")
    with pytest.raises(KafkaStuckError, match="refuses a commit"):
        await member.group.commit(COMMITS)


async def test_a_group_that_cannot_be_followed_ends_the_reading(member):
    member.consumer.read_error = KafkaError("Unexpected error during coordination")
    with pytest.raises(KafkaStuckError, match="does not let this process read"):
        await member.group.fetch(0.1)


def stored(offset: int, timestamp: int | None, kind: int | None) -> Any:
    """A record as aiokafka gives it."""
    return SimpleNamespace(
        topic="push.jobs",
        partition=0,
        offset=offset,
        timestamp=timestamp,
        timestamp_type=kind,
        key=None,
        value=b"{}",
        headers=(),
    )


async def fetched(
    member: Member, monkeypatch: pytest.MonkeyPatch, now: float, *records: Any, left: int = 1000
) -> Any:
    """Fetch records, with `left` records behind the last one."""

    async def getmany(timeout_ms: int) -> dict[Any, Any]:
        return {TopicPartition("push.jobs", 0): list(records)}

    monkeypatch.setattr(kafka.clock, "now", lambda: now)
    monkeypatch.setattr(member.consumer, "getmany", getmany)
    monkeypatch.setattr(member.consumer, "highwater", lambda _: records[-1].offset + 1 + left, raising=False)
    return await member.group.fetch(0.1)


CREATE_TIME, LOG_APPEND_TIME = 0, 1


async def test_a_record_that_the_broker_stamped_came_then_and_any_other_when_it_was_fetched(
    member, monkeypatch
):
    first = [stored(0, 5_000, CREATE_TIME), stored(1, 6_000, LOG_APPEND_TIME), stored(2, None, None)]
    found = await fetched(member, monkeypatch, 100.0, *first)
    assert [(each.timestamp, each.came_at) for each in found] == [(5.0, 100.0), (6.0, 6.0), (-1.0, 100.0)]
    # 1,000 records were left in Kafka, so these may have been there.
    more = [stored(3, 150_000, CREATE_TIME), stored(4, 150_000, LOG_APPEND_TIME)]
    found = await fetched(member, monkeypatch, 200.0, *more)
    assert [each.came_at for each in found] == [100.0, 150.0]


async def test_what_came_while_a_partition_was_on_hold_may_have_come_at_any_time_since(member, monkeypatch):
    member.group.hold(())
    await fetched(member, monkeypatch, 100.0, stored(0, 5_000, CREATE_TIME), left=0)
    member.group.hold({PLACE})
    monkeypatch.setattr(kafka.clock, "now", lambda: 400.0)
    member.group.hold(())
    [found] = await fetched(member, monkeypatch, 400.1, stored(1, 5_000, CREATE_TIME), left=0)
    assert found.came_at == 100.0
    [found] = await fetched(member, monkeypatch, 500.0, stored(2, 5_000, CREATE_TIME), left=0)
    assert found.came_at == 500.0


@pytest.mark.parametrize(("returns", "came_at"), [(True, 100.0), (False, 200.0)])
async def test_what_another_process_has_read_in_the_meantime_is_not_known(
    member, monkeypatch, returns, came_at
):
    await fetched(member, monkeypatch, 100.0, stored(0, 5_000, CREATE_TIME))
    if not returns:
        await member.group.on_partitions_assigned({TopicPartition("push.jobs", 1)})
    await member.group.on_partitions_assigned(PLACES)
    [found] = await fetched(member, monkeypatch, 200.0, stored(1, 5_000, CREATE_TIME))
    assert found.came_at == came_at


async def test_records_of_a_partition_that_is_just_being_revoked_break_nothing(member, monkeypatch):
    def not_assigned(_place: Any) -> None:
        raise AssertionError("Partition is not assigned")

    monkeypatch.setattr(member.consumer, "assignment", set)
    monkeypatch.setattr(member.consumer, "highwater", not_assigned, raising=False)

    async def getmany(timeout_ms: int) -> dict[Any, Any]:
        return {TopicPartition("push.jobs", 0): [stored(0, 5_000, CREATE_TIME)], TopicPartition("x", 0): []}

    monkeypatch.setattr(member.consumer, "getmany", getmany)
    assert [each.offset for each in await member.group.fetch(0.1)] == [0]


async def test_what_fails_in_a_revocation_is_not_lost_in_aiokafkas_log(member):
    async def stuck() -> None:
        raise KafkaStuckError("records were not acknowledged")

    member.on_revoked = stuck
    watching = asyncio.create_task(member.group.watch())
    await asyncio.sleep(0)
    assert not watching.done()
    async with member.consumer.rejoin_without_end():
        with pytest.raises(KafkaStuckError, match="records were not acknowledged"):
            await watching


async def test_what_fails_in_an_assignment_is_not_lost_either(member):
    member.assigned = None
    member.group._membership = Membership(None, member.revoked, member.reset)  # type: ignore[arg-type]
    async with member.consumer.rejoin_without_end():
        with pytest.raises(KafkaStuckError, match="a rebalance failed: TypeError"):
            await member.group.watch()


# ── leaving for good ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def left(monkeypatch):
    """The member ids with which the group was asked to let go."""
    asked: list[str] = []

    async def leave_group(coordinator: Any) -> None:
        asked.append(coordinator.member_id)

    monkeypatch.setattr(kafka, "leave_group", leave_group)
    return asked


async def test_a_static_member_can_leave_for_good(member, left):
    with capture_logs() as logs:
        await member.group.leave()
    assert left == ["pod-0-1"]
    assert [(each["log_level"], each["event"]) for each in logs] == [("info", "left the group")]


async def test_a_member_without_an_instance_id_leaves_as_it_stops_and_needs_no_help(
    settings, left, monkeypatch
):
    monkeypatch.setattr(kafka, "AIOKafkaConsumer", Consumer)
    dynamic = Member(settings.model_copy(update={"instance_id": None}))
    await dynamic.group.leave()
    assert not left


async def test_who_has_not_asked_to_join_is_no_member(settings, left, monkeypatch):
    monkeypatch.setattr(kafka, "AIOKafkaConsumer", Consumer)
    unborn = Member(settings)
    unborn.consumer._coordinator = None
    await unborn.group.leave()
    assert not left


async def test_who_joins_for_the_first_time_leaves_by_its_instance_id(settings, left, monkeypatch):
    monkeypatch.setattr(kafka, "AIOKafkaConsumer", Consumer)
    joining = Member(settings)
    joining.consumer._coordinator.generation, joining.consumer._coordinator.member_id = -1, ""
    await joining.group.on_partitions_revoked(set())
    await joining.group.leave()
    assert left == [""]


async def refused(member: Member) -> None:
    member.consumer.commit_error = CommitFailedError()
    with pytest.raises(PartitionsLostError):
        await member.group.commit(COMMITS)


async def evicted(member: Member) -> None:
    await member.consumer.heartbeat(UnknownMemberIdError.errno)


async def revoked(member: Member) -> None:
    await evicted(member)
    await member.group.on_partitions_revoked(PLACES)
    member.consumer._coordinator.member_id = "pod-0-2"


@pytest.mark.parametrize("happened", [refused, evicted, revoked])
async def test_who_has_lost_its_place_does_not_leave_before_it_has_another(member, left, happened):
    await happened(member)
    with capture_logs() as logs:
        await member.group.leave()
    assert not left
    assert [each["log_level"] for each in logs] == ["warning"]
    await member.consumer.rejoin()
    await member.group.leave()
    assert left == ["pod-0-2"]


async def test_who_waits_for_a_rebalance_to_end_can_leave(member, left):
    await member.group.on_partitions_revoked(PLACES)
    await member.group.leave()
    assert left == ["pod-0-1"]


@pytest.mark.parametrize("error", [TimeoutError(), KafkaError("refused"), NotImplementedError("version 6")])
async def test_a_leave_that_fails_is_one_line_and_nothing_else(member, monkeypatch, error):
    async def leave_group(_coordinator: Any) -> None:
        raise error

    monkeypatch.setattr(kafka, "leave_group", leave_group)
    with capture_logs() as logs:
        await member.group.leave()
    assert [(each["log_level"], each["error"]) for each in logs] == [("warning", type(error).__name__)]


# ── two processes with one instance id ──────────────────────────────────────────────────────────────────


async def test_two_evictions_within_a_minute_end_the_process_with_a_clear_message(member):
    await member.consumer.heartbeat(UnknownMemberIdError.errno)
    await member.consumer.rejoin()
    watching = asyncio.create_task(member.group.watch())
    await asyncio.sleep(0)
    assert not watching.done()
    await member.consumer.heartbeat(UnknownMemberIdError.errno)
    async with member.consumer.rejoin_without_end():
        with pytest.raises(InstanceTakenError, match=r"pod-0 .*PUSHMILL_INSTANCE_ID must be unique"):
            await watching
    assert member.calls.count(("revoked", "lost")) == 1
    assert member.consumer.joins == 1  # another join would evict the other process again


async def test_a_fenced_instance_is_told_apart_from_an_unknown_error(member):
    member.consumer._coordinator.code = FENCED_INSTANCE_ID
    await member.consumer._coordinator._send_req(object())
    member.consumer.read_error = KafkaError("UnknownError()")
    with pytest.raises(InstanceTakenError, match="PUSHMILL_INSTANCE_ID"):
        await member.group.fetch(0.1)


async def test_other_reasons_to_rejoin_are_no_evictions(member):
    for _ in range(4):
        await member.consumer.heartbeat(IllegalGenerationError.errno)
        await member.consumer.rejoin()
    assert not member.group._failed.is_set()


async def test_evictions_are_counted_once_each_and_forgotten_after_a_while():
    coordinator = Coordinator()
    evictions = Evictions()
    evictions.listen_to(coordinator, lambda: None)

    async def evicted() -> None:
        coordinator.generation, coordinator.code = 3, UnknownMemberIdError.errno
        await coordinator._send_req(object())
        await coordinator._send_req(object())  # a heartbeat and a commit learn of the same one

    await evicted()
    assert not evictions.are_too_many(0.0)
    assert not evictions.are_too_many(1.0)
    await evicted()
    assert not evictions.are_too_many(PERIOD + 1)
    await evicted()
    assert evictions.are_too_many(PERIOD + 2)
    assert MOST == 2


async def test_an_answer_to_an_outsider_is_no_eviction():
    coordinator = Coordinator()
    evictions = Evictions()
    evictions.listen_to(coordinator, lambda: None)
    coordinator.generation, coordinator.code = -1, UnknownMemberIdError.errno
    await coordinator._send_req(object())
    assert not evictions.are_too_many(0.0)


async def test_commits_reveal_evictions_too():
    coordinator = Coordinator()
    answer = SimpleNamespace(topics=[("push.jobs", [(0, NoError.errno), (1, UnknownMemberIdError.errno)])])

    async def send(_request: Any) -> Any:
        return answer

    coordinator._send_req = send  # type: ignore[method-assign]
    evictions = Evictions()
    evictions.listen_to(coordinator, lambda: None)
    assert await coordinator._send_req(A_COMMIT) is answer
    coordinator.generation = 1
    assert not evictions.are_too_many(0.0)
    await coordinator._send_req(A_COMMIT)
    assert evictions.are_too_many(1.0)


@pytest.mark.parametrize("offset", [UnknownMemberIdError.errno, FENCED_INSTANCE_ID])
async def test_an_offset_is_not_taken_for_the_code_of_an_eviction(offset):
    """The answer to an offset fetch has offsets where that to a commit has its codes."""
    told: list[str] = []
    coordinator = Coordinator()

    async def send(_request: Any) -> Any:
        return SimpleNamespace(topics=[("push.jobs", [(0, offset, "", NoError.errno)])])

    coordinator._send_req = send  # type: ignore[method-assign]
    evictions = Evictions()
    evictions.listen_to(coordinator, lambda: told.append("evicted"))
    for _ in range(MOST):
        await coordinator._send_req(OffsetFetchRequest("group", []))
        assert not evictions.are_too_many(0.0)
    assert not told
    assert not evictions.fenced


@pytest.mark.parametrize(
    "code", [UnknownMemberIdError.errno, IllegalGenerationError.errno, FENCED_INSTANCE_ID]
)
async def test_it_is_told_at_once_that_the_group_has_moved_on(member, code):
    """aiokafka may be busy with a rebalance whose revocation waits for Kafka to acknowledge something."""
    await member.consumer.heartbeat(RebalanceInProgressError.errno)
    member.consumer._coordinator.generation = 1
    assert member.calls[1:] == []
    await member.consumer.heartbeat(code)
    assert member.calls[1:] == ["evicted"]
    await member.consumer.heartbeat(code)  # of an outsider by now
    assert member.calls[1:] == ["evicted"]
