"""Where the fields of a job are in its bytes: line and column, for findings that name fields by their path.

Pure. Knows the grammar of JSON and nothing of jobs.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from worker.checks.finding import shown
from worker.checks.syntax import START, Place, place_of

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_OPENING, _CLOSING = ("{", "["), ("}", "]")
_STEP_BEGINS = re.compile(r"[.\[]")


def places(value: bytes, fields: Iterable[str]) -> dict[str, Place]:
    """Return the place of each field's value: of the object that lacks it, if it is missing.

    Args:
        value: JSON.
        fields: Paths as findings have them (`recipients[3].id`).

    Returns:
        A place for each field; the beginning if the bytes are not JSON.
    """
    wanted = {field: [*_prefixes(field)] for field in fields}
    text = value.decode(errors="replace")
    reader = _Reader(text, {prefix for prefixes in wanted.values() for prefix in prefixes})
    found = reader.read()
    offsets = {
        field: next((found[each] for each in prefixes if each in found), None)
        for field, prefixes in wanted.items()
    }
    return {field: START if offset is None else place_of(text, offset) for field, offset in offsets.items()}


def _prefixes(field: str) -> Iterator[str]:
    """Yield a path, and then those of all that is around it, from the inside out."""
    yield field
    for match in reversed([*_STEP_BEGINS.finditer(field)]):
        yield field[: match.start()]
    yield ""


class _Reader:
    """Finds where values begin, of those that are wanted; reads over all others."""

    def __init__(self, text: str, wanted: set[str]) -> None:
        self._tokens = _TOKEN.finditer(text)
        self._wanted = wanted
        self._offsets: dict[str, int] = {}

    def read(self) -> dict[str, int]:
        """Return the offset of each path that is wanted and there, as far as the text is JSON."""
        with suppress(StopIteration, ValueError):
            self._value("", next(self._tokens))
        return self._offsets

    def _value(self, path: str, token: re.Match[str]) -> None:
        self._offsets[path] = token.start()
        if token[0] == "{":
            self._object(path)
        elif token[0] == "[":
            self._list(path)

    def _object(self, path: str) -> None:
        while (token := next(self._tokens))[0] != "}":
            if token[0] == ",":
                continue
            if not token[0].startswith('"'):
                raise ValueError("is not JSON")
            name = shown(json.loads(token[0]))
            next(self._tokens)  # the colon
            self._member(f"{path}.{name}".lstrip("."))

    def _list(self, path: str) -> None:
        index = 0
        while (token := next(self._tokens))[0] != "]":
            if token[0] == ",":
                index += 1
            else:
                self._member(f"{path}[{index}]", token)

    def _member(self, path: str, token: re.Match[str] | None = None) -> None:
        token = token or next(self._tokens)
        if path in self._wanted:
            self._value(path, token)
        else:
            self._skip(token)

    def _skip(self, token: re.Match[str]) -> None:
        depth = int(token[0] in _OPENING)
        while depth:
            text = next(self._tokens)[0]
            depth += (text in _OPENING) - (text in _CLOSING)
