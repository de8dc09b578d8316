"""The proxy with aiokafka's own clients: they see what Apache Kafka would show them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CommitFailedError, GroupCoordinatorNotAvailableError, KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from tests.harness.kafka.group import Error
from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.waiting import until
from worker.edges.kafka.leaving import leave_group

PARTITIONS = 4
ALL_PARTITIONS = [TopicPartition("jobs", number) for number in range(PARTITIONS)]


class Member(ConsumerRebalanceListener):
    """A consumer that commits when its partitions are revoked, and notes the result."""

    def __init__(
        self, kafka: KafkaProxy, instance: str | None = None, session: float = 10.0, **login: str
    ) -> None:
        self.committed: list[bool] = []
        self.assigned = 0
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.address,
            group_id="group",
            group_instance_id=instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=200,
            session_timeout_ms=int(session * 1000),
            rebalance_timeout_ms=20_000,
            **login,
        )

    async def on_partitions_revoked(self, revoked: Any) -> None:
        if revoked:
            self.committed.append(await self.commit())

    async def on_partitions_assigned(self, _assigned: Any) -> None:
        self.assigned += 1

    async def commit(self) -> bool:
        owned = self.consumer.assignment()
        try:
            await self.consumer.commit({each: OffsetAndMetadata(self.assigned, "map") for each in owned})
        except CommitFailedError:
            return False
        return True

    def go_silent(self) -> None:
        """Stop sending heartbeats, as if frozen."""
        self.consumer._coordinator._heartbeat_task.cancel()

    @property
    def owned(self) -> int:
        return len(self.consumer.assignment())


@pytest.fixture
async def join(kafka: KafkaProxy) -> AsyncIterator[Callable[..., Any]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    await admin.create_topics([NewTopic("jobs", PARTITIONS, 1)])
    await admin.close()
    async with AsyncExitStack() as stack:

        async def joined(**options: Any) -> Member:
            member = Member(kafka, **options)
            member.consumer.subscribe(["jobs"], listener=member)
            await member.consumer.start()
            stack.push_async_callback(member.consumer.stop)
            return member

        yield joined


@asynccontextmanager
async def admin_of(kafka: KafkaProxy) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    yield admin
    await admin.close()


async def stored(kafka: KafkaProxy) -> set[tuple[int, str]]:
    async with admin_of(kafka) as admin:
        found = await admin.list_consumer_group_offsets("group", partitions=ALL_PARTITIONS)
    return {(commit.offset, commit.metadata) for commit in found.values()}


async def test_members_hand_over_before_a_rebalance_ends(kafka, join):
    one = await join()
    assert one.owned == PARTITIONS
    two = await join()
    await until(lambda: one.owned == two.owned == PARTITIONS // 2, "they share")
    assert one.committed == [True]
    assert await stored(kafka) == {(1, "map")}


async def test_who_leaves_is_missed_at_once_and_who_is_silent_after_a_session(kafka, join):
    one, two = await join(session=30.0), await join(session=30.0)
    await until(lambda: one.owned == two.owned, "they share")
    await two.consumer.stop()
    await until(lambda: one.owned == PARTITIONS, "one has all", 20.0)
    silent = await join(session=3.0)
    await until(lambda: one.owned == silent.owned, "they share")
    silent.go_silent()
    await until(lambda: one.owned == PARTITIONS, "one has all again", 20.0)
    assert not await silent.commit()


async def test_a_static_member_comes_back_unnoticed_and_fences_its_elder(kafka, join):
    elder, other = await join(instance="a"), await join(instance="b")
    await until(lambda: elder.owned == other.owned, "they share")
    before = other.assigned
    elder.go_silent()
    heir = await join(instance="a")
    assert heir.consumer.assignment() == elder.consumer.assignment()
    assert await heir.commit()
    assert not await elder.commit()
    assert other.assigned == before


async def test_a_static_member_that_leaves_for_good_is_missed_at_once(kafka, join):
    one, two = await join(instance="a", session=30.0), await join(instance="b", session=30.0)
    await until(lambda: one.owned == two.owned, "they share")
    await leave_group(two.consumer._coordinator)
    await until(lambda: one.owned == PARTITIONS, "one has all", 20.0)


async def test_a_fetch_that_finds_nothing_waits_until_something_comes(kafka, join):
    await join()
    client = AIOKafkaClient(bootstrap_servers=kafka.address)
    await client.bootstrap()
    [broker] = client.cluster.brokers()
    request = FetchRequest(800, 1, 1 << 20, 0, [("jobs", [(0, 0, 1 << 20)])])
    began = time.monotonic()
    await client.send(broker.nodeId, request)
    assert 0.75 < time.monotonic() - began < 10.0
    began = time.monotonic()
    fetching = asyncio.create_task(client.send(broker.nodeId, FetchRequest(30_000, *vars_of(request))))
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address)
    await producer.start()
    await producer.send_and_wait("jobs", b"job", partition=0)
    await fetching
    assert time.monotonic() - began < 20.0
    await producer.stop()
    await client.close()


def vars_of(request: FetchRequest) -> tuple[Any, ...]:
    return request._min_bytes, request._max_bytes, request._isolation_level, request._topics


class Noted:
    """A witness that keeps its notifications."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def writes(self, user: str, topic: str, values: Iterator[bytes | None]) -> None:
        self.told.append((user, topic, *values))

    def commits(self, user: str, error: Error | None) -> None:
        self.told.append((user, error))


