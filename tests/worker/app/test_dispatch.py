import asyncio

import pytest

from tests.harness.waiting import until
from tests.worker.support import job, make_pipeline, recipient, record
from worker.app import dispatch as dispatcher
from worker.app.dispatch import BURST, PAUSE, Dispatcher
from worker.edges import clock
from worker.ledger.ledger import CHECKPOINT_MAX
from worker.ledger.progress import Progress
from worker.push.answers import PushResponse
from worker.records.values import moment

SLOTS = 80  # one push service gets 60 of them; an eighth is 10
LONG = 20 * PAUSE
LATE = 5.0  # seconds that nothing takes unless it is forgotten, not even on a busy machine


class Wire:
    """A transport that holds requests until a test lets them land."""

    def __init__(self):
        self.under_way = []

    def post(self, request, landed, may_go):
        self.posted_at = clock.now()
        self.under_way.append(landed)
        self.may_go = may_go

    def connect(self):
        """Give the last request its connection; it goes, or is dropped and never lands."""
        if not self.may_go():
            self.under_way.pop()

    def land(self, number):
        for landed in [self.under_way.pop(0) for _ in range(number)]:
            landed(PushResponse(201))


class World:
    def __init__(self, slots=SLOTS):
        self.wire = Wire()
        self.pipeline = make_pipeline(now=clock.now(), in_flight=slots)
        self.allowed = lambda: True
        self.checkpoint_wanted = asyncio.Event()
        self.dispatcher = Dispatcher(
            self.pipeline,
            self.wire,
            slots=slots,
            may_send=self.may_send,
            checkpoint_wanted=self.checkpoint_wanted,
        )
        self.accepted = 0

    def may_send(self):
        return self.allowed()

    def accept(self, number, **fields):
        people = [recipient(f"sub_{self.accepted}_{each}") for each in range(number)]
        now = clock.now()
        made = record(job(*people, **fields), offset=self.accepted, timestamp=now)
        assert self.pipeline.accept(made, now) is None
        self.accepted += 1
        self.dispatcher.wake()

    async def __aenter__(self):
        self.running = asyncio.create_task(self.dispatcher.run())
        await few_turns_of_the_loop()
        self.dispatcher._last_turn -= dispatcher.PAUSE  # nothing went out lately
        return self

    async def __aexit__(self, *_):
        self.running.cancel()
        await asyncio.wait([self.running])


async def few_turns_of_the_loop():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def unhurried(monkeypatch):
    """Make the pause so long that nothing happens by chance before it is over."""
    monkeypatch.setattr(dispatcher, "PAUSE", 1.0)


async def test_what_comes_to_an_idle_worker_goes_out_at_once():
    async with World() as world:
        world.accept(1)
        await few_turns_of_the_loop()
        assert len(world.wire.under_way) == 1


async def test_a_burst_is_followed_by_another_as_soon_as_the_loop_had_its_turn(unhurried):
    async with World() as world:
        world.accept(2 * BURST)
        await few_turns_of_the_loop()
        assert len(world.wire.under_way) == 60


async def test_what_lands_one_by_one_is_followed_together(unhurried):
    async with World() as world:
        world.accept(100)
        await few_turns_of_the_loop()
        for _ in range(3):
            world.wire.land(1)
            await few_turns_of_the_loop()
        assert len(world.wire.under_way) == 57
        await until(lambda: len(world.wire.under_way) > 57)
        assert len(world.wire.under_way) == 60


async def test_no_more_than_an_eighth_of_the_slots_is_kept_idle(unhurried):
    async with World() as world:
        world.accept(100)
        await few_turns_of_the_loop()
        world.wire.land(10)
        await few_turns_of_the_loop()
        assert len(world.wire.under_way) == 60


async def test_with_few_slots_each_answer_is_followed_at_once(unhurried):
    async with World(slots=4) as world:
        world.accept(10)
        for _ in range(5):
            await few_turns_of_the_loop()
            assert len(world.wire.under_way) == 3
            world.wire.land(1)


async def test_what_is_due_later_goes_out_then_and_not_before():
    async with World() as world:
        due = clock.now() + LONG
        world.accept(1, start_at=moment(due).isoformat())
        await until(lambda: world.wire.under_way)
        assert due <= world.wire.posted_at < due + LATE


async def test_an_answer_is_followed_before_what_waits_for_its_time():
    async with World(slots=1) as world:
        world.accept(2)
        world.accept(1, start_at=moment(clock.now() + 10).isoformat())
        await few_turns_of_the_loop()
        world.wire.land(1)
        await asyncio.sleep(LONG / 2)
        assert len(world.wire.under_way) == 1


