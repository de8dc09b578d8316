"""The short form of `make chaos`: a few events of each kind, and nothing is lost."""

from pathlib import Path

import pytest

from tests.chaos.run import TEST_BROKER, Options, Run
from tests.chaos.schedule import Kind, schedule

COUNTS = {Kind.KILL: 2, Kind.TERM: 2, Kind.JOIN: 1, Kind.FREEZE: 1, Kind.PAUSE: 1, Kind.CUT: 1}
KAFKA = {} if TEST_BROKER else {Kind.KAFKA_RESTART: 1, Kind.KAFKA_FREEZE: 1, Kind.MOVE: 1}


@pytest.mark.timeout(240)
async def test_whatever_dies_nothing_is_lost(tmp_path: Path):
    said: list[str] = []
    options = Options(
        COUNTS | KAFKA,
        recipients=2000,
        workers=2,
        seconds=25,
        rest=0.5,
        in_flight=32,
        per_record=20,
        say=said.append,
    )
    verdict = await Run(options, tmp_path).run()
    assert not verdict.problems(), "\n".join([*said, verdict.table()])


def test_a_schedule_follows_from_its_seed():
    one = schedule(7, COUNTS, 3, 1.0)
    assert one == schedule(7, COUNTS, 3, 1.0) != schedule(8, COUNTS, 3, 1.0)
    assert len(one) == sum(COUNTS.values())
    assert {event.worker for event in one} <= {0, 1, 2}
