"""Connections and their pool in any order of events: each request lands once, with its own answer."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.edges.http.pool_world import BUSY, IDLE, PATIENCE, Wire, World, answer_to, arrive
from worker.edges.http.connections import HANDSHAKES, Connection
from worker.push.answers import PushResponse, TransportFailure

EVENTS = st.tuples(
    st.sampled_from(
        [
            *("post", "post", "post", "open", "open", "refuse", "answer", "answer", "half", "stale", "eof"),
            *("lose", "turn", "sweep", "pass", "again", "forbid", "allow"),
        ]
    ),
    st.integers(0, 7),
    st.integers(1, 45),
)


@settings(max_examples=500)
@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_a_request_lands_once_and_with_its_own_answer(events):
    world = World()
    for event, which, amount in events:
        happen(world, event, which, amount)
        idle = [
            connection
            for connection, wire in world.wires
            if not (wire.closed or connection.busy) and connection in world.pool.connections
        ]
        assert not (idle and world.pool.waiting)
        assert 0 <= world.pool.opening == len(world.handshakes) <= HANDSHAKES
    world.again = False
    world.pool.close()
    world.turn()
    written = {int(each) for _, wire in world.wires for each in wire.written}
    assert written.isdisjoint(world.recalled)
    for number in world.recalled:  # once each
        assert world.landed.pop(number) == []
    for number, [answer] in world.landed.items():
        assert isinstance(answer, TransportFailure) or (b"%04d" % number).startswith(answer.body)
        assert isinstance(answer, TransportFailure) or answer.status == 400
    assert world.pool.connections == ()
    assert world.pool.unused == (not world.handshakes)


def happen(world: World, event: str, which: int, amount: int) -> None:
    if event == "post":
        world.post()
    elif event == "open" and world.handshakes:
        world.open(breaks=which == 7, closed=which == 6)
    elif event == "refuse" and world.handshakes:
        world.refuse()
    elif event == "turn":
        world.turn()
    elif event == "again":
        world.again = True
    elif event in ("forbid", "allow"):
        world.allowed = event == "allow"
    elif event == "pass":
        world.now += amount / 100
        world.look()
    elif event == "sweep":
        world.now += amount
        world.sweep()
    elif event in ("answer", "half", "stale", "eof", "lose") and world.wires:
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


# ── connections that are idle ───────────────────────────────────────────────────────────────────────────────


def test_an_idle_connection_is_used_again_the_last_one_first():
    world = World()
    for _ in range(2):
        world.post()
        world.open()
    (first, _), (second, wire) = world.wires
    arrive(first, answer_to(0))
    arrive(second, answer_to(1))
    world.post()
    assert (wire.written, len(world.wires)) == ([b"1", b"2"], 2)


def test_no_more_connections_are_kept_than_are_allowed():
    world = World(idle_max=2)
    for _ in range(3):
        world.post()
    for _ in range(3):
        world.open()
    for number, (connection, _) in enumerate(world.wires):
        arrive(connection, answer_to(number))
    assert [wire.closed for _, wire in world.wires] == [False, False, True]
    assert all(isinstance(answer, PushResponse) for [answer] in world.landed.values())


def test_an_idle_connection_that_is_closing_is_passed_over():
    world = World()
    world.post()
    world.open()
    [(connection, wire)] = world.wires
    arrive(connection, answer_to(0))
    wire.closed = True  # known to the transport below, but not yet reported
    world.post()
    world.turn()
    world.now += PATIENCE
    world.look()
    world.open()
    assert (wire.written, world.wires[1][1].written) == ([b"0"], [b"1"])


@pytest.mark.parametrize(("seconds", "closed"), [(IDLE - 0.1, False), (IDLE, True)])
@pytest.mark.parametrize("used", [True, False])
def test_idle_connections_are_closed_in_time(used, seconds, closed):
    world = World()
    if used:
        world.post()
        world.open()
        arrive(world.wires[0][0], answer_to(0))
    else:
        world.post()
        world.post()
        world.open()
        arrive(world.wires[0][0], answer_to(0))
        arrive(world.wires[0][0], answer_to(1))
        world.open()
    wire = world.wires[-1][1]
    world.now = seconds
    world.sweep()
    assert wire.closed is closed


# ── requests that wait for one ──────────────────────────────────────────────────────────────────────────────


def test_the_first_ones_open_a_connection_each_at_once_up_to_a_number():
    world = World()
    for _ in range(HANDSHAKES + 3):
        world.post()
    assert len(world.handshakes) == HANDSHAKES


def test_what_waits_takes_the_first_connection_that_is_free_in_the_order_of_coming():
    world = World()
    world.post()
    world.now = PATIENCE
    world.open()
    world.post()
    world.post()
    [(connection, wire)] = world.wires
    arrive(connection, answer_to(0))
    arrive(connection, answer_to(1))
    assert (wire.written, len(world.wires), list(world.handshakes)) == ([b"0", b"1", b"2"], 1, [])


def test_what_waited_and_may_not_go_any_more_is_dropped_and_the_next_one_asked():
    world = World()
    world.post()
    world.now = PATIENCE
    world.open()
    for _ in range(3):
        world.post()
    [(connection, wire)] = world.wires
    world.pool.waiting[0] = world.pool.waiting[0]._replace(may_go=lambda: False)
    arrive(connection, answer_to(0))
    assert (wire.written, world.landed[1], len(world.pool.waiting)) == ([b"0", b"2"], [], 1)


def test_what_waited_for_a_handshake_is_asked_for_as_well_and_the_connection_kept():
    world = World()
    world.post()
    world.allowed = False
    world.open()
    world.allowed = True
    world.post()
    [(_, wire)] = world.wires
    assert (wire.written, world.recalled, world.landed[0]) == ([b"1"], [0], [])


def test_what_finds_an_idle_connection_is_not_asked_for_again():
    world = World()
    world.post()
    world.open()
    [(connection, wire)] = world.wires
    arrive(connection, answer_to(0))
    world.allowed = False
    world.post()
    assert wire.written == [b"0", b"1"]


@pytest.mark.parametrize(("took", "patience"), [(0.2, 0.2), (BUSY / 2, PATIENCE)])
def test_another_one_is_opened_for_what_has_waited_as_long_as_a_handshake_took_lately(took, patience):
    world = World()
    world.post()
    world.now = took
    world.open()
    world.post()
    world.now += patience / 2
    world.post()
    assert list(world.handshakes) == []
    assert world.pool.impatient_at() == pytest.approx(took + patience)
    world.now = took + patience
    world.look()
    assert len(world.handshakes) == 1
    assert world.pool.impatient_at() == pytest.approx(took + 1.5 * patience)


def test_where_no_connection_is_left_nobody_waits_for_one():
    world = World()
    world.post()
    world.now = PATIENCE
    world.open()
    world.post()
    assert world.pool.impatient_at() == PATIENCE * 2
    world.lose(world.wires[0][1])
    assert world.pool.impatient_at() == -math.inf


def test_a_handshake_that_fails_is_a_failure_of_one_request_and_the_next_one_tries_itself():
    world = World()
    for _ in range(HANDSHAKES + 1):
        world.post()
    world.refuse()
    assert [len(each) for each in world.landed.values()] == [1] + [0] * HANDSHAKES
    assert world.landed[0] == [TransportFailure.CONNECT]
    assert len(world.handshakes) == HANDSHAKES


def test_a_handshake_that_fails_is_nobodys_if_what_it_was_begun_for_has_been_sent():
    world = World()
    world.post()
    world.post()
    world.open()
    arrive(world.wires[0][0], answer_to(0))
    world.refuse()
    arrive(world.wires[0][0], answer_to(1))
    assert [answer.status for [answer] in world.landed.values()] == [400, 400]


# ── time, and what breaks ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("seconds", "landed"), [(BUSY - 0.1, []), (BUSY, [TransportFailure.TIMEOUT])])
@pytest.mark.parametrize("opened", [True, False])
def test_a_request_has_its_time_be_it_sent_or_not(opened, seconds, landed):
    world = World()
    number = world.post()
    if opened:
        world.now = BUSY / 2  # which counts
        world.open()
    world.now = seconds
    world.sweep()
    assert world.landed[number] == landed


def test_a_write_that_fails_lands_once_as_a_reset():
    world = World()
    number = world.post()
    world.open(breaks=True)
    assert world.landed[number] == []
    world.turn()
    assert world.landed[number] == [TransportFailure.RESET]
