"""Which exits the chaos run counts as clean."""

import signal
from types import SimpleNamespace

import pytest

from tests.chaos.fleet import Fleet
from tests.chaos.schedule import Kind


class Process:
    """Exits with a status on a signal."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.ended = False
        self.signals: list[int] = []

    def signal(self, number: int) -> None:
        self.signals.append(number)

    async def wait(self, _seconds: float) -> int:
        return self.status


@pytest.mark.parametrize(
    ("status", "unclean"),
    [(0, []), (1, ["worker-0-1"]), (-signal.SIGTERM, []), (-signal.SIGKILL, ["worker-0-1"])],
)
async def test_a_drain_is_clean_that_ends_with_0_or_before_anything_began(tmp_path, status, unclean):
    told = []
    fleet = Fleet([], tmp_path, lambda kind, _at, name: told.append((kind, name)))
    process = Process(status)
    await fleet._drain(SimpleNamespace(process=process, name="worker-0-1"), Kind.TERM)
    assert process.signals == [signal.SIGTERM]
    assert fleet.unclean == unclean
    assert told == [(Kind.TERM, "worker-0-1")] + [(Kind.EXIT, name) for name in unclean]
