"""Connections and their pool against every order of events: each request lands once, with its own answer."""

from collections import deque
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.answers import PushResponse, TransportFailure
from worker.edges.connections import Connection, Pool

ORIGINS = ("https://a.example", "https://b.example")
BUSY, IDLE = 10.0, 55.0


class Wire:
    """Stands for asyncio's transport: says what was written, and tells of the end one turn later."""

    def __init__(self, world: "World", *, breaks: bool = False) -> None:
        self.world = world
        self.breaks = breaks
        self.written: list[bytes] = []
        self.closed = False
        self.lost = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        if self.breaks:
            raise RuntimeError
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            self.world.later.append(self)


class World:
    """A pool, and the loop around it."""

    def __init__(self, idle_max: int = 2) -> None:
        self.pool = Pool(idle_max)
        self.now = 0.0
        self.numbers = count()
        self.wires: list[tuple[Connection, Wire]] = []
        self.landed: dict[int, list] = {}
        self.later: deque[Wire] = deque()
        self.again = False

    def post(self, origin: str, *, breaks: bool = False) -> int:
        number = next(self.numbers)
        self.landed[number] = []
        connection = self.pool.take(origin)
        if connection is None:
            connection = Connection(self.pool, origin)
            wire = Wire(self, breaks=breaks)
            connection.connection_made(wire)
            self.wires.append((connection, wire))
        assert connection.origin == origin
        assert not connection.busy
        connection.send(b"%d" % number, lambda answer: self._land(number, origin, answer), self.now)
        return number

    def _land(self, number: int, origin: str, answer) -> None:
        self.landed[number].append(answer)
        if self.again:
            self.again = False
            self.post(origin)

    def turn(self) -> None:
        while self.later:
            self.lose(self.later.popleft())

    def lose(self, wire: Wire) -> None:
        connection = next(each for each, its in self.wires if its is wire)
        if not wire.lost:
            wire.closed = wire.lost = True
            connection.connection_lost(None)


def arrive(connection: Connection, data: bytes) -> None:
    connection.get_buffer(len(data))[: len(data)] = data
    connection.buffer_updated(len(data))


def answer_to(number: int) -> bytes:
    return b"HTTP/1.1 400 X\r\nContent-Length: 4\r\n\r\n%04d" % number


EVENTS = st.tuples(
    st.sampled_from(
        ["post", "post", "post", "answer", "answer", "half", "stale", "eof", "lose", "turn", "sweep", "again"]
    ),
    st.integers(0, 7),
    st.integers(1, 45),
)


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_a_request_lands_once_and_with_its_own_answer(events):
    world = World()
    for event, which, amount in events:
        happen(world, event, which, amount)
    for _, wire in list(world.wires):
        world.lose(wire)
    for _, wire in list(world.wires):  # those that a landing opened meanwhile
        world.lose(wire)
    for number, [answer] in world.landed.items():
        assert isinstance(answer, TransportFailure) or (b"%04d" % number).startswith(answer.body)
        assert isinstance(answer, TransportFailure) or answer.status == 400
    assert world.pool.connections == ()


def happen(world: World, event: str, which: int, amount: int) -> None:
    if event == "post":
        world.post(ORIGINS[which % 2], breaks=which == 7)
    elif event == "turn":
        world.turn()
    elif event == "again":
        world.again = True
    elif event == "sweep":
        world.now += amount
        world.pool.sweep(world.now, busy=BUSY, idle=IDLE)
    elif world.wires:
        connection, wire = world.wires[which % len(world.wires)]
        if not wire.closed:
            receive(world, connection, wire, event, amount)


def receive(world: World, connection: Connection, wire: Wire, event: str, amount: int) -> None:
    right = answer_to(int(wire.written[-1])) if wire.written and connection.busy else b""
    if event == "answer" and right:
        arrive(connection, right)
    elif event == "half" and right:
        arrive(connection, right[:amount])
        if not wire.closed and connection.busy and amount < len(right):
            arrive(connection, right[amount:])
    elif event == "stale":
        arrive(connection, (right or b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n") + b"HTTP/1.1 410")
        assert wire.closed
    elif event == "eof":
        connection.eof_received()
        assert wire.closed
    elif event == "lose":
        world.lose(wire)


def test_an_idle_connection_is_used_again_the_last_one_first():
    world = World()
    for _ in range(2):
        world.post(ORIGINS[0])
    (first, _), (second, wire) = world.wires
    arrive(first, answer_to(0))
    arrive(second, answer_to(1))
    world.post(ORIGINS[0])
    assert (wire.written, len(world.wires)) == ([b"1", b"2"], 2)


def test_no_more_connections_wait_than_are_allowed():
    world = World(idle_max=2)
    for _ in range(3):
        world.post(ORIGINS[0])
    for number, (connection, _) in enumerate(world.wires):
        arrive(connection, answer_to(number))
    assert [wire.closed for _, wire in world.wires] == [False, False, True]
    assert all(isinstance(answer, PushResponse) for [answer] in world.landed.values())


def test_an_idle_connection_that_is_closing_is_passed_over():
    world = World()
    world.post(ORIGINS[0])
    [(connection, wire)] = world.wires
    arrive(connection, answer_to(0))
    wire.closed = True  # known to the transport below, and not told yet
    world.post(ORIGINS[0])
    assert (wire.written, world.wires[1][1].written) == ([b"0"], [b"1"])


@pytest.mark.parametrize(("seconds", "closed"), [(IDLE - 0.1, False), (IDLE, True)])
def test_idle_connections_are_closed_in_time(seconds, closed):
    world = World()
    world.post(ORIGINS[0])
    [(connection, wire)] = world.wires
    arrive(connection, answer_to(0))
    world.pool.sweep(seconds, busy=BUSY, idle=IDLE)
    assert wire.closed is closed


@pytest.mark.parametrize(("seconds", "landed"), [(BUSY - 0.1, []), (BUSY, [TransportFailure.TIMEOUT])])
def test_a_request_has_its_time(seconds, landed):
    world = World()
    number = world.post(ORIGINS[0])
    world.pool.sweep(seconds, busy=BUSY, idle=IDLE)
    assert world.landed[number] == landed


def test_a_write_that_fails_lands_once_as_a_reset():
    world = World()
    number = world.post(ORIGINS[0], breaks=True)
    assert world.landed[number] == []
    world.turn()
    assert world.landed[number] == [TransportFailure.RESET]
