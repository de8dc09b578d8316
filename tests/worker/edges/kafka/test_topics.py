"""Creating and examining topics, with a cluster of one broker that is made up."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    InvalidReplicationFactorError,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from worker.config import KafkaSettings
from worker.edges.kafka import topics
from worker.edges.kafka.client import KafkaUnreachableError
from worker.edges.kafka.metadata import Metadata, Partition
from worker.edges.kafka.topics import MissingTopicsError, create_topics, require_topics
from worker.records.topics import ALL_TOPICS, TOPICS

SETTINGS = KafkaSettings(kafka_bootstrap_servers="kafka:9092", topic_prefix="p.")
NAMES = [f"p.{topic.name}" for topic in ALL_TOPICS]
NEEDED = [f"p.{topic.name}" for topic in TOPICS]
CONFIG = {f"p.{topic.name}": topic.config for topic in ALL_TOPICS}
ADDRESS = {1: "kafka:9092"}


class Cluster:
    """Stands in for the admin client, and for the cluster behind it."""

    def __init__(self) -> None:
        self.topics: dict[str, tuple[int, int]] = {}
        self.config: dict[str, dict[str, str]] = {}
        self.default: int | None = 3
        self.knows_minus_one = True
        self.refusals: dict[str, type[KafkaError]] = {}
        self.unreadable = False
        self.created: list[tuple[str, int, int]] = []
        self.appearing: list[str] = []
        self.looks = 0

    def __call__(self, _: Any) -> "Cluster":
        return self

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def metadata(self, *_: Any) -> Metadata:
        self.looks += 1
        if self.appearing and self.looks > 1:
            self.topics[self.appearing.pop(0)] = (1, 1)
        return Metadata(
            ADDRESS, {name: (Partition(1, each),) * count for name, (count, each) in self.topics.items()}
        )

    async def create_topics(self, new: list[Any]) -> Any:
        return SimpleNamespace(topic_errors=[self._create(topic) for topic in new])

    def _create(self, topic: Any) -> tuple[Any, ...]:
        replicas = topic.replication_factor
        self.created.append((topic.name, topic.num_partitions, replicas))
        if topic.name in self.refusals:
            error = self.refusals[topic.name]
            if error is TopicAlreadyExistsError:
                self.topics[topic.name] = (2, 3)
            return topic.name, error.errno, "no"
        if replicas == -1 and not self.knows_minus_one:
            return topic.name, InvalidReplicationFactorError.errno, "larger than 0"
        self.topics[topic.name] = (topic.num_partitions, self.default if replicas == -1 else replicas)
        self.config[topic.name] = topic.topic_configs
        return topic.name, 0, None

    async def describe_configs(self, resources: list[Any]) -> list[Any]:
        [of] = resources
        if self.unreadable:
            return [SimpleNamespace(resources=[(TopicAuthorizationFailedError.errno, "no", 2, of.name, [])])]
        default = {} if self.default is None else {"default.replication.factor": str(self.default)}
        found = default if of.name == "1" else self.config[of.name]
        entries = [(name, value, False, False, False) for name, value in found.items()]
        return [SimpleNamespace(resources=[(0, "", 2, of.name, [*entries, ("empty", None, 0, 0, 0)])])]


@pytest.fixture
def cluster(monkeypatch):
    made = Cluster()
    monkeypatch.setattr(topics, "Admin", made)
    monkeypatch.setattr(topics, "metadata", made.metadata)
    monkeypatch.setattr(topics, "wait_for_leaders", waited(made))
    monkeypatch.setattr(topics, "_POLL_SECONDS", 0)
    return made


def waited(cluster: Cluster) -> Any:
    async def wait_for_leaders(_: Any, wanted: dict[str, int]) -> None:
        cluster.waited = wanted

    return wait_for_leaders


def existing(cluster: Cluster, *, partitions: int = 12, replicas: int = 3, **changed: dict[str, str]) -> None:
    cluster.topics = dict.fromkeys(NAMES, (partitions, replicas))
    cluster.config = {name: CONFIG[name] | changed.get(name[2:], {}) for name in NAMES}


# ── creating ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_replicas_are_left_to_the_cluster_unless_they_are_given(cluster):
    found = await create_topics(SETTINGS, partitions=4)
    assert cluster.created == [(name, 4, -1) for name in NAMES]
    assert {(each.created, each.partitions, each.differs) for each in found} == {(True, 4, ())}
    cluster.topics.clear()
    cluster.created.clear()
    await create_topics(SETTINGS, partitions=4, replicas=2)
    assert cluster.created == [(name, 4, 2) for name in NAMES]


async def test_a_broker_that_does_not_know_minus_one_is_given_its_own_default(cluster):
    cluster.knows_minus_one, cluster.default = False, 2
    await create_topics(SETTINGS, partitions=4)
    assert cluster.topics == dict.fromkeys(NAMES, (4, 2))


@pytest.mark.parametrize(("default", "replicas"), [(None, None), (3, 7)])
async def test_a_number_of_replicas_that_cannot_be_is_an_error(cluster, default, replicas):
    cluster.knows_minus_one, cluster.default = False, default
    cluster.refusals = {} if replicas is None else dict.fromkeys(NAMES, InvalidReplicationFactorError)
    with pytest.raises(InvalidReplicationFactorError, match=r"p\.jobs: "):
        await create_topics(SETTINGS, partitions=4, replicas=replicas)


async def test_only_what_is_missing_is_created(cluster):
    existing(cluster)
    del cluster.topics["p.stats"]
    found = await create_topics(SETTINGS, partitions=12)
    assert cluster.created == [("p.stats", 12, -1)]
    assert [each.name for each in found if each.created] == ["p.stats"]


async def test_what_somebody_else_created_meanwhile_is_not_waited_for_as_if_it_were_ours(cluster):
    cluster.refusals = {"p.jobs": TopicAlreadyExistsError}
    cluster.config["p.jobs"] = {"retention.ms": "1"}
    first, *others = await create_topics(SETTINGS, partitions=4)
    assert not first.created
    assert first.differs[0] == "partitions: is 2, should be 4"
    assert all(each.created for each in others)
    assert cluster.waited == dict.fromkeys(NAMES, 4) | {"p.jobs": 1}


async def test_a_refused_topic_is_named(cluster):
    cluster.refusals = {"p.stats": PolicyViolationError}
    with pytest.raises(PolicyViolationError, match=r"p\.stats: no$"):
        await create_topics(SETTINGS, partitions=4)


async def test_a_broker_that_goes_away_is_unreachable(cluster, monkeypatch):
    async def gone(*_: Any) -> None:
        raise KafkaConnectionError

    monkeypatch.setattr(topics, "metadata", gone)
    with pytest.raises(KafkaUnreachableError, match="kafka:9092"):
        await create_topics(SETTINGS, partitions=4)


# ── comparing ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("layout", "asked", "default", "differs"),
    [
        ((12, 3), None, 3, ()),
        ((24, 3), None, 3, ()),
        ((3, 3), None, 3, ("partitions: is 3, should be 12",)),
        ((12, 1), None, 3, ("replicas: is 1, the cluster's default is 3",)),
        ((12, 3), None, 1, ()),
        ((12, 1), None, None, ()),
        ((12, 3), 3, 1, ()),
        ((12, 3), 2, 1, ("replicas: is 3, should be 2",)),
        ((6, 1), 2, 1, ("partitions: is 6, should be 12", "replicas: is 1, should be 2")),
    ],
)
async def test_the_layout_of_an_existing_topic_is_compared(cluster, layout, asked, default, differs):
    partitions, replicas = layout
    existing(cluster, partitions=partitions, replicas=replicas)
    cluster.default = default
    for found in await create_topics(SETTINGS, partitions=12, replicas=asked):
        assert (found.created, found.partitions, found.differs) == (False, partitions, differs)
    assert not cluster.created


async def test_its_settings_are_compared_and_lists_in_any_order(cluster):
    existing(
        cluster,
        jobs={"retention.ms": "1"},
        control={"cleanup.policy": "delete,compact"},
        stats={"other": "1"},
    )
    found = {each.name: each.differs for each in await create_topics(SETTINGS, partitions=12)}
    assert found.pop("p.jobs") == ("retention.ms: is 1, should be 604800000",)
    assert set(found.values()) == {()}


async def test_settings_that_are_not_told_are_not_taken_for_right(cluster):
    existing(cluster)
    cluster.unreadable = True
    found = await create_topics(SETTINGS, partitions=12)
    assert {each.differs for each in found} == {("its settings cannot be read",)}


# ── requiring ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_worker_requires_its_own_topics_alone(cluster):
    existing(cluster)
    await require_topics(SETTINGS)
    cluster.topics = {"p.control": (1, 1)}
    await require_topics(SETTINGS, "control")
    with pytest.raises(MissingTopicsError) as caught:
        await require_topics(SETTINGS)
    named = ", ".join(name for name in NEEDED if name != "p.control")
    assert str(caught.value) == (
        f"Kafka at kafka:9092 has no topic {named}: create what is missing with `pushmill topics create`"
    )


async def test_it_waits_for_those_that_somebody_is_creating(cluster):
    cluster.appearing = [*NEEDED]
    await require_topics(SETTINGS, patience=60)
    assert cluster.looks == len(NEEDED) + 1


async def test_a_broker_that_restarts_meanwhile_does_not_end_the_wait(cluster, monkeypatch):
    look, looks = cluster.metadata, iter([True, False, False])

    async def metadata(*_: Any) -> Metadata:
        if not next(looks, True):
            raise NodeNotReadyError
        return await look()

    monkeypatch.setattr(topics, "metadata", metadata)
    cluster.appearing = [*NEEDED]
    await require_topics(SETTINGS, patience=60)


async def test_patience_has_an_end_and_then_those_still_missing_are_named(cluster):
    cluster.appearing = NEEDED[:-1]
    with pytest.raises(MissingTopicsError, match=rf"has no topic {NEEDED[-1]}: "):
        await require_topics(SETTINGS, patience=0.2)


@pytest.mark.parametrize("patience", [0.0, 30.0])
@pytest.mark.parametrize("error", [IncompatibleBrokerVersion, TopicAuthorizationFailedError, KafkaError])
async def test_whatever_the_cluster_answers_is_one_line(cluster, monkeypatch, error, patience):
    async def refused(*_: Any) -> None:
        raise error

    monkeypatch.setattr(topics, "metadata", refused)
    with pytest.raises(KafkaUnreachableError, match=r"^cannot use Kafka at kafka:9092 \([^\n]+$"):
        await require_topics(SETTINGS, patience=patience)
