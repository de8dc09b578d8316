"""How every transport closes: requests in flight land once, and nothing is left behind."""

import asyncio
import contextlib

import pytest
import uvloop

from tests.harness.waiting import GENEROUS, until
from tests.worker.edges.http.wire import (
    CREATED,
    SHORT,
    Arrived,
    Landings,
    Wire,
    ask,
    opened,
    saying,
    scripted,
    settled,
    silence,
    to,
    turns,
)
from worker.edges.http.transports import HttptoolsTransport
from worker.push.answers import PushResponse, TransportFailure


async def test_close_lands_what_is_under_way_once(transport, certificates):
    async with scripted(certificates, silence) as server, opened(transport, certificates) as made:
        landings = [Landings() for _ in range(5)]
        for each in landings:
            made.post(to(server.port), each)
        await until(lambda: len(server.arrived) == 5)
        await made.close()
        assert [each.answers for each in landings] == [[TransportFailure.RESET]] * 5
        await turns(10)
        assert [len(each.answers) for each in landings] == [1] * 5


async def test_close_does_not_undo_a_status_that_has_come(transport, certificates):
    async def promise(wire: Wire, arrived: Arrived) -> bool:
        wire[1].write(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\na")
        return await silence(wire, arrived)

    async with scripted(certificates, promise) as server, opened(transport, certificates) as made:
        landings = Landings()
        made.post(to(server.port), landings)
        await until(lambda: server.arrived)
        await settled()  # the status is on its way
        await made.close()
        [answer] = landings.answers
        assert answer.status == 201


@pytest.mark.parametrize("count", range(6))
async def test_close_lands_what_has_hardly_begun(transport, certificates, count):
    async with scripted(certificates, silence) as server, opened(transport, certificates) as made:
        landings = Landings()
        made.post(to(server.port), landings)
        await turns(count)
        await made.close()
        assert landings.answers == [TransportFailure.RESET]


async def test_close_lets_go_of_idle_connections(transport, certificates):
    ended = asyncio.Event()

    async def answer_once(wire: Wire, _arrived: Arrived) -> bool:
        wire[1].write(CREATED)
        with contextlib.suppress(ConnectionError):
            await wire[0].read(1)
        ended.set()
        return False

    async with scripted(certificates, answer_once) as server, opened(transport, certificates) as made:
        await ask(made, to(server.port))
        await made.close()
        await asyncio.wait_for(ended.wait(), GENEROUS)


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
async def test_a_loop_can_end_right_after_a_time_out(transport, certificates, loop):
    async def scenario(port):
        async with opened(transport, certificates, within=SHORT) as made:
            return await ask(made, to(port))

    def in_a_loop_of_its_own(port):
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(scenario(port))

    async with scripted(certificates, silence) as server:
        for _ in range(4):  # something left behind would not break the end every time
            assert await asyncio.to_thread(in_a_loop_of_its_own, server.port) is TransportFailure.TIMEOUT


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
async def test_a_loop_can_end_right_after_a_failed_handshake(transport, certificates, loop):
    async def scenario(port):
        async with opened(transport) as made:
            return await ask(made, to(port))

    def in_a_loop_of_its_own(port):
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(scenario(port))

    async with scripted(certificates, silence) as server:
        for _ in range(4):
            assert await asyncio.to_thread(in_a_loop_of_its_own, server.port) is TransportFailure.TLS


async def test_close_twice_and_unused(transport):
    async with opened(transport) as made:
        await made.close()


async def test_what_is_posted_after_the_end_lands_as_a_reset(certificates):
    async with scripted(certificates, silence) as server, opened(HttptoolsTransport, certificates) as made:
        first, second = Landings(), Landings()
        made.post(to(server.port), lambda answer: (first(answer), made.post(to(server.port), second)))
        await until(lambda: server.arrived)
        await made.close()
        assert await first.only() is TransportFailure.RESET
        assert await second.only() is TransportFailure.RESET
    assert len(server.arrived) == 1


async def test_landing_may_post_again(transport, certificates):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        second = Landings()
        made.post(to(server.port), lambda _: made.post(to(server.port), second))
        assert await second.only() == PushResponse(201)
    assert len(server.arrived) == 2
