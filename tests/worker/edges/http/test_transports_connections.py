"""When a transport reuses a connection, and when it opens another one."""

import asyncio
from functools import partial

import pytest

from tests.harness.waiting import until
from tests.worker.edges.http.wire import (
    CREATED,
    Arrived,
    Landings,
    Wire,
    ask,
    opened,
    saying,
    scripted,
    settled,
    to,
)
from worker.push.answers import PushResponse, TransportFailure


async def test_one_after_the_other_share_a_connection(transport, certificates):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        for _ in range(5):
            assert await ask(made, to(server.port)) == PushResponse(201)
    assert (server.connections, len(server.arrived)) == (1, 5)


async def test_at_once_they_have_a_connection_each_without_limit(transport, certificates):
    everyone = asyncio.Event()

    async def together(wire: Wire, _arrived: Arrived) -> bool:
        await everyone.wait()
        wire[1].write(CREATED)
        return True

    async with scripted(certificates, together) as server, opened(transport, certificates) as made:
        landings = [Landings() for _ in range(120)]  # more than an HTTP client's usual 100
        for each in landings:
            made.post(to(server.port), each)
        await until(lambda: len(server.arrived) == 120)
        everyone.set()
        assert [await each.only() for each in landings] == [PushResponse(201)] * 120


async def test_what_has_to_wait_for_its_connection_is_asked_for_and_not_sent_after_a_no(
    transport, certificates
):
    asked, landings = [], Landings()

    def may_go(answer: bool) -> bool:
        asked.append(answer)
        return answer

    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        made.post(to(server.port, "/no"), landings, partial(may_go, False))
        assert asked == []
        await until(lambda: asked)
        made.post(to(server.port, "/yes"), landings, partial(may_go, True))
        assert (await landings.only()).status == 201
        await settled()
    assert [each.line for each in server.arrived] == ["POST /yes HTTP/1.1"]
    assert len(landings.answers) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_connection_that_is_said_to_close_is_not_used_again(transport, certificates, answer):
    async with scripted(certificates, saying(answer)) as server, opened(transport, certificates) as made:
        for _ in range(3):
            assert await ask(made, to(server.port)) == PushResponse(201)
    assert server.connections == 3


async def test_a_connection_that_was_closed_while_idle_is_not_used_again(transport, certificates):
    async with (
        scripted(certificates, saying(CREATED, lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert await ask(made, to(server.port)) == PushResponse(201)
        await until(server.writers[0].is_closing)
        await settled()  # the end of a connection is on its way to the client
        assert await ask(made, to(server.port)) == PushResponse(201)
    assert [each.connection for each in server.arrived] == [1, 2]


async def test_a_connection_that_breaks_on_its_second_request_is_a_failure_and_no_second_try(
    transport, certificates
):
    async def once(wire: Wire, arrived: Arrived) -> bool:
        first = len(server.arrived) == 1
        if first:
            wire[1].write(CREATED)
        else:
            wire[1].transport.abort()
        return first

    async with scripted(certificates, once) as server, opened(transport, certificates) as made:
        assert await ask(made, to(server.port)) == PushResponse(201)
        assert await ask(made, to(server.port)) is TransportFailure.RESET
        await settled()
    assert [each.connection for each in server.arrived] == [1, 1]


STALE = b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone"


@pytest.mark.parametrize(
    "pieces", [(CREATED + STALE,), (CREATED, STALE), (CREATED, b"\r\n"), (CREATED, b"x")]
)
async def test_bytes_that_nobody_asked_for_answer_no_later_request(transport, certificates, pieces):
    async with (
        scripted(certificates, saying(*pieces)) as server,
        opened(transport, certificates) as made,
    ):
        for _ in range(3):
            assert await ask(made, to(server.port)) == PushResponse(201)
            await settled()  # what comes late comes while the connection is idle
    assert len(server.arrived) == 3
