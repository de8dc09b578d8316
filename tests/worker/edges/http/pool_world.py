"""A pool of connections without sockets or a clock: a test decides the order of events."""

from collections import deque
from functools import partial
from itertools import count

from worker.edges.http.connections import BUFFER_BYTES, Connection, Pool
from worker.push.answers import TransportFailure

BUSY, IDLE, PATIENCE = 10.0, 55.0, 0.5


class Wire:
    """Replaces asyncio's transport: records what is written, and reports its end one turn later."""

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
    """A pool and its event loop; `handshakes` are the start times of those in progress."""

    def __init__(self, idle_max: int = 2) -> None:
        self.pool = Pool(memoryview(bytearray(BUFFER_BYTES)), idle_max, PATIENCE)
        self.now = 0.0
        self.numbers = count()
        self.handshakes: deque[float] = deque()
        self.wires: list[tuple[Connection, Wire]] = []
        self.landed: dict[int, list] = {}
        self.later: deque[Wire] = deque()
        self.again = False
        self.allowed = True
        self.recalled: list[int] = []

    def post(self) -> int:
        number = next(self.numbers)
        self.landed[number] = []
        wire, on_answer, may_go = b"%d" % number, partial(self._land, number), partial(self._may_go, number)
        self.pool.send(wire, on_answer, may_go, self.now)
        self.look()
        return number

    def _may_go(self, number: int) -> bool:
        if not self.allowed:
            self.recalled.append(number)
        return self.allowed

    def look(self) -> None:
        while self.pool.impatient_at() <= self.now:
            self.pool.opening += 1
            self.handshakes.append(self.now)

    def open(self, *, breaks: bool = False, closed: bool = False) -> None:
        """Complete the oldest handshake."""
        connection, wire = Connection(self.pool), Wire(self, breaks=breaks)
        connection.connection_made(wire)
        self.wires.append((connection, wire))
        wire.closed = closed
        self.pool.opening -= 1
        self.pool.opened(connection, self.handshakes.popleft(), self.now)
        self.look()

    def refuse(self) -> None:
        """Let the oldest handshake fail."""
        self.handshakes.popleft()
        self.pool.opening -= 1
        self.pool.fail(TransportFailure.CONNECT)
        self.look()

    def sweep(self) -> None:
        self.pool.sweep(self.now, busy=BUSY, idle=IDLE)
        self.look()

    def _land(self, number: int, answer) -> None:
        self.landed[number].append(answer)
        if self.again:
            self.again = False
            self.post()

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
