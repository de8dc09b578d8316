"""`pushmill control` where Kafka takes no record."""

import asyncio

import pytest
import typer
from aiokafka.errors import TopicAuthorizationFailedError

from worker.commands import control
from worker.config import KafkaSettings
from worker.edges.kafka import producer
from worker.records.control import CampaignControl, State
from worker.records.values import moment

SETTINGS = KafkaSettings(kafka_bootstrap_servers="kafka:9092", topic_prefix="p.")
PAUSED = CampaignControl(1, "camp_1", State.PAUSED, moment(1_800_000_000.0))


class Kafka:
    """Stands in for aiokafka's producer: connects, and answers each record with `answer`."""

    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()
        self.records = []
        self.stopped = False

    async def start(self):
        pass

    async def stop(self):
        self.stopped = True

    async def send(self, topic, value, *, key, headers):
        self.records.append((topic, key))
        return self.answer


@pytest.fixture
async def kafka(monkeypatch):
    made = Kafka()
    monkeypatch.setattr(producer.RecordProducer, "_make_producer", lambda _: made)
    return made


async def written(kafka):
    try:
        await control._write(SETTINGS, PAUSED)
    finally:
        assert kafka.records == [("p.control", b"camp_1")]
        assert kafka.stopped


async def test_a_record_that_is_never_acknowledged_ends_the_command(kafka, monkeypatch, capsys):
    monkeypatch.setattr(control, "WRITE_LIMIT", 0.01)
    with pytest.raises(typer.Exit) as ended:
        await written(kafka)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == (
        "pushmill: Kafka has not acknowledged within 0.01 s that camp_1 is paused; it may still be written: "
        "repeat the command once Kafka answers\n"
    )


async def test_a_record_that_is_refused_ends_the_command(kafka, capsys):
    kafka.answer.set_exception(TopicAuthorizationFailedError())
    with pytest.raises(typer.Exit) as ended:
        await written(kafka)
    assert ended.value.exit_code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("pushmill: Kafka refuses records: ")


async def test_an_acknowledged_record_is_enough(kafka):
    kafka.answer.set_result(None)
    await written(kafka)
