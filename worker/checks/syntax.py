"""Why some bytes are not JSON: where they stop being it, and the likely cause.

Pure. Looks at the bytes alone; knows nothing of jobs, and repeats nothing of what it reads.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

import msgspec


class Place(NamedTuple):
    """A place in a text: line and column, both counted from 1, the column in characters."""

    line: int
    column: int


class Fault(NamedTuple):
    """Where bytes stop being JSON, and why they may have got there; `problem` begins with a verb."""

    place: Place
    problem: str


START = Place(1, 1)

# (first bytes, what they are)
_BINARY = (
    (b"\xff\xfe", "is UTF-16 text; write JSON in UTF-8"),
    (b"\xfe\xff", "is UTF-16 text; write JSON in UTF-8"),
    (b"\xef\xbb\xbf", "begins with a byte order mark (EF BB BF); write UTF-8 without it"),
    (b"\x1f\x8b", "is compressed with gzip; leave compression to the Kafka client"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; leave compression to the Kafka client"),
    (b"\x04\x22\x4d\x18", "is compressed with lz4; leave compression to the Kafka client"),
    (b"\x82SNAPPY", "is compressed with snappy; leave compression to the Kafka client"),
    (b"\xac\xed\x00\x05", "is a serialized Java object; serialize to JSON"),
    (b"Obj\x01", "is an Avro file; serialize to JSON"),
    (b"\x80\x04\x95", "is a Python pickle; serialize to JSON"),
    (b"eyJ", "is base64; write the JSON itself"),
    (b"<", "looks like XML or HTML"),
)
_PHP = re.compile(rb"[aO]:[0-9]+:[{\"]|s:[0-9]+:\"")
_REGISTRY_BYTES = 5
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\r\n")
_MANY = 0.05  # share of control characters from which bytes are not text

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)
_WORDS = {
    "None": "null",
    "True": "true",
    "False": "false",
    "nil": "null",
    "NULL": "null",
    "undefined": "null",
    "TRUE": "true",
    "FALSE": "false",
}
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


class _ConstantError(ValueError):
    """JSON has no NaN and no Infinity, though Python's decoder takes them."""


def explain(value: bytes) -> Fault | None:
    """Return why bytes are not JSON, or None if they are."""
    if not value.strip():
        return Fault(START, "is empty")
    binary = _binary(value)
    if binary:
        return Fault(START, binary)
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return Fault(_byte_place(value, error.start), _not_utf8(value, error))
    return _in_text(text) or _in_msgspec(value)


def place_of(text: str, offset: int) -> Place:
    """Return the line and column of a character."""
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


# ── what is not text ────────────────────────────────────────────────────────────────────────────────────────


def _binary(value: bytes) -> str:
    found = next((problem for start, problem in _BINARY if value.startswith(start)), "")
    if found:
        return found
    if _is_zero(value) in {(False, True, False), (True, False, True), (False, True)}:
        return "has a zero byte beside each character, as UTF-16 has; write JSON in UTF-8"
    if value[0] == 0 and len(value) > _REGISTRY_BYTES:
        schema = int.from_bytes(value[1:_REGISTRY_BYTES])
        kind = "JSON Schema" if value[_REGISTRY_BYTES:].lstrip()[:1] in (b"{", b"[") else "Avro or Protobuf"
        return (
            f"begins with a schema registry's prefix (byte 0, then schema id {schema}), as its {kind} "
            "serializer writes it; write plain JSON"
        )
    if _PHP.match(value):
        return "is serialized by PHP; use json_encode"
    value = value.rstrip(b"\0")
    controls = len(value) - len(value.translate(None, _CONTROLS))
    return "is binary (Avro, Protobuf, MessagePack?); write JSON" if controls > len(value) * _MANY else ""


def _is_zero(value: bytes) -> tuple[bool, ...]:
    return tuple(byte == 0 for byte in value[:3])


