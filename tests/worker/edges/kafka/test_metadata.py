import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    LeaderNotAvailableError,
    NodeNotReadyError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import BrokerMetadata
from hypothesis import given
from hypothesis import strategies as st

from worker.edges.kafka import metadata as module
from worker.edges.kafka.metadata import Metadata, Partition, TopicsNotReadyError, metadata, wait_for_leaders

BROKERS = {1: "a:9092", 2: "b:9092"}
LED, LEADERLESS = Partition(leader=1, replicas=1), Partition(leader=-1, replicas=1)
numbers = st.integers(1, 4)
partition_lists = st.lists(st.sampled_from([LED, LEADERLESS]), max_size=4)


def answer(topics: dict[str, tuple[Partition, ...]], *, broken: str = "") -> dict[str, Any]:
    """A broker's answer, as aiokafka gives it; its partitions come in any order."""
    return {
        "brokers": [
            {"node_id": node, "host": where[0], "port": 9092, "rack": None} for node, where in BROKERS.items()
        ],
        "topics": [
            {
                "error_code": 3 if name == broken else 0,
                "topic": name,
                "partitions": [
                    {
                        "error_code": 0,
                        "partition": number,
                        "leader": each.leader,
                        "replicas": [1] * each.replicas,
                    }
                    for number, each in reversed([*enumerate(partitions)])
                ],
            }
            for name, partitions in topics.items()
        ],
    }


# ── what one broker knows ───────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_read_in_the_order_of_partitions():
    found = Metadata.of(answer({"jobs": (LED, Partition(2, 3))}))
    assert found == Metadata(BROKERS, {"jobs": (LED, Partition(2, 3))})


def test_a_topic_with_an_error_is_not_known():
    assert Metadata.of(answer({"jobs": (LED,), "stats": (LED,)}, broken="jobs")).topics == {"stats": (LED,)}


@pytest.mark.parametrize(
    ("partitions", "said"),
    [
        (None, "does not know topic jobs"),
        ((), "knows 0 of 2 partitions of jobs"),
        ((LED,), "knows 1 of 2 partitions of jobs"),
        ((LED, LEADERLESS), "knows no leader for partition 1 of jobs"),
        ((LED, LED, LEADERLESS), "knows no leader for partition 2 of jobs"),
        ((LED, Partition(leader=3, replicas=1)), "knows no leader for partition 1 of jobs"),
        ((LED, LED), None),
        ((LED, LED, Partition(leader=2, replicas=1)), None),
    ],
)
def test_what_stands_between_a_client_and_a_topic(partitions, said):
    topics = {"stats": (LED,)} | ({} if partitions is None else {"jobs": partitions})
    assert Metadata(BROKERS, topics).obstacle({"stats": 1, "jobs": 2}) == said


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from([LED, LEADERLESS]), max_size=4)), numbers
)
def test_there_is_no_obstacle_exactly_if_enough_partitions_all_have_a_leader(topics, count):
    found = Metadata(BROKERS, {name: tuple(parts) for name, parts in topics.items()})
    usable = all(
        name in topics and len(topics[name]) >= count and LEADERLESS not in topics[name] for name in "ab"
    )
    assert (found.obstacle(dict.fromkeys("ab", count)) is None) == usable


# ── what all of them know ───────────────────────────────────────────────────────────────────────────────────


class Admin:
    """Stands in for aiokafka's: each broker gives its answers in turn, and then the last one for ever."""

    def __init__(self, **answers: list[Any]) -> None:
        self._client = self
        self.cluster = self
        self.answers = {int(node[1:]): given for node, given in answers.items()}
        self.requests: list[tuple[int, Any]] = []
        self.led: dict[int, list[Any]] = defaultdict(list)
        self.codes: dict[int, list[int]] = {}

    def brokers(self) -> set[BrokerMetadata]:
        return {BrokerMetadata(node, BROKERS[node][0], 9092, None) for node in self.answers}

    def get_random_node(self) -> int:
        return min(self.answers)

    async def force_metadata_update(self) -> bool:
        return True

    async def _send_request(self, request: Any, node: int | None = None) -> Any:
        return await self.send(self.get_random_node() if node is None else node, request)

    async def send(self, node: int, request: Any) -> Any:
        if isinstance(request, OffsetRequest):
            return self.ends(node, request)
        self.requests.append((node, request))
        answers = self.answers[node]
        given = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(given, Exception):
            raise given
        self.answer = answer(given)
        return self

    def ends(self, node: int, request: Any) -> Any:
        self.led[node].append(request._topics)
        codes = self.codes.get(node)
        code = codes.pop(0) if codes else 0
        return SimpleNamespace(
            topics=[
                (name, [(number, code, -1, 0) for number, _ in numbers]) for name, numbers in request._topics
            ]
        )

    def to_object(self) -> Any:
        return self.answer


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(module, "_POLL_SECONDS", 0)


