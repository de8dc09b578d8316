"""What every transport accepts as an answer, byte for byte."""

import pytest

from tests.worker.edges.http.wire import (
    ARRIVED,
    Arrived,
    Wire,
    ask,
    opened,
    saying,
    scripted,
    settled,
    silence,
    to,
)
from worker.edges.http.transport import ANSWER_MAX_BYTES
from worker.push.answers import PushResponse, TransportFailure

HEAD = b"HTTP/1.1 400 Bad Request\r\n"

CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

BODIES = {
    "with a length": (HEAD + b"Content-Length: 5\r\n\r\nwrong",),
    "in two writes": (HEAD + b"Content-Length: 5\r\n\r\n", b"wrong"),
    "byte by byte": tuple(bytes([byte]) for byte in b"HTTP/1.1 400 X\r\nContent-Length: 5\r\n\r\nwrong"),
    "chunked": (CHUNKED + b"3\r\nwro\r\n2\r\nng\r\n0\r\n\r\n",),
    "chunked, with trailers": (CHUNKED + b"5;a=b\r\nwrong\r\n0\r\nX-Trailer: yes\r\n\r\n",),
    "chunked, in pieces": (CHUNKED, b"3\r", b"\nwro\r\n2", b"\r\nng\r\n0\r\n", b"\r\n"),
    "after hints": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"
                    + HEAD + b"Content-Length: 5\r\n\r\nwrong"),
    "without a reason": (b"HTTP/1.1 400\r\nContent-Length: 5\r\n\r\nwrong",),
}  # fmt: skip


@pytest.mark.parametrize("pieces", BODIES.values(), ids=BODIES.keys())
async def test_an_answer_in_any_form_leaves_the_connection_usable(transport, certificates, pieces):
    async with scripted(certificates, saying(*pieces)) as server, opened(transport, certificates) as made:
        for _ in range(2):
            assert await ask(made, to(server.port)) == PushResponse(400, {}, b"wrong")
    assert server.connections == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 400 Bad\r\n\r\n", b"HTTP/1.0 400 Bad\r\n\r\n"])
