"""HTTP/1.1 as bytes: a request on its way out, and what is an answer to it; knows no sockets.

httptools (llhttp) says what the bytes mean. What is decided here: which part of an answer matters, how much
of it is looked at, and whether its connection may carry another request.
"""

from functools import lru_cache

import httptools

from worker.edges.http.transport import ANSWER_MAX_BYTES, USER_AGENT
from worker.push.answers import ANSWER_HEADERS, Answer, PushResponse, TransportFailure
from worker.push.request import PushRequest

WIRE_MAX_BYTES = 65_536
"""Of an answer in all: interim answers, headers, body, chunks and trailers."""

ORIGINS_KEPT = 4096
"""Those that what all of their requests have in common is kept for: known push services have some dozens."""

_SCHEME_CHARS = len("https://")
_KEPT = {name.encode(): name for name in ANSWER_HEADERS}
_PLAIN = {status: PushResponse(status) for status in range(200, 600)}
"""Answers of which nothing but the status matters: nearly all of them, and made once."""


def request_bytes(request: PushRequest) -> bytes:
    """Put a request on the wire's own terms: head and body in one piece.

    Raises:
        ValueError: A header holds what could be taken for another one, or is not ASCII.
    """
    endpoint, body = request.endpoint, request.body
    head = f"POST {_within_a_line(endpoint.target)}{_after_target(endpoint.origin.url)}{len(body)}\r\n"
    return b"".join((head.encode("ascii"), request.headers.lines, b"\r\n", body))


@lru_cache(ORIGINS_KEPT)
def _after_target(origin: str) -> str:
    """What stands between the target and the length of the body, for an `Origin.url`."""
    host = _within_a_line(origin[_SCHEME_CHARS:])
    return f" HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nContent-Length: "


def _within_a_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("an endpoint holds the end of a line")
    return text


class _StopParsing(Exception):  # noqa: N818 - no error of anybody's, but the way out of httptools' callbacks
    """What follows is of no interest."""


class AnswerParser:
    """Reads one answer after the other, off one connection; what is fed after one belongs to the next.

    Attributes:
        reusable: Whether the last answer has come to its end, with nothing after it, and the connection
            lives on.
    """

    __slots__ = ("_body", "_complete", "_headers", "_parser", "_received", "_status", "reusable")

    def __init__(self) -> None:
        self._status = 0  # of the final answer, once all of its headers are there
        self._headers: dict[str, str] = {}
        self._body = b""
        self._received = 0
        self._complete = False
        self.reusable = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes | memoryview) -> Answer | None:
        """Take in what has come; the answer, as soon as all of it that matters is there."""
        self._complete = False
        self._received += len(data)
        surplus = self._received - WIRE_MAX_BYTES
        try:
            self._parser.feed_data(data[:-surplus] if surplus > 0 else data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _StopParsing):
                raise  # a mistake of our own
            return self.cut(TransportFailure.BAD_ANSWER)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return self.cut(TransportFailure.BAD_ANSWER)
        if surplus > 0 or (not self._complete and len(self._body) >= ANSWER_MAX_BYTES):
            return self.cut(TransportFailure.BAD_ANSWER)
        return self._answer() if self._complete else None

    def cut(self, failure: TransportFailure) -> Answer:
        """Say what it comes to if no more is read: once the status is known, nothing can undo it."""
        self.reusable = False
        return self._answer() if self._status else failure

    def _answer(self) -> PushResponse:
        """Hand out what has been read: from here on nothing is known of the next answer."""
        status = self._status
        self._status = self._received = 0
        if not self._headers and not self._body:
            return _PLAIN[status]
        headers, self._headers = self._headers, {}
        body, self._body = self._body, b""
        return PushResponse(status, headers, body)

    # ── httptools ───────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """See httptools; the second in a row answers nothing that was asked."""
        if self._complete:
            raise _StopParsing

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools; of repeated ones the first counts, and trailers do not."""
        name = name.lower()
        if name in _KEPT and not self._status:
            self._headers.setdefault(_KEPT[name], value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """See httptools; interim answers (RFC 9110 section 15.2) are passed over."""
        status = self._parser.get_status_code()
        if status in _PLAIN:
            self._status = status
        elif 100 <= status < 200:
            self._headers = {}
        else:
            raise _StopParsing

    def on_body(self, piece: bytes) -> None:
        """See httptools."""
        self._body += piece[: ANSWER_MAX_BYTES - len(self._body)]

    def on_message_complete(self) -> None:
        """See httptools."""
        if self._status:
            self._complete = True
            self.reusable = self._parser.should_keep_alive()