def _not_utf8(value: bytes, error: UnicodeDecodeError) -> str:
    first, second = value[error.start], value[error.start + 1 : error.start + 2]
    if first == 0xED and second >= b"\xa0":
        return "has half of a surrogate pair as bytes (CESU-8); write the whole character in UTF-8"
    if error.reason == "unexpected end of data":
        return "is cut off in the middle of a character"
    return f"is not UTF-8 (byte {first:02X}); it may be Latin-1 or Windows-1252"


def _byte_place(value: bytes, offset: int) -> Place:
    return place_of(value[:offset].decode(errors="replace"), len(value[:offset].decode(errors="replace")))


# ── what is text ────────────────────────────────────────────────────────────────────────────────────────────


def _in_text(text: str) -> Fault | None:
    try:
        json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        is_open = error.msg.startswith("Unterminated string")  # Python points at its beginning
        offset = len(text) if is_open else error.pos
        return Fault(place_of(text, offset), _cause(text, offset, error.msg))
    except _ConstantError:
        found = next(match for match in _TOKEN.finditer(text) if not match[0].startswith('"'))
        return Fault(place_of(text, found.start()), f"has {found[0]}, which JSON does not know; use null")
    except RecursionError:
        return Fault(START, "is nested too deeply")
    except ValueError:
        return Fault(START, "has a number with too many digits")
    return next(_half_pairs(text), None)


def _refuse(_name: str) -> NoReturn:
    raise _ConstantError


def _cause(text: str, offset: int, message: str) -> str:
    rest, before = text[offset:], text[:offset].rstrip()
    start = rest[:1]
    if message.startswith("Illegal trailing comma") or (before.endswith(",") and start in ("}", "]")):
        return "has a comma before a closing bracket"
    if not rest.strip():
        return "is cut off: it ends before its last bracket is closed"
    if message.startswith("Extra data"):
        return _extra(rest)
    if message.startswith("Invalid control character"):
        return "has a line break or another control character in a text; write it as an escape (\\n)"
    if message.startswith("Invalid \\"):
        return "has a backslash in a text that begins no escape; write \\\\ for a backslash"
    if start == "'":
        return "has single quotes; JSON has double quotes alone"
    if rest.startswith(("//", "/*", "#")):
        return "has a comment; JSON has none"
    return _wrong_word(rest) or _expected(before, start, message)


def _extra(rest: str) -> str:
    if rest.startswith("{"):
        return "has another job behind the first; put one on each line, each on one line"
    if rest.startswith("\0"):
        return "has a zero byte at its end"
    return "has something behind the end of the job"


def _wrong_word(rest: str) -> str:
    word = _WORD.match(rest)
    if word is None:
        return ""
    if word[0] in _WORDS:
        return f"has {word[0]}, which JSON does not know; use {_WORDS[word[0]]}"
    return "has a name or a text without double quotes"


def _expected(before: str, start: str, message: str) -> str:
    if start.isdigit() or start in ("+", "."):
        return "has a number that is not written as JSON does"
    if message.startswith("Expecting ',' delimiter"):
        return "lacks a comma here, or has a double quote in a text without a backslash before it"
    if message.startswith("Expecting ':' delimiter"):
        return "lacks a colon here"
    return "is not JSON from here on" if before else "does not begin as JSON does"


def _half_pairs(text: str) -> Iterator[Fault]:
    """Yield each half of a surrogate pair that is escaped without its other half."""
    high: re.Match[str] | None = None
    for match in _ESCAPE.finditer(text):
        code = int(match[1], 16) if match[1] else 0
        is_second = high is not None and high.end() == match.start() and 0xDC00 <= code < 0xE000
        if high is not None and not is_second:
            yield _half(text, high)
        if 0xDC00 <= code < 0xE000 and not is_second:
            yield _half(text, match)
        high = match if 0xD800 <= code < 0xDC00 else None
    if high is not None:
        yield _half(text, high)


def _half(text: str, match: re.Match[str]) -> Fault:
    problem = "has half of a surrogate pair; a program has cut an emoji in two"
    return Fault(place_of(text, match.start()), problem)


def _in_msgspec(value: bytes) -> Fault | None:
    """Whether the worker's own decoder refuses what Python's takes."""
    try:
        msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Fault(START, "is not JSON that can be read: a number out of range, or nested too deeply")
    return None
