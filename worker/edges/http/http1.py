"""HTTP/1.1 as bytes: writes requests and reads answers; knows no sockets.

httptools (llhttp) parses the bytes. This module decides which parts of an answer matter, how much of it is
read, and whether its connection can carry another request.
"""

import re
from functools import lru_cache
from math import inf

import httptools

from worker.edges.http.transport import ANSWER_MAX_BYTES, USER_AGENT
from worker.push.answers import ANSWER_HEADERS, Answer, PushResponse, TransportFailure
from worker.push.request import PushRequest

WIRE_MAX_BYTES = 65_536
"""Limit of a whole answer: interim answers, headers, body, chunks and trailers."""

START_KEPT = 4096
"""Bytes of an unfinished answer that are kept, to tell what it has shown if the rest cannot be read."""

ORIGINS_CACHED = 4096
"""Origins whose common part of all requests is cached: known push services have a few dozen."""

_SCHEME_CHARS = len("https://")
_KEPT = {name.encode(): name for name in ANSWER_HEADERS}
_PLAIN = {status: PushResponse(status) for status in range(200, 600)}
"""Answers of which only the status matters, made once: nearly all are like that."""


def request_bytes(request: PushRequest) -> bytes:
    """Return a request as it is sent: head and body in one piece.

    Raises:
        ValueError: A header contains a line break, or is not ASCII.
    """
    endpoint, body = request.endpoint, request.body
    head = f"POST {_single_line(endpoint.target)}{_after_target(endpoint.origin.url)}{len(body)}\r\n"
    return b"".join((head.encode("ascii"), request.headers.lines, b"\r\n", body))


@lru_cache(ORIGINS_CACHED)
def _after_target(origin: str) -> str:
    """Return the part between the target and the length of the body, for an `Origin.url`."""
    host = _single_line(origin[_SCHEME_CHARS:])
    return f" HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nContent-Length: "


def _single_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("an endpoint contains a line break")
    return text


_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n")
_ACCEPTED = re.compile(rb"HTTP/1\.[01] (2\d\d)(?: [^\r\n]*)?\r?\n")


def accepted(start: bytes, interims: float = inf) -> PushResponse | None:
    """Return the answer whose bytes have shown a whole 2xx status line, whatever follows it; or None.

    Repeating such a push would show it twice. For any other status, another attempt costs nothing.

    Args:
        start: What has been read, from its first byte on.
        interims: How many interim answers before it have been read to their end. What comes after one that
            has not does not count: whether it has been read yet depends on how the bytes were cut.
    """
    at = 0
    while interims > 0 and (interim := _INTERIM.match(start, at)):
        at, interims = interim.end(), interims - 1
    shown = _ACCEPTED.match(start, at)
    return _PLAIN[int(shown.group(1))] if shown else None


class _StopParsing(Exception):  # noqa: N818 - not an error, but the way out of httptools' callbacks
    """The rest of the answer does not matter."""


class AnswerParser:
    """Reads the answers of one connection, one after the other; what is fed after one belongs to the next.

    Attributes:
        reusable: Whether the last answer is complete, nothing followed it, and the connection stays open.
    """

    __slots__ = (
        "_body",
        "_complete",
        "_headers",
        "_interims",
        "_parser",
        "_received",
        "_start",
        "_status",
        "reusable",
    )

    def __init__(self) -> None:
        self._status = 0  # of the final answer, once all of its headers have arrived
        self._headers: dict[str, str] = {}
        self._body = b""
        self._received = 0
        self._start = b""
        self._interims = 0
        self._complete = False
        self.reusable = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes | memoryview) -> Answer | None:
        """Take in bytes; return the answer as soon as everything that matters of it has arrived."""
        answers = self._parse(data)
        if answers and self._complete:
            return self._answer()
        self._start += bytes(data[: START_KEPT - len(self._start)])
        return None if answers else self.cut(TransportFailure.BAD_ANSWER)

    def _parse(self, data: bytes | memoryview) -> bool:
        """Return whether this is an answer so far, and there may be more of it to read."""
        self._complete = False
        self._received += len(data)
        surplus = self._received - WIRE_MAX_BYTES
        try:
            self._parser.feed_data(data[:-surplus] if surplus > 0 else data)
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _StopParsing):
                raise  # a bug of ours
            return False
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return surplus <= 0 and (self._complete or len(self._body) < ANSWER_MAX_BYTES)

    def cut(self, failure: TransportFailure) -> Answer:
        """Return the result if no more is read: once the status is known, nothing can undo it."""
        self.reusable = False
        return self._answer() if self._status else accepted(self._start, self._interims) or failure

    def _answer(self) -> PushResponse:
        """Return what has been read, and start over for the next answer."""
        status = self._status
        self._status = self._received = self._interims = 0
        self._start = b""
        if not self._headers and not self._body:
            return _PLAIN[status]
        headers, self._headers = self._headers, {}
        body, self._body = self._body, b""
        return PushResponse(status, headers, body)

    # ── httptools ───────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """See httptools; a second answer in a row belongs to no request."""
        if self._complete:
            raise _StopParsing

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools; the first of repeated headers counts, and trailers are ignored."""
        name = name.lower()
        if name in _KEPT and not self._status:
            self._headers.setdefault(_KEPT[name], value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """See httptools; interim answers (RFC 9110 section 15.2) are skipped."""
        status = self._parser.get_status_code()
        if status in _PLAIN:
            self._status = status
        elif 100 <= status < 200:
            self._headers = {}
            self._interims += 1
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
