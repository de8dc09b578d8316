"""What the worker is told of launches, by launchers that are cut off from Kafka and die at any point."""

import asyncio
from itertools import permutations
from types import SimpleNamespace

import msgspec
import pytest

from campaigns.launch.controls import write_controls
from tests.harness.audiences import add_launch, add_site

LAUNCH = 3
TIME_PASSES = "UPDATE launch SET told_at = told_at - interval '1 hour'"
WANT = "UPDATE launch SET wanted = $1, wanted_at = clock_timestamp(), control_due = true"


class Launcher:
    """Tells; what it says stays in its producer until Kafka can be reached."""

    def __init__(self, database, topic):
        self._topic = topic
        self._service = SimpleNamespace(database=database)
        self._reached = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._waiting = []
        self.has_read = asyncio.Event()
        self.telling = None

    async def publish(self, publications):
        self._waiting = [msgspec.json.decode(each.value)["state"] for each in publications]
        self.has_read.set()
        await self._reached.wait()
        self.arrive()
        await self._acknowledged.wait()

    def arrive(self):
        """Let what it has said so far reach Kafka."""
        self._topic += self._waiting
        self._waiting = []

    async def set_out(self):
        """Begin to tell what is wanted now; return whether there is anything to be told."""
        self.telling = asyncio.create_task(write_controls(self._service, self))
        read = asyncio.create_task(self.has_read.wait())
        await asyncio.wait((self.telling, read), return_when=asyncio.FIRST_COMPLETED)
        read.cancel()
        return not self.telling.done()

    async def finish(self):
        self._reached.set()
        self._acknowledged.set()
        await self.telling

    async def die(self):
        self.telling.cancel()
        await asyncio.wait((self.telling,))


@pytest.fixture
async def connection(database):
    async with database.connection() as lent:
        await add_launch(lent, await add_site(lent), number=LAUNCH)
        yield lent


async def tell(database, topic):
    """Tell until nothing is left to be told."""
    while await (launcher := Launcher(database, topic)).set_out():
        await launcher.finish()


async def test_what_a_launcher_says_too_late_before_it_dies_does_not_stand(database, connection):
    topic = []
    await connection.execute(WANT, "paused")
    cut_off = Launcher(database, topic)
    await cut_off.set_out()
    await connection.execute(WANT, "running")
    await tell(database, topic)
    assert topic == ["running"]
    cut_off.arrive()
    await cut_off.die()
    assert topic == ["running", "paused"]
    await connection.execute(TIME_PASSES)
    await tell(database, topic)
    assert topic == ["running", "paused", "running"]


async def test_nothing_is_repeated_once_everybody_has_come_back(database, connection):
    topic = []
    await connection.execute(WANT, "paused")
    first, second = Launcher(database, topic), Launcher(database, topic)
    for each in (first, second):
        await each.set_out()
    await first.finish()
    assert not await connection.fetchval("SELECT control_due FROM launch")
    await second.finish()
    await connection.execute(TIME_PASSES)
    await tell(database, topic)
    assert topic == ["paused"] * 2


async def test_nothing_is_repeated_of_a_launch_that_is_done(database, connection):
    topic = []
    await connection.execute(WANT, "paused")
    dies = Launcher(database, topic)
    await dies.set_out()
    await dies.die()
    await tell(database, topic)
    await connection.execute("UPDATE launch SET state = 'done'")
    await connection.execute(TIME_PASSES)
    await tell(database, topic)
    assert topic == ["paused"]


async def test_what_is_wanted_stands_in_the_end_in_whatever_order_things_happen(database, connection):
    for steps in {*permutations(("want", "want", "set out", "set out", "the last finishes", "all arrive"))}:
        await connection.execute("UPDATE launch SET wanted = 'running', control_due = true, tellers = 0")
        topic, launchers = [], []
        for step in steps:
            if step == "want":
                wanted = await connection.fetchval("SELECT wanted FROM launch")
                await connection.execute(WANT, "running" if wanted == "paused" else "paused")
            elif step == "set out":
                launchers.append(Launcher(database, topic))
                await launchers[-1].set_out()
            elif step == "all arrive":
                for each in launchers:
                    each.arrive()
            elif launchers:
                await launchers.pop().finish()
        for each in launchers:
            each.arrive()
            await each.die()
        await connection.execute(TIME_PASSES)
        await tell(database, topic)
        assert topic[-1] == await connection.fetchval("SELECT wanted FROM launch"), steps