async def test_a_body_that_ends_with_its_connection(transport, certificates, head):
    async with (
        scripted(certificates, saying(head, b"wro", b"ng", lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert await ask(made, to(server.port)) == PushResponse(400, {}, b"wrong")
        assert await ask(made, to(server.port)) == PushResponse(400, {}, b"wrong")
    assert server.connections == 2


@pytest.mark.parametrize("status", [200, 202, 204, 304])
async def test_answers_without_a_body(transport, certificates, status):
    wire = b"HTTP/1.1 %d X\r\n%b\r\n" % (status, b"" if status in {204, 304} else b"Content-Length: 0\r\n")
    async with scripted(certificates, saying(wire)) as server, opened(transport, certificates) as made:
        for _ in range(2):
            assert await ask(made, to(server.port)) == PushResponse(status)
    assert server.connections == 1


@pytest.mark.parametrize("size", [ANSWER_MAX_BYTES, ANSWER_MAX_BYTES + 1, 1 << 20])
async def test_no_more_of_a_body_is_read_than_matters(transport, certificates, size):
    wire = HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size
    async with scripted(certificates, saying(wire)) as server, opened(transport, certificates) as made:
        answer = await ask(made, to(server.port))
        assert answer == PushResponse(400, {}, b"x" * ANSWER_MAX_BYTES)
        assert (await ask(made, to(server.port))).status == 400
    if size > 1 << 16:  # a smaller rest may have been read along, and is no reason to close
        assert server.connections == 2


CREATED_CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"

AFTER_201 = {
    "cut": ((b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nabc",), False),
    "bad chunk": ((CREATED_CHUNKED, b"3\r\nabc\r\nzz\r\n"), True),
    "cut chunk": ((CREATED_CHUNKED + b"3\r\nabc\r\n9\r\nd",), False),
    "not gzip": ((b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",), True),
}


@pytest.mark.parametrize(("pieces", "lives"), AFTER_201.values(), ids=AFTER_201.keys())
async def test_nothing_that_follows_undoes_a_status(transport, certificates, pieces, lives):
    async with (
        scripted(certificates, saying(*pieces, lives=lives)) as server,
        opened(transport, certificates, within=1.0) as made,  # time to look for the end of the body
    ):
        answer = await ask(made, to(server.port))
        assert answer.status == 201
        assert b"abcd".startswith(answer.body)
    assert len(server.arrived) == 1


async def test_a_bad_body_in_one_piece_with_its_status_is_never_sent_again(transport, certificates):
    async with (
        scripted(certificates, saying(CREATED_CHUNKED + b"3\r\nabc\r\nzz\r\n")) as server,
        opened(transport, certificates) as made,
    ):
        answer = await ask(made, to(server.port))
        await settled()
    assert answer is TransportFailure.BAD_ANSWER or answer.status == 201  # a parser may see it all at once
    assert len(server.arrived) == 1


async def test_a_body_that_never_comes_does_not_undo_a_status(transport, certificates):
    async def promise(wire: Wire, arrived: Arrived) -> bool:
        wire[1].write(b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\na")
        return await silence(wire, arrived)

    async with (
        scripted(certificates, promise) as server,
        opened(transport, certificates, within=ARRIVED) as made,
    ):
        answer = await ask(made, to(server.port))
        assert answer.status == 201
    assert len(server.arrived) == 1


NO_ANSWERS = [
    b"HTTP/1.1 abc Created\r\n\r\n",
    b"HTTP/1.1 20 Created\r\n\r\n",
    b"HTTP/1.1  \r\n\r\n",
    b"HTP/1.1 201 Created\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    b"HTTP/1.1 410 Gone\r\nContent-Length: x\r\n\r\n",
    b"HTTP/1.1 429 Slow down\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 503 Busy\r\nno colon\r\n\r\n",
    b"\x00\x01\x02\r\n\r\n",
    b"HTTP/1.1 400 Bad\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\nX: HTTP/1.1 201 Created\r\n\r\nnothing",
]


@pytest.mark.parametrize("wire", NO_ANSWERS, ids=range(len(NO_ANSWERS)))
async def test_what_is_no_answer(transport, certificates, wire):
    async with (
        scripted(certificates, saying(wire, lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert await ask(made, to(server.port)) is TransportFailure.BAD_ANSWER
        await settled()
    assert len(server.arrived) == 1


ACCEPTED = {
    "two equal lengths": b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 201 Created\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"HTTP/1.1 201 Created\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "no length": b"HTTP/1.1 201 Created\r\nContent-Length: x\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 201 Created\nContent-Length: 0\n\n",
    "no colon": b"HTTP/1.1 201 Created\r\nno colon\r\n\r\n",
    "too long": b"HTTP/1.1 201 Created\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "cut in a header": b"HTTP/1.1 201 Created\r\nTTL: 6",
    "no reason": b"HTTP/1.1 201\r\nno colon\r\n\r\n",
    "after hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nno colon\r\n\r\n",
}


@pytest.mark.parametrize("wire", ACCEPTED.values(), ids=ACCEPTED.keys())
@pytest.mark.parametrize("pieces", [1, 2])
async def test_what_has_shown_that_it_was_accepted_is_accepted_whatever_follows(
    transport, certificates, wire, pieces
):
    middle = wire.index(b"\n") + 4 if pieces == 2 else len(wire)
    said = [piece for piece in (wire[:middle], wire[middle:]) if piece]
    async with (
        scripted(certificates, saying(*said, lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert (await ask(made, to(server.port))).status == 201
        await settled()
    assert len(server.arrived) == 1


async def test_what_one_answer_has_shown_says_nothing_about_the_next(transport, certificates):
    async def once(wire: Wire, arrived: Arrived) -> bool:
        lives = len(server.arrived) < 2
        good = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
        return await saying(good if lives else b"nonsense\r\n\r\n", lives=lives)(wire, arrived)

    async with scripted(certificates, once) as server, opened(transport, certificates) as made:
        assert (await ask(made, to(server.port))).status == 201
        assert await ask(made, to(server.port)) is TransportFailure.BAD_ANSWER
    assert server.connections == 1


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 201", b"HTTP/1.1 201 Crea", b"HTTP/1.1 410 Gone\r\nTTL: 6"])
async def test_an_end_before_the_headers_end(transport, certificates, wire):
    async with (
        scripted(certificates, saying(wire, lives=False)) as server,
        opened(transport, certificates) as made,
    ):
        assert await ask(made, to(server.port)) is TransportFailure.RESET
        await settled()
    assert len(server.arrived) == 1