async def test_nothing_is_made_without_the_right_to_send():
    async with World() as world:
        world.allowed = lambda: False
        world.accept(1)
        await asyncio.sleep(2 * PAUSE)
        assert not world.wire.under_way
        world.allowed = lambda: True
        world.dispatcher.wake()
        await asyncio.sleep(2 * PAUSE)
        assert len(world.wire.under_way) == 1


async def test_the_right_to_send_is_asked_for_before_each_request():
    async with World() as world:
        left = iter([True, True, True])
        world.allowed = lambda: next(left, False)
        world.accept(5)
        await asyncio.sleep(2 * PAUSE)
        assert len(world.wire.under_way) == 2
        assert (world.pipeline.in_flight, world.pipeline.buffered) == (2, 5)


async def test_waiting_for_all_to_land_ends_with_the_last_one():
    async with World() as world:
        await world.dispatcher.all_landed()
        world.accept(2)
        await asyncio.sleep(2 * PAUSE)
        waiting = asyncio.create_task(world.dispatcher.all_landed())
        world.wire.land(1)
        await few_turns_of_the_loop()
        assert not waiting.done()
        world.wire.land(1)
        await few_turns_of_the_loop()
        assert waiting.done()


async def test_a_mistake_over_one_row_of_answers_costs_no_other():
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: told.append(what["exception"]))
    async with World() as world:
        for _ in range(3):  # each record is a row of its own
            world.accept(1)
        await until(lambda: len(world.wire.under_way) == 3)
        land, numbers = world.pipeline.land, iter(range(3))
        world.pipeline.land = lambda *landed: 1 / (next(numbers) != 1) and land(*landed)
        world.wire.land(3)
        await asyncio.wait_for(world.dispatcher.all_landed(), 1)
        assert world.pipeline.unacknowledged == 2
    assert [type(each) for each in told] == [ZeroDivisionError]


async def test_answers_that_come_together_are_taken_in_together():
    async with World() as world:
        world.accept(5)
        await until(lambda: len(world.wire.under_way) == 5)
        world.wire.land(4)
        assert world.pipeline.unacknowledged == 0
        await few_turns_of_the_loop()
        assert (world.pipeline.unacknowledged, world.pipeline.in_flight) == (4, 1)


async def test_what_was_called_back_is_not_waited_for():
    async with World() as world:
        left = iter([True])
        world.allowed = lambda: next(left, False)
        world.accept(1)
        await asyncio.sleep(2 * PAUSE)
        await asyncio.wait_for(world.dispatcher.all_landed(), 1)


async def test_what_waited_for_a_connection_without_the_right_to_send_is_called_back_and_goes_later():
    async with World() as world:
        world.accept(1)
        await until(lambda: world.wire.under_way)
        world.allowed = lambda: False
        world.wire.connect()
        assert (world.wire.under_way, world.pipeline.in_flight, world.pipeline.buffered) == ([], 0, 1)
        await asyncio.wait_for(world.dispatcher.all_landed(), 1)
        world.allowed = lambda: True
        world.dispatcher.wake()
        await until(lambda: world.wire.under_way)
        world.wire.connect()
        assert len(world.wire.under_way) == 1
        world.wire.land(1)
        await until(lambda: world.pipeline.unacknowledged == 1)


async def test_what_waited_for_a_connection_is_not_sent_for_a_partition_that_was_lost_and_came_back():
    async with World() as world:
        world.accept(1)
        await until(lambda: world.wire.under_way)
        partitions = world.pipeline.partitions
        world.pipeline.forget()
        for partition in partitions:
            world.pipeline.assign(partition, Progress(0))
        world.wire.connect()
        assert (world.wire.under_way, world.pipeline.in_flight, world.pipeline.buffered) == ([], 0, 0)


async def test_a_checkpoint_is_wanted_once_half_of_what_may_be_at_risk_has_settled():
    async with World() as world:
        for _ in range(CHECKPOINT_MAX // 2 // 50):
            assert not world.checkpoint_wanted.is_set()
            world.accept(50)
            await until(lambda: len(world.wire.under_way) == 50)
            world.wire.land(50)
        await until(world.checkpoint_wanted.is_set)


async def test_a_mistake_ends_it():
    async with World() as world:
        world.pipeline.dispatch = None
        world.accept(1)
        with pytest.raises(TypeError):
            await world.running
