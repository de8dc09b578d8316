"""Finding the group's coordinator and hearing from it while brokers hang, with aiokafka's own client."""

import asyncio
from collections import Counter
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import (
    CommitFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NodeNotReadyError,
    NoError,
    RequestTimedOutError,
)
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from tests.harness.waiting import GENEROUS
from worker.edges.kafka import coordination
from worker.edges.kafka.client import mend_time_outs
from worker.edges.kafka.consumer import SESSION_DYNAMIC

BROKERS = (1, 2, 3)
JOIN = JoinGroupRequest("g", 1, 1, "", "", "consumer", [])
SYNC = SyncGroupRequest("g", 1, "", "", [])
HEARTBEAT = HeartbeatRequest("g", 1, "m")
COMMIT = OffsetCommitRequest("g", 1, "m", -1, [])


class Connection:
    """A connection to one broker: it answers, hangs, or is gone."""

    def __init__(self, cluster: "Cluster", node: int) -> None:
        self._cluster, self._node = cluster, node
        self._request_timeout = 15.0

    def connected(self) -> bool:
        return True

    def close(self, *, reason: Any) -> None: ...

    async def send(self, request: Any, *, expect_response: bool = True) -> Any:
        assert expect_response
        self._cluster.asked[self._node] += 1
        self._cluster.limits[type(request)] = self._request_timeout
        if self._node in self._cluster.hanging:
            await asyncio.Event().wait()
        if self._node in self._cluster.gone:
            raise NodeNotReadyError
        if self._cluster.late:
            raise TimeoutError
        await asyncio.sleep(self._cluster.slow)
        return SimpleNamespace(error_code=self._cluster.code, coordinator_id=3)


class Cluster:
    """Three brokers behind an AIOKafkaClient."""

    def __init__(self) -> None:
        self.hanging: set[int] = set()
        self.gone: set[int] = set()
        self.slow, self.late = 0.0, False
        self.code = NoError.errno
        self.asked: Counter[int] = Counter()
        self.limits: dict[type, float] = {}
        self.client = AIOKafkaClient(bootstrap_servers="localhost:1")
        self.client.cluster.update_metadata(
            SimpleNamespace(
                API_VERSION=1,
                brokers=[(node, "localhost", 1, None) for node in BROKERS],
                topics=[],
                controller_id=1,
            )
        )
        for node in BROKERS:
            for group in ConnectionGroup:
                self.client._conns[node, group] = Connection(self, node)
        self.attendance = coordination.Attendance(self.client)


@pytest.fixture
async def cluster(monkeypatch):
    monkeypatch.setattr(coordination, "LOOKUP_LIMIT", 0.01)
    return Cluster()


async def test_two_brokers_of_three_that_hang_are_asked_once_and_not_again_while_the_third_answers(cluster):
    cluster.hanging = {1, 2}
    for _ in range(20):
        assert await cluster.client.coordinator_lookup(0, "g") == 3
    assert cluster.asked[3] == 20
    assert cluster.asked[1] <= 1
    assert cluster.asked[2] <= 1


async def test_a_broker_that_is_back_is_asked_again_once_another_one_is_silent(cluster):
    cluster.gone = {1, 2}
    await cluster.client.coordinator_lookup(0, "g")
    cluster.hanging, cluster.gone = {3}, set()
    assert await cluster.client.coordinator_lookup(0, "g") == 3
    assert cluster.asked[1] + cluster.asked[2] >= 1


async def test_several_clients_do_not_all_ask_the_same_broker():
    asked: Counter[int] = Counter()
    for _ in range(60):
        each = Cluster()
        await each.client.coordinator_lookup(0, "g")
        asked += each.asked
    assert set(asked) == set(BROKERS)


async def test_without_an_answer_or_a_coordinator_aiokafka_is_told_to_ask_again(cluster):
    cluster.gone = set(BROKERS)
    with pytest.raises(KafkaError) as silent:
        await cluster.client.coordinator_lookup(0, "g")
    cluster.gone, cluster.code = set(), GroupCoordinatorNotAvailableError.errno
    with pytest.raises(GroupCoordinatorNotAvailableError) as none:
        await cluster.client.coordinator_lookup(0, "g")
    assert silent.value.retriable
    assert none.value.retriable


