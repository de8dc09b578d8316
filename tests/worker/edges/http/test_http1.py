"""Answers from any server, split anywhere, read the same; unsolicited bytes are never an answer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.edges.http.http1 import WIRE_MAX_BYTES, AnswerParser, request_bytes
from worker.edges.http.transport import ANSWER_MAX_BYTES
from worker.push.answers import PushResponse, TransportFailure
from worker.push.request import PushHeaders, PushRequest
from worker.push.services import Endpoint, Endpoints, HostRule

ENDPOINT = Endpoints([HostRule("push.example", 8443)]).parse("https://push.example:8443/a%2fb?c=%zz")
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"

bodies = st.binary(max_size=ANSWER_MAX_BYTES + 50)
statuses = st.integers(200, 599).filter(lambda status: status not in {204, 304})


@st.composite
def framed(draw):
    """Encode a body in one of the three ways to mark its end: length, chunks, or neither."""
    body = draw(bodies)
    match draw(st.sampled_from(["length", "chunked", "close"])):
        case "length":
            return body, b"Content-Length: %d\r\n\r\n" % len(body) + body, True
        case "chunked":
            sizes = draw(st.lists(st.integers(1, 2000), max_size=5))
            return body, b"transfer-encoding: chunked\r\n\r\n" + chunked(body, sizes), True
        case _:
            return body, b"\r\n" + body, False


def chunked(body: bytes, sizes: list[int]) -> bytes:
    wire = b""
    for size in [*sizes, ANSWER_MAX_BYTES * 2]:
        piece, body = body[:size], body[size:]
        if piece:
            wire += b"%x\r\n%b\r\n" % (len(piece), piece)
    return wire + b"0\r\nTTL: 9\r\n\r\n"


def cuts(draw, wire: bytes) -> list[bytes]:
    places = sorted(draw(st.sets(st.integers(1, len(wire) - 1), max_size=12)))
    return [wire[a:b] for a, b in zip([0, *places], [*places, len(wire)], strict=True)]


def read(parser: AnswerParser, pieces: list[bytes]):
    for piece in pieces:
        answer = parser.feed(piece)
        if answer is not None:
            return answer
    return parser.cut(TransportFailure.RESET)


@given(st.data())
def test_an_answer_reads_the_same_however_it_is_cut(data):
    parser = AnswerParser()
    for _ in range(data.draw(st.integers(1, 3))):
        status = data.draw(statuses)
        body, rest, ends = data.draw(framed())
        ttl = data.draw(st.sampled_from([None, "60", "0"]))
        interim = data.draw(st.sampled_from([b"", b"HTTP/1.1 103 Early Hints\r\nTTL: 1\r\n\r\n"]))
        header = b"" if ttl is None else b"tTl: %b\r\n" % ttl.encode()
        answer = read(parser, cuts(data.draw, interim + b"HTTP/1.1 %d X\r\n" % status + header + rest))
        headers = {} if ttl is None else {"ttl": ttl}
        assert answer == PushResponse(status, headers, body[:ANSWER_MAX_BYTES])
        if not parser.reusable:
            assert not ends or len(body) >= ANSWER_MAX_BYTES
            return


@given(st.data(), st.binary(min_size=1, max_size=40).filter(lambda surplus: surplus.strip(b"\r\n")))
def test_what_follows_an_answer_at_once_ends_the_connection_and_changes_nothing(data, surplus):
    parser = AnswerParser()
    assert read(parser, [CREATED + surplus]) == PushResponse(201)
    assert not parser.reusable


def test_what_follows_an_answer_as_long_as_may_be_ends_the_connection_too():
    start, end = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nX: ", b"\r\n\r\n"
    wire = start + b"x" * (WIRE_MAX_BYTES - len(start) - len(end)) + end
    for surplus in (b"", b"HTTP/1.1 410 Gone"):
        parser = AnswerParser()
        assert read(parser, [wire[:-100], wire[-100:] + surplus]) == PushResponse(201)
        assert parser.reusable is not bool(surplus)


def test_an_answer_that_ends_beyond_the_bound_is_none_even_if_one_read_brings_its_end():
    start, end = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nX: ", b"\r\n\r\n"
    wire = start + b"x" * (WIRE_MAX_BYTES + 1 - len(start) - len(end)) + end
    parser = AnswerParser()
    assert read(parser, [wire[:-100], wire[-100:]]) is TransportFailure.BAD_ANSWER
    assert not parser.reusable


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_end_in_an_answer(pieces):
    parser = AnswerParser()
    answer = read(parser, pieces)
    assert isinstance(answer, PushResponse | TransportFailure)


@given(st.data())
def test_a_cut_answer_is_a_failure_until_its_status_is_known(data):
    wire = b"HTTP/1.1 410 Gone\r\nContent-Length: 5\r\n\r\n12345"
    end = data.draw(st.integers(0, len(wire) - 1))
    answer = read(AnswerParser(), [wire[:end]])
    known = end >= wire.index(b"12345")
    assert answer == (PushResponse(410, {}, wire[-5 : end - len(wire)]) if known else TransportFailure.RESET)


@pytest.mark.parametrize("status", [b"000", b"099", b"600", b"999"])
def test_a_status_that_means_nothing(status):
    assert read(AnswerParser(), [b"HTTP/1.1 %b X\r\n\r\n" % status]) is TransportFailure.BAD_ANSWER


def test_another_protocol_is_not_switched_to():
    wire = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + CREATED
    assert read(AnswerParser(), [wire]) is TransportFailure.BAD_ANSWER


CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "interim answers": (b"", b"HTTP/1.1 102 Processing\r\n\r\n", None),
    "headers": (b"HTTP/1.1 201 Created\r\n", b"X-A: b\r\n", 201),
    "one header": (b"HTTP/1.1 201 Created\r\nX: ", b"x", 201),
    "reason": (b"HTTP/1.1 201 ", b"x", None),
    "chunk extension": (CHUNKED + b"1;", b"x", 201),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n", 201),
    "empty lines": (b"", b"\r\n", None),
}  # fmt: skip


@pytest.mark.parametrize(("start", "more", "status"), ENDLESS.values(), ids=ENDLESS.keys())
def test_what_never_ends_is_cut(start, more, status):
    parser = AnswerParser()
    assert parser.feed(start) is None if start else True
    piece = more * (1000 // len(more))
    answer = next(
        answer for _ in range(WIRE_MAX_BYTES // 900 + 1) if (answer := parser.feed(piece)) is not None
    )
    assert answer == (PushResponse(status) if status else TransportFailure.BAD_ANSWER)
    assert not parser.reusable


def test_a_request_is_one_piece_of_bytes():
    wire = request_bytes(PushRequest(ENDPOINT, PushHeaders({"TTL": "60", "Urgency": "low"}), b"\r\n\x00"))
    head, _, body = wire.partition(b"\r\n\r\n")
    assert body == b"\r\n\x00"
    line, host, agent, *rest = head.split(b"\r\n")
    assert (line, host) == (b"POST /a%2fb?c=%zz HTTP/1.1", b"Host: push.example:8443")
    assert agent.startswith(b"User-Agent: pushmill/")
    assert rest == [b"Content-Length: 3", b"TTL: 60", b"Urgency: low"]


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\rX: y", "é", "\r\n"])
def test_what_could_be_taken_for_another_header_is_not_sent(value):
    elsewhere = replace(ENDPOINT.origin, url=f"https://{value}")
    for endpoint, headers in (
        (ENDPOINT, {"TTL": value}),
        (Endpoint(ENDPOINT.origin, f"/{value}"), {}),
        (Endpoint(elsewhere, "/"), {}),
    ):
        with pytest.raises(ValueError, match=r"."):
            request_bytes(PushRequest(endpoint, PushHeaders(headers), b""))
