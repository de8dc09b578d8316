import io
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest
from rich.console import Console

from worker.demo import stretched
from worker.demo.contract import URGENT_JOBS, Outcome
from worker.demo.course import NO_PAUSE, Timetable
from worker.demo.evidence import Received
from worker.demo.producer import ProducerRecord, RecipientKey
from worker.demo.stretched import PAUSE_SECONDS, Director, Follower
from worker.records.control import CampaignControl

START = 1_800_000_000.0
OVERTAKING = ProducerRecord(URGENT_JOBS, "job-9", b"{}")


class Stage:
    """The parts of a stage that a director needs."""

    def __init__(self):
        self.kafka = SimpleNamespace(settings=None)
        self.console = Console(file=io.StringIO(), width=120)

    def say(self, line):
        self.console.print(line, highlight=False)


@pytest.fixture
def written(monkeypatch):
    """The records that would be written to Kafka."""
    found = []

    async def write(_settings, records):
        found.extend(records)
        return {record.key: START + 20.1 for record in records}

    monkeypatch.setattr(stretched, "write", write)
    return found


@pytest.fixture
def at(monkeypatch):
    """Lets a director act at a time, in seconds after the start."""

    async def act(director, seconds):
        monkeypatch.setattr(stretched.time, "time", lambda: START + seconds)
        await director.act(START + seconds)

    return act


async def test_the_director_acts_in_time_and_in_turn(written, at):
    stage = Stage()
    director = Director(stage, Timetable(START, 100.0, {}), OVERTAKING)
    await at(director, 19.9)
    assert written == []
    await at(director, 20.1)
    assert written.pop() is OVERTAKING
    assert director.written_at == {"job-9": START + 20.1}
    await at(director, 39.9)
    assert (written, director.pause) == ([], NO_PAUSE)
    await at(director, 40.0)
    assert director.pause.lasts(START + 44.0)
    await at(director, 40.0 + PAUSE_SECONDS - 0.1)
    await at(director, 40.25 + PAUSE_SECONDS)
    assert (director.pause.at, director.pause.until) == (START + 40, START + 40.25 + PAUSE_SECONDS)
    assert director.pause.shift == PAUSE_SECONDS + 0.25
    await at(director, 99.0)
    controls = [msgspec.json.decode(record.value, type=CampaignControl) for record in written]
    assert [(each.state.value, each.shift) for each in controls] == [
        ("paused", 0.0),
        ("running", PAUSE_SECONDS + 0.25),
    ]
    assert {(record.topic, record.key) for record in written} == {("control", "autumn")}
    assert [line.strip() for line in stage.console.file.getvalue().splitlines()] == [
        "20.1 s: an urgent job is written",
        "40.0 s: the campaign is paused",
        "48.2 s: the campaign is resumed; its planned times have moved by 8.2 s",
    ]


def test_the_follower_takes_in_each_outcome_once():
    plan = Timetable(START, 10.0, {RecipientKey("j", f"sub-{n}"): START + n for n in range(10)})
    received = Received()
    follower = Follower(plan, received)
    for number in range(10):
        at = datetime.fromtimestamp(START + number, UTC)
        received.outcomes[RecipientKey("j", f"sub-{number}")] = Outcome(f"sub-{number}", "sent", at, 1)
        follower.follow(NO_PAUSE)
        assert follower.has(number + 1)
        assert not follower.has(number + 2)
    assert follower.pace.picture(START + 20, NO_PAUSE, 10).actual == 1.0