async def test_a_witness_is_told_what_those_do_who_have_logged_in(kafka, join):
    noted = kafka.witness = Noted()
    options = {"bootstrap_servers": kafka.address, "compression_type": "lz4"}
    nobody, ada = AIOKafkaProducer(**options), AIOKafkaProducer(**options, **login("ada"))
    await join()
    for producer in (nobody, ada):
        await producer.start()
        sent = [await producer.send("jobs", value, partition=0) for value in (b"one", b"two")]
        await asyncio.gather(*sent)
        await producer.stop()
    assert {told[:2] for told in noted.told} == {("ada", "jobs")}
    assert [value for _, _, *values in noted.told for value in values] == [b"one", b"two"]


async def test_a_witness_is_told_what_commits_are_answered(kafka, join):
    noted = kafka.witness = Noted()
    one = await join(**login("ada"))
    kafka.fail_commits(Error.COORDINATOR_LOAD_IN_PROGRESS)
    assert await one.commit()
    assert noted.told == [("ada", Error.COORDINATOR_LOAD_IN_PROGRESS), ("ada", Error.NONE)]


def login(user: str) -> dict[str, str]:
    plain = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
    return plain | {"sasl_plain_username": user, "sasl_plain_password": "any"}


# ── faults ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_coordinator_that_moves_is_found_again_with_all_its_members(kafka, join):
    one = await join()
    async with kafka.moving():
        committing = asyncio.create_task(one.commit())
        await asyncio.sleep(0.5)
        assert not committing.done()
        async with admin_of(kafka) as admin:
            with pytest.raises(GroupCoordinatorNotAvailableError):
                await admin.find_coordinator("group")
    assert await committing
    assert one.assigned == 1


async def test_commits_fail_as_they_are_told_to_and_are_tried_again(kafka, join):
    one = await join()
    kafka.fail_commits(Error.COORDINATOR_LOAD_IN_PROGRESS, Error.REBALANCE_IN_PROGRESS)
    assert not await one.commit()


async def test_a_commit_that_never_returns_stores_nothing(kafka, join):
    one = await join()
    kafka.fail_commits(None)
    committing = asyncio.create_task(one.commit())
    await asyncio.sleep(0.5)
    assert not committing.done()
    await kafka.cut()
    assert await committing
    assert await stored(kafka) == {(1, "map")}


async def test_while_it_is_frozen_nothing_is_answered_and_then_everything(kafka, join):
    one = await join(session=2.0)
    async with kafka.frozen():
        committing = asyncio.create_task(one.commit())
        await asyncio.sleep(2.5)
        assert not committing.done()
    assert await committing
    assert one.assigned == 1


async def test_while_it_is_down_nobody_gets_in_and_the_group_is_kept(kafka, join):
    one = await join()
    async with kafka.down():
        client = AIOKafkaClient(bootstrap_servers=kafka.address)
        with pytest.raises(KafkaConnectionError):
            await client.bootstrap()
    assert await one.commit()
    assert one.assigned == 1