async def test_a_cluster_that_is_slow_rather_than_away_is_given_more_time_until_it_answers(monkeypatch):
    monkeypatch.setattr(coordination, "LOOKUP_LIMIT", 0.001)
    monkeypatch.setattr(coordination, "LONGEST_LIMIT", GENEROUS)
    cluster = Cluster()
    cluster.slow = 0.05
    found = None
    async with asyncio.timeout(GENEROUS):
        while found is None:
            with suppress(GroupCoordinatorNotAvailableError):
                found = await cluster.client.coordinator_lookup(0, "g")
    assert found == 3
    cluster.slow, cluster.gone = 0.0, set(BROKERS)
    limits = set()
    for _ in range(3):
        with suppress(GroupCoordinatorNotAvailableError):
            await cluster.client.coordinator_lookup(0, "g")
        limits.add(cluster.attendance._lookup_limit)
    assert limits == {0.002, 0.004, 0.008}


async def test_a_coordinator_that_is_slow_is_given_more_time_until_it_answers(cluster):
    limits = []
    for hangs in (True, True, True, False, True):
        cluster.late = hangs
        with suppress(RequestTimedOutError):
            await cluster.client.send(3, HEARTBEAT, group=ConnectionGroup.COORDINATION)
        limits.append(cluster.limits[HeartbeatRequest])
    assert limits == [6.0, 12.0, coordination.LONGEST_LIMIT, coordination.LONGEST_LIMIT, 6.0]


async def test_only_a_join_and_a_sync_may_take_as_long_as_the_other_members_need(cluster):
    for request in (JOIN, HEARTBEAT, COMMIT, SYNC):
        await cluster.client.send(3, request, group=ConnectionGroup.COORDINATION)
    await cluster.client.send(3, MetadataRequest([]))
    assert cluster.limits == {
        JoinGroupRequest: coordination.JOIN_LIMIT,
        SyncGroupRequest: coordination.JOIN_LIMIT,
        HeartbeatRequest: coordination.COORDINATOR_LIMIT,
        OffsetCommitRequest: coordination.COORDINATOR_LIMIT,
        MetadataRequest: 15.0,
    }


def test_a_hanging_coordinator_is_given_up_before_the_session_is_over_but_not_before_it_refuses_a_commit():
    all_brokers_but_one = 2
    lost = coordination.COORDINATOR_LIMIT + all_brokers_but_one * coordination.LOOKUP_LIMIT
    assert lost < SESSION_DYNAMIC
    assert coordination.COORDINATOR_LIMIT > 5.0  # offsets.commit.timeout.ms
    assert FindCoordinatorRequest.API_KEY == 10


async def test_a_commit_that_is_repeated_after_an_eviction_is_refused_rather_than_sent_as_an_outsiders(
    cluster,
):
    """The coordinator is loading the group at first; by the next attempt a heartbeat has been refused."""
    sent: list[int] = []

    class Coordinator(GroupCoordinator):
        def __init__(self) -> None:
            self.group_id, self.generation, self.member_id, self.coordinator_id = "g", 1, "m", 3
            self._client, self._retry_backoff_ms = cluster.client, 1
            self._commit_lock = asyncio.Lock()

        async def _send_req(self, request: Any) -> Any:
            sent.append(request._consumer_group_generation_id)
            self.generation, self.member_id = -1, ""
            return SimpleNamespace(topics=[("t", [(0, 14)])])

    coordinator = Coordinator()
    coordination.refuse_outsiders_commits(coordinator)
    offsets = {TopicPartition("t", 0): OffsetAndMetadata(1, "")}
    with pytest.raises(CommitFailedError):
        await asyncio.wait_for(coordinator.commit_offsets(None, offsets), GENEROUS)
    assert sent == [1]


async def test_a_request_that_times_out_on_a_connection_already_replaced_fails_as_any_other(cluster):
    """aiokafka's KeyError would end the background task that sent it, and with it a producer."""

    class Late(Connection):
        async def send(self, request: Any, *, expect_response: bool = True) -> Any:
            del cluster.client._conns[1, ConnectionGroup.DEFAULT]
            raise TimeoutError

    mend_time_outs(cluster.client)
    cluster.client._conns[1, ConnectionGroup.DEFAULT] = Late(cluster, 1)
    with pytest.raises(RequestTimedOutError):
        await cluster.client.send(1, MetadataRequest([]))
