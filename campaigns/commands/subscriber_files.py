"""Files of subscribers, line by line: what each says, or what is wrong with it. Knows no database."""

import csv
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import msgspec

from campaigns.model.import_lines import Entry, read_csv_row, read_json_line, unknown_columns
from campaigns.model.problems import InvalidError
from campaigns.model.zones import Zones
from worker.push.services import Endpoints

LINE_MAX = 65_536
"""Bytes of a line: far more than any subscriber has."""


class FileError(ValueError):
    """The file as a whole cannot be read; the message says why."""


class FileLine(NamedTuple):
    """A line of a file.

    Attributes:
        number: From 1.
        text: The line itself, or its cells as JSON: a secret, for it holds an endpoint with its keys.
        entry: What it says; None if it is wrong.
        problem: What is wrong with it.
    """

    number: int
    text: str
    entry: Entry | None
    problem: str = ""


class Source(NamedTuple):
    """An open file.

    Attributes:
        file: From which lines are read.
        is_csv: Whether it is CSV; else it is JSON Lines.
        size: Its bytes; None for standard input.
    """

    file: BinaryIO
    is_csv: bool
    size: int | None


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file, or standard input for `-`."""
    if str(path) == "-":
        yield Source(sys.stdin.buffer, is_csv=False, size=None)
        return
    with path.open("rb") as file:
        yield Source(file, path.name.lower().endswith(".csv"), path.stat().st_size)


def read_lines(source: Source, endpoints: Endpoints, zones: Zones) -> Iterator[FileLine]:
    """Read all lines but empty ones.

    Raises:
        FileError: It is not CSV, or its head has columns that are not known.
    """
    read = _csv_lines if source.is_csv else _json_lines
    yield from read(source.file, endpoints, zones)


def _json_lines(file: BinaryIO, endpoints: Endpoints, zones: Zones) -> Iterator[FileLine]:
    for number, line in enumerate(_bounded_lines(file), 1):
        if line is None:
            yield FileLine(number, "", None, f"is longer than {LINE_MAX:,} bytes")
        elif text := line.strip():
            yield _tried(number, text.decode(errors="replace"), read_json_line, text, endpoints, zones)


def _bounded_lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Yield lines, and None for each that is too long."""
    while line := file.readline(LINE_MAX + 1):
        is_long = len(line) > LINE_MAX
        while is_long and line and not line.endswith(b"\n"):
            line = file.readline(LINE_MAX)
        yield None if is_long else line


def _csv_lines(file: BinaryIO, endpoints: Endpoints, zones: Zones) -> Iterator[FileLine]:
    decoded = (line.decode("utf-8-sig", "replace") for line in file)
    rows = csv.DictReader(decoded, restkey="", restval="", strict=True)
    try:
        unknown = unknown_columns(list(rows.fieldnames or ()))
        if unknown:
            raise FileError(f"has columns that are not known: {', '.join(unknown)}; remove or rename them")
        for row in rows:
            text = msgspec.json.encode(row).decode()
            if row.pop("", None):
                yield FileLine(rows.line_num, text, None, "has more cells than there are columns")
            else:
                yield _tried(rows.line_num, text, read_csv_row, row, endpoints, zones)
    except csv.Error as error:
        raise FileError(f"is not CSV in line {rows.line_num}: {error}") from None


def _tried(number: int, text: str, read: Callable[..., Entry], *given: object) -> FileLine:
    try:
        return FileLine(number, text, read(*given))
    except InvalidError as wrong:
        return FileLine(number, text, None, wrong.detail)


class Rejections:
    """A file of rejected lines, beside the one that they are from. Only its owner can read it.

    It is made with the first of them.
    """

    def __init__(self, source: Path) -> None:
        self.path = source.with_name("rejected" if str(source) == "-" else f"{source.name}.rejected")
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)  # that of an earlier run
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: FileLine, problem: str) -> None:
        """Keep a line, with what is wrong with it, as a line of JSON."""
        if self._file is None:
            self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        kept = {"line": line.number, "problem": problem, "text": line.text}
        self._file.write(msgspec.json.encode(kept) + b"\n")
