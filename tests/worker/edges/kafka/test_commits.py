"""Reading a group's commits, with an admin client that answers as Kafka has been seen to."""

from typing import Any, ClassVar

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from structlog.testing import capture_logs

from worker.edges.kafka import commits
from worker.edges.kafka.commits import read_commits
from worker.logs import LogThrottle
from worker.records.envelope import Commit

FIRST, SECOND = TopicPartition("push.jobs", 0), TopicPartition("push.jobs", 1)
NEVER_COMMITTED = OffsetAndMetadata(-1, "")


class Admin:
    """Stands in for the administrative client: answers in order, and counts how often it is closed."""

    answers: ClassVar[list[Any]] = []
    asked: ClassVar[list[Any]] = []
    closed = 0

    def __init__(self, _settings: Any) -> None: ...

    async def start(self) -> None: ...

    async def list_consumer_group_offsets(self, group: str, *, partitions: list[Any]) -> Any:
        self.asked.append((group, set(partitions)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        Admin.closed += 1


@pytest.fixture(autouse=True)
def admin(monkeypatch):
    monkeypatch.setattr(Admin, "answers", [])
    monkeypatch.setattr(Admin, "asked", [])
    monkeypatch.setattr(Admin, "closed", 0)
    monkeypatch.setattr(commits, "Admin", Admin)
    monkeypatch.setattr(commits, "RETRY_SECONDS", 0.0)
    return Admin


async def read(settings, *partitions):
    return await read_commits(settings, "group", set(partitions), LogThrottle())


async def test_each_partition_has_its_commit_with_its_metadata_or_none(settings, admin):
    admin.answers.append({FIRST: OffsetAndMetadata(7, "map"), SECOND: NEVER_COMMITTED})
    assert await read(settings, FIRST, SECOND) == {FIRST: Commit(7, "map"), SECOND: None}
    assert (admin.asked, admin.closed) == ([("group", {FIRST, SECOND})], 1)


async def test_a_commit_without_metadata_has_empty_metadata(settings, admin):
    admin.answers.append({FIRST: OffsetAndMetadata(0, None)})
    assert await read(settings, FIRST) == {FIRST: Commit(0, "")}


@pytest.mark.parametrize("error", [KafkaError("no"), KafkaConnectionError("no"), OSError("no")])
async def test_an_error_is_no_answer(settings, admin, error):
    admin.answers += [error, error, {FIRST: OffsetAndMetadata(7, "map")}]
    with capture_logs() as lines:
        assert await read(settings, FIRST) == {FIRST: Commit(7, "map")}
    assert [line["error"] for line in lines] == [type(error).__name__]  # the second one repeats the first
    assert admin.closed == 3


async def test_an_answer_that_leaves_a_partition_out_is_none(settings, admin):
    admin.answers += [{FIRST: OffsetAndMetadata(7, "map")}, {FIRST: NEVER_COMMITTED, SECOND: NEVER_COMMITTED}]
    assert await read(settings, FIRST, SECOND) == {FIRST: None, SECOND: None}


async def test_without_partitions_nobody_is_asked(settings, admin):
    assert await read(settings) == {}
    assert not admin.asked
