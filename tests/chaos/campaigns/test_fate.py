"""At which steps a process dies."""

import asyncio

import pytest

from tests.chaos.campaigns.fate import Fate, MortalCursors, mortal


class DeathError(Exception):
    """In place of a process's death."""


class Mortal(Fate):
    def die(self) -> None:
        raise DeathError


class Cursors:
    def __init__(self) -> None:
        self.kept = 0

    async def keep(self, _markers: object) -> None:
        self.kept += 1


class Producer:
    def __init__(self) -> None:
        self.done: list[str] = []

    async def begin_transaction(self) -> None:
        self.done.append("begin")

    async def commit_transaction(self) -> None:
        await asyncio.sleep(0)
        self.done.append("commit")


async def write_on(fate: Fate, made: Producer, producer: Producer, cursors: MortalCursors) -> None:
    for fate.chunk in range(1, 9):
        producer.done.clear()
        await made.begin_transaction()
        await made.commit_transaction()
        await cursors.keep([])


async def write(step: str, chunk: int) -> tuple[int, list[str], int]:
    """Write chunks until death; return in which that was, what the producer did, and how many were kept."""
    fate, cursors = Mortal(step, chunk), Cursors()
    mortal_cursors = MortalCursors(cursors, fate)
    producer = Producer()
    made = mortal(producer, fate, mortal_cursors)
    await mortal_cursors.keep([])  # as it claims
    cursors.kept = 0
    with pytest.raises(DeathError):
        await write_on(fate, made, producer, mortal_cursors)
    return fate.chunk, producer.done, cursors.kept


@pytest.mark.parametrize(
    ("step", "done", "kept"),
    [
        ("begun", ["begin"], 1),
        ("sent", ["begin"], 1),
        ("committed", ["begin", "commit"], 1),
        ("kept", ["begin", "commit"], 2),
    ],
)
async def test_a_process_dies_at_its_step_of_its_transaction(step, done, kept):
    assert await write(step, 2) == (2, done, kept)


async def test_a_process_dies_while_it_commits():
    chunk, done, kept = await write("committing", 2)
    assert (chunk, done[0], kept) == (2, "begin", 1)


def test_a_later_transaction_will_do_and_no_other_step():
    fate = Fate("sent", 2)
    for fate.chunk, step, dies in (
        (1, "sent", False),
        (2, "begun", False),
        (2, "sent", True),
        (3, "sent", True),
    ):
        assert fate.is_at(step) is dies
    assert not Fate("", 1).is_at("sent")


def test_whoever_dies_writes_down_where_first(tmp_path, monkeypatch):
    signals = []
    monkeypatch.setattr("os.kill", lambda pid, number: signals.append((pid, number)))
    for step in ("sent", "begun"):
        fate = Fate(step, 1, tmp_path / "log")
        fate.chunk = 1
        fate.reached(step)
    assert len(signals) == 2
    assert [line.split('"')[3] for line in (tmp_path / "log").read_text().splitlines()] == ["sent", "begun"]
