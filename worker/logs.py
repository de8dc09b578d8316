"""Logs: JSON lines for machines or a console for people, without secrets.

The worker's logs and its libraries' go through one renderer. `redact` is only the last line of defence: code
that logs an endpoint or a key is wrong, even if `redact` removes it.
"""

import contextlib
import io
import logging
import re
import time
from collections.abc import Hashable, Mapping
from typing import Any, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(
    r"(?:^|.*[_.-])(?:endpoint|auth|p256dh|authorization|payload|private_key|pem|password|secret|token"
    r"|subscription|variables|body)",
    re.IGNORECASE,
)
# An endpoint is a bearer token: scheme and host may be logged, the rest may not.
_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)(?:[^\s/@]*@)?([^\s/?#'\"<>\\]*)([/?#\\]\S*)?", re.IGNORECASE)
# The remainder of an endpoint without its host. No identifier or path in a traceback has such a run.
_TOKEN = re.compile(r"[A-Za-z0-9_:%=-]{40,}")
# Only these fields are searched for tokens: code writes them, mostly that of libraries. Ids are left alone.
_FREE_TEXT = frozenset({"event", "exception", "error", "problem", "stack"})
_FIRST = ("timestamp", "level", "event")
_CHATTY = {
    "aiokafka": logging.WARNING,
    "asyncio": logging.INFO,
    # Its debug lines hold the requests that it signs.
    **dict.fromkeys(("boto3", "botocore", "urllib3"), logging.WARNING),
}
_HELD_BACK = "more_held_back"
_LEVELS = logging.getLevelNamesMapping()

Format = Literal["json", "console"]
Level = Literal["debug", "info", "warning", "error"]


def configure(format: Format, level: Level, stream: TextIO) -> None:  # noqa: A002 - PUSHMILL_LOG_FORMAT
    """Send structlog's and the standard library's records of `level` and above to `stream`.

    Can be called again with another stream or level.
    """
    threshold = _LEVELS[level.upper()]
    renderer = _renderer(format, stream)
    sink = cast("TextIO", _Sink(stream))
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_SHARED, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sink),
        cache_logger_on_first_use=False,
    )
    _route_stdlib(renderer, threshold, sink)


def redact(_logger: WrappedLogger | None, _method: str, event: EventDict) -> EventDict:
    """Remove what must not be logged: values of secret keys, URL paths, long tokens in free text."""
    return {key: _clean(key, value) for key, value in event.items()}


def _order(_logger: WrappedLogger | None, _method: str, event: EventDict) -> EventDict:
    return {**{key: event[key] for key in _FIRST if key in event}, **event}


_SHARED: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    redact,
    _order,
]


def _renderer(format: Format, stream: TextIO) -> Processor:  # noqa: A002 - as in configure
    if format == "json":
        return structlog.processors.JSONRenderer()
    # The default prints the local variables of every frame, including keys and payloads.
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def _route_stdlib(renderer: Processor, threshold: int, stream: TextIO) -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each.formatter, _Formatter)]:
        root.removeHandler(handler)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(renderer))
    handler.addFilter(_Passing())
    handler.addFilter(_Throttling())
    root.addHandler(handler)
    root.setLevel(threshold)
    for name, least in _CHATTY.items():
        logging.getLogger(name).setLevel(max(least, threshold))


class _Sink(io.TextIOBase):
    """A stream that ignores a full disk, a closed file or a broken pipe: the pushes matter more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Renders records of the standard library like structlog's own."""

    def __init__(self, renderer: Processor) -> None:
        super().__init__(
            processors=[self.remove_processors_meta, renderer],
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(allow=[_HELD_BACK]),
                *_SHARED,
            ],
        )


def _clean(key: str, value: Any) -> Any:
    if _SECRET_KEY.fullmatch(key):
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping):
        return {str(name): _clean(str(name), each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(key, each) for each in value]
    text = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
    return _clean_text(text, free=key in _FREE_TEXT)


def _clean_text(text: str, *, free: bool) -> str:
    text = _URL.sub(lambda url: url[1] + url[2] + ("/…" if url[3] else ""), text)
    return _TOKEN.sub("…", text) if free else text


class LogThrottle:
    """Throttles repeated log lines: one for each key in a period.

    Args:
        every: Seconds between two lines of one key.
        capacity: Keys remembered; beyond that, the key with the oldest line is forgotten.
    """

    def __init__(self, every: float = 10.0, capacity: int = 1000) -> None:
        self._every = every
        self._capacity = capacity
        self._last: dict[Hashable, tuple[float, int]] = {}

    def allow(self, key: Hashable, now: float) -> int | None:
        """Ask whether a line about `key` may be logged now.

        Args:
            key: Identifies the line, such as an event's name and a push service.
            now: Monotonic seconds.

        Returns:
            The number of lines held back since the last one, or None if this one is held back too.
        """
        last, held_back = self._last.get(key, (None, 0))
        if last is not None and now - last < self._every:
            self._last[key] = (last, held_back + 1)
            return None
        self._last.pop(key, None)  # keeps the dict in order of the last line
        self._last[key] = (now, 0)
        if len(self._last) > self._capacity:
            del self._last[next(iter(self._last))]
        return held_back

    def warn(self, log: Any, key: Hashable, now: float, event: str, **fields: object) -> bool:
        """Log a warning with the number of lines held back, unless one about `key` was logged just now.

        Returns:
            Whether it was logged.
        """
        held_back = self.allow(key, now)
        if held_back is not None:
            log.warning(event, **fields, more_held_back=held_back)
        return held_back is not None


class _Throttling(logging.Filter):
    """Throttles what libraries repeat: without a broker, aiokafka logs 80 lines a second."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = LogThrottle()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            return True  # the text is the same for every kind of error
        held_back = self._throttle.allow((record.name, record.levelno, str(record.msg)), time.monotonic())
        if held_back:
            setattr(record, _HELD_BACK, held_back)
        return held_back is not None


class _Passing(logging.Filter):
    """Holds back what aiokafka reports as errors while a cluster makes a group's coordinator available.

    A new cluster creates `__consumer_offsets` when the first group is looked up, and answers
    COORDINATOR_NOT_AVAILABLE until that topic has leaders (Kafka's protocol guide, error 15). aiokafka tries
    again every 100 ms and logs an error each time. Only if that goes on is it one.
    """

    LOGGER = "aiokafka.consumer.group_coordinator"
    LOOKUP = "GroupCoordinatorNotAvailableError"
    AFTERWARDS = "Marking the coordinator dead"
    """Begins what it logs when the coordinator was found before it had loaded the group."""

    SECONDS = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._first = self._last = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != self.LOGGER:
            return True
        now = time.monotonic()
        if self.LOOKUP in record.getMessage():
            if now - self._last >= self.SECONDS:
                self._first = now
            self._last = now
        elif not str(record.msg).startswith(self.AFTERWARDS):
            return True
        return now - self._first >= self.SECONDS