async def test_one_broker_is_asked_for_all_topics_so_that_it_creates_none():
    admin = Admin(b1=[{"jobs": (LED,)}], b2=[{}])
    assert (await metadata(admin)).topics == {"jobs": (LED,)}
    assert (await metadata(admin, 2)).topics == {}
    assert [(node, request._topics) for node, request in admin.requests] == [(1, None), (2, None)]


async def test_it_waits_for_the_slowest_of_all_brokers():
    ready = {"jobs": (LED, LED)}
    admin = Admin(
        b1=[ready], b2=[{}, NodeNotReadyError(), {"jobs": (LED,)}, {"jobs": (LED, LEADERLESS)}, ready]
    )
    await wait_for_leaders(admin, {"jobs": 2}, limit=60)
    assert [node for node, _ in admin.requests].count(2) == 5


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ({}, "does not know topic jobs"),
        ({"jobs": (LEADERLESS,)}, "knows no leader for partition 0 of jobs"),
        (NodeNotReadyError(), "does not answer (NodeNotReadyError)"),
        (OSError(), "does not answer (OSError)"),
    ],
)
async def test_in_the_end_it_says_which_broker_lacks_what(last, said):
    admin = Admin(b1=[{"jobs": (LED,)}], b2=[last])
    with pytest.raises(TopicsNotReadyError) as caught:
        await wait_for_leaders(admin, {"jobs": 1}, limit=0.05)
    assert str(caught.value) == (
        f"the topics exist, but cannot be used yet: after 0.05 s broker 2 (b:9092) {said}; "
        "look at the brokers' logs, then try again"
    )


async def test_no_broker_at_all_is_no_success():
    with pytest.raises(TopicsNotReadyError, match="no broker answers"):
        await wait_for_leaders(Admin(), {"jobs": 1}, limit=0.05)


async def test_a_broker_that_hangs_does_not_extend_the_wait():
    admin = Admin(b1=[{"jobs": (LED,)}], b2=[{}])
    admin.send = lambda *_: asyncio.Event().wait()  # type: ignore[method-assign]
    with pytest.raises(TopicsNotReadyError):
        await wait_for_leaders(admin, {"jobs": 1}, limit=0.05)


async def test_each_leader_is_asked_for_the_partitions_that_it_leads_until_it_serves_them():
    known = {"jobs": (LED, Partition(2, 1), LED), "stats": (LED,), "other": (LED,)}
    admin = Admin(b1=[known], b2=[known])
    admin.codes = {1: [NotLeaderForPartitionError.errno], 2: [0, UnknownTopicOrPartitionError.errno]}
    await wait_for_leaders(admin, {"jobs": 3, "stats": 1}, limit=60)
    first, second = [("jobs", [(0, -1), (2, -1)]), ("stats", [(0, -1)])], [("jobs", [(1, -1)])]
    assert admin.led == {1: [first] * 3, 2: [second] * 3}


async def test_one_that_does_not_is_named():
    admin = Admin(b1=[{"jobs": (LED,)}])
    admin.codes = {1: [LeaderNotAvailableError.errno] * 1_000_000}
    with pytest.raises(
        TopicsNotReadyError, match=r"broker 1 \(a:9092\) does not serve partition 0 of jobs yet;"
    ):
        await wait_for_leaders(admin, {"jobs": 1}, limit=0.05)


async def test_what_it_may_not_tell_is_not_waited_for():
    admin = Admin(b1=[{"jobs": (LED,)}])
    admin.codes = {1: [TopicAuthorizationFailedError.errno]}
    await wait_for_leaders(admin, {"jobs": 1}, limit=60)
