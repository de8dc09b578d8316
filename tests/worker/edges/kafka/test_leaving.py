"""Leaving the group for good, with a coordinator and a client that behave as aiokafka's have been seen to."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    NotCoordinatorForGroupError,
    UnknownMemberIdError,
)
from hypothesis import given
from hypothesis import strategies as st

from worker.edges.kafka import leaving
from worker.edges.kafka.evictions import FENCED_INSTANCE_ID
from worker.edges.kafka.leaving import (
    InstanceFencedError,
    LeaveGroup,
    LeaveGroupRequest_v3,
    LeaveGroupResponse_v3,
    leave_group,
)

LEAVE_GROUP = 13


def answer(code: int = 0, of_member: int = 0) -> LeaveGroupResponse_v3:
    return LeaveGroupResponse_v3(0, code, [("pod-0-1", "pod-0", of_member)])


class Client:
    """Stands in for AIOKafkaClient: gives its answers in order, and notes what happens."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.done: list[Any] = []

    async def coordinator_lookup(self, kind: int, group: str) -> int:
        self.done.append(("lookup", int(kind), group))
        return 7

    async def send(self, node: int, request: Any) -> Any:
        self.done.append((node, request.prepare({LEAVE_GROUP: (0, 5)})))
        given = self.answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return await given if asyncio.isfuture(given) else given


class Coordinator:
    """Stands in for aiokafka's: forgets its member id as it closes, which takes as long as a pending join."""

    group_id = "pushmill"
    _group_instance_id = "pod-0"

    def __init__(self, *answers: Any) -> None:
        self.member_id = "pod-0-1"
        self._client = Client(*answers)
        self.joined = asyncio.Event()
        self.joined.set()
        self.closed = False

    async def close(self) -> None:
        self._client.done.append("close")
        try:
            await self.joined.wait()
        finally:
            self.member_id, self.closed = "", True

    @property
    def done(self) -> list[Any]:
        """What happened, with requests as their fields."""
        return [
            (each[0], each[1].API_VERSION, each[1].group, each[1].members)
            if isinstance(each, tuple) and len(each) == 2
            else each
            for each in self._client.done
        ]


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(leaving, "RETRY_SECONDS", 0.0)


ASKED = (7, 3, "pushmill", [("pod-0-1", "pod-0")])


async def test_a_member_leaves_once_its_heartbeats_have_ended():
    coordinator = Coordinator(answer())
    await leave_group(coordinator)
    assert coordinator.done == ["close", ("lookup", 0, "pushmill"), ASKED]
    assert coordinator.closed


async def test_a_join_that_waits_for_others_does_not_keep_it(monkeypatch):
    monkeypatch.setattr(leaving, "CLOSE_SECONDS", 0.01)
    coordinator = Coordinator(answer())
    coordinator.joined.clear()
    await asyncio.wait_for(leave_group(coordinator), 5)
    assert coordinator.done[-1] == ASKED
    assert coordinator.closed


@pytest.mark.parametrize(
    "passing",
    [
        answer(NotCoordinatorForGroupError.errno),
        answer(of_member=NotCoordinatorForGroupError.errno),
        GroupCoordinatorNotAvailableError(),
        KafkaConnectionError(),
    ],
)
async def test_while_the_coordinator_moves_it_asks_again(passing):
    coordinator = Coordinator(passing, passing, answer())
    await leave_group(coordinator)
    assert coordinator.done[1:] == [("lookup", 0, "pushmill"), ASKED] * 3


async def test_whom_the_group_does_not_know_has_left():
    await leave_group(Coordinator(answer(of_member=UnknownMemberIdError.errno)))


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (answer(of_member=FENCED_INSTANCE_ID), InstanceFencedError),
        (answer(GroupAuthorizationFailedError.errno), GroupAuthorizationFailedError),
    ],
)
async def test_a_refusal_is_raised_and_not_tried_again(refusal, error):
    coordinator = Coordinator(refusal)
    with pytest.raises(error):
        await leave_group(coordinator)
    assert coordinator.closed


async def test_a_broker_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(leaving, "LEAVE_LIMIT", 0.05)
    coordinator = Coordinator(asyncio.get_running_loop().create_future())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(leave_group(coordinator), 5)
    assert coordinator.closed


async def test_what_fails_as_aiokafka_closes_does_not_matter(monkeypatch):
    coordinator = Coordinator(answer())

    async def close() -> None:
        raise KafkaError("Unexpected error during coordination")

    monkeypatch.setattr(coordinator, "close", close)
    await leave_group(coordinator)
    assert coordinator.done[-1] == ASKED


# ── the request ─────────────────────────────────────────────────────────────────────────────────────────


@given(first=st.integers(0, 3), last=st.integers(0, 9))
def test_the_newest_form_that_the_broker_knows_is_used(first: int, last: int):
    ours = [version for version in (0, 1, 3) if first <= version <= last]
    request = LeaveGroup("pushmill", "pod-0-1", "pod-0")
    if not ours:
        with pytest.raises(NotImplementedError):
            request.prepare({LEAVE_GROUP: (first, last)})
        return
    prepared = request.prepare({LEAVE_GROUP: (first, last)})
    version = prepared.API_VERSION
    assert version == max(ours)
    if version < 3:
        assert (prepared.group, prepared.member_id) == ("pushmill", "pod-0-1")


def test_who_has_no_member_id_yet_can_only_be_named_by_its_instance_id():
    request = LeaveGroup("pushmill", "", "pod-0")
    assert request.prepare({LEAVE_GROUP: (0, 5)}).members == [("", "pod-0")]
    with pytest.raises(IncompatibleBrokerVersion):
        request.prepare({LEAVE_GROUP: (0, 2)})


def test_the_bytes_are_those_of_the_protocol():
    """As in Apache Kafka's LeaveGroupRequest.json and LeaveGroupResponse.json, version 3."""
    request = LeaveGroupRequest_v3("g", [("m", "i")])
    assert request.encode() == b"\0\1g" + b"\0\0\0\1" + b"\0\1m" + b"\0\1i"
    body = b"\0\0\0\0" + b"\0\0" + b"\0\0\0\1" + b"\0\1m" + b"\0\1i" + b"\0\x52"
    decoded = LeaveGroupResponse_v3.decode(body)
    assert (decoded.error_code, decoded.members) == (0, [("m", "i", FENCED_INSTANCE_ID)])
