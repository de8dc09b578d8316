"""What Kafka is told of subscribers who were erased, by launchers that die at any point."""

import asyncio
from types import SimpleNamespace

import pytest

from campaigns.collect.expirations import read_expirations
from campaigns.launch import tombstones
from campaigns.launch.tombstones import write_tombstones
from campaigns.store.erasures import add_erasure, repeat_erasures
from tests.campaigns.collect.records import expired
from worker.records.topics import EXPIRED

ENDPOINT = "https://push.example/1"


class Topic:
    """Takes records, as soon as Kafka can be reached."""

    def __init__(self):
        self.keys, self.asked, self.there = [], asyncio.Event(), asyncio.Event()
        self.there.set()

    async def publish(self, publications):
        records = list(publications)
        self.asked.set()
        await self.there.wait()
        assert all((each.topic, each.value) == (EXPIRED, None) for each in records)
        self.keys += [each.key for each in records]


@pytest.fixture
def topic():
    return Topic()


@pytest.fixture
def service(database):
    return SimpleNamespace(database=database)


async def erase(database, *subscribers):
    async with database.transaction() as connection:
        for each in subscribers:
            await add_erasure(connection, 7, each)


async def test_every_one_is_told_of_once_by_the_workers_own_key(database, service, topic, monkeypatch):
    monkeypatch.setattr(tombstones, "AT_ONCE", 2)
    assert not await write_tombstones(service, topic)
    await erase(database, 1, 2, 3)
    while await write_tombstones(service, topic):
        pass
    assert sorted(topic.keys) == [b"site_7/sub_1", b"site_7/sub_2", b"site_7/sub_3"]


async def test_while_kafka_is_away_nothing_is_forgotten(database, service, topic):
    await erase(database, 1)
    topic.there.clear()
    dies = asyncio.create_task(write_tombstones(service, topic))
    await topic.asked.wait()
    dies.cancel()
    await asyncio.wait((dies,))
    topic.there.set()
    assert await write_tombstones(service, topic)
    assert topic.keys == [b"site_7/sub_1"]


async def test_what_a_worker_tells_later_is_taken_back(database, service, topic):
    await erase(database, 1)
    await write_tombstones(service, topic)
    said = read_expirations([expired(1, ENDPOINT, site="site_7"), expired(2, ENDPOINT, site="site_7"), None])
    async with database.transaction() as connection:
        await repeat_erasures(connection, said.gone)
    assert await write_tombstones(service, topic)
    assert not await write_tombstones(service, topic)
    assert topic.keys == [b"site_7/sub_1"] * 2
