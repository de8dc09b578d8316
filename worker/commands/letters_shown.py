"""Dead letters as they are shown: a line or a JSON object each, or one whole letter without its secrets.

Decides what a terminal may see. Knows nothing of how letters are read.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from worker.checks.syntax import explain
from worker.records.letter import Letter
from worker.records.values import moment

_TEXT_MAX_CHARS = 300
_HIDDEN = "<hidden>"
_SECRET_NAMES = frozenset({"auth", "p256dh"})
_SECRET_HOLDERS = frozenset({"variables", "payload"})
"""What people are told, and what is known about them: names stay, values do not."""


def line(letter: Letter) -> str:
    """Return a letter in one line."""
    ids = (f"campaign {letter.ids.campaign_id or '-'}", f"job {letter.ids.job_id or '-'}")
    fields = (str(letter.position), time(letter.at), printable(letter.code) or "-", source(letter), *ids)
    cut = () if letter.truncated_from is None else (f"cut from {letter.truncated_from:,} bytes",)
    return "  ".join((*fields, *cut, printable(letter.error) or "-"))


def json_line(letter: Letter) -> str:
    """Return a letter as one line of JSON, without key, value and own headers."""
    fields = {
        "partition": letter.position.partition,
        "offset": letter.position.offset,
        "at": time(letter.at),
        "error_code": letter.code,
        "error": letter.error,
        "source_topic": letter.source_topic,
        "source_partition": letter.source_partition,
        "source_offset": letter.source_offset,
        "campaign_id": letter.ids.campaign_id,
        "job_id": letter.ids.job_id,
        "bytes": len(letter.value or b""),
        "truncated_from_bytes": letter.truncated_from,
    }
    return json.dumps(fields)


def whole(letter: Letter) -> Iterator[str]:
    """Yield the lines of a letter: headers, key, and the value without its secrets."""
    yield f"letter      {letter.position}, written {time(letter.at)}"
    yield f"error-code  {printable(letter.code) or '-'}"
    yield f"error       {printable(letter.error) or '-'}"
    yield f"source      {source(letter)}"
    yield f"campaign    {letter.ids.campaign_id or '-'}"
    yield f"job         {letter.ids.job_id or '-'}"
    yield f"key         {_bytes(letter.key)}"
    for name, text in letter.headers:
        yield f"header      {printable(name)}: {_bytes(text)}"
    yield from _value(letter)


def _value(letter: Letter) -> Iterator[str]:
    value = letter.value
    if value is None:
        yield "value       none: the record is a tombstone"
        return
    cut = "" if letter.truncated_from is None else f", cut from {letter.truncated_from:,}"
    fault = explain(value)
    if fault is not None:
        yield f"value       {len(value):,} bytes{cut}; --raw prints it as it is"
        yield f"not JSON    line {fault.place.line}, column {fault.place.column}: {fault.problem}"
        return
    try:
        shown = json.dumps(without_secrets(msgspec.json.decode(value)), indent=2)
    except RecursionError:
        yield f"value       {len(value):,} bytes{cut}, nested too deeply to show; --raw prints it as it is"
        return
    yield f"value       {len(value):,} bytes{cut}; secrets are left out, --raw prints it as it is:"
    yield from shown.splitlines()


def without_secrets(tree: Any) -> Any:
    """Return JSON of a job without the values that are secret; of an endpoint the host stays."""
    match tree:
        case dict():
            return {name: _member(name, item) for name, item in tree.items()}
        case list():
            return [without_secrets(item) for item in tree]
    return tree


def _member(name: str, item: Any) -> Any:
    if name in _SECRET_NAMES:
        return _HIDDEN
    if name in _SECRET_HOLDERS:
        return _hidden(item)
    if name == "endpoint":
        return _host(item) if isinstance(item, str) else _HIDDEN
    return without_secrets(item)


def _hidden(tree: Any) -> Any:
    match tree:
        case dict():
            return {name: _hidden(item) for name, item in tree.items()}
        case list():
            return [_hidden(item) for item in tree]
    return None if tree is None else _HIDDEN


def _host(endpoint: str) -> str:
    try:
        host = urlsplit(endpoint).hostname
    except ValueError:
        host = None
    return f"https://{host}/{_HIDDEN}" if host else _HIDDEN


def summary(letters: Counter[str], cut: int) -> str:
    """Return a line that counts letters by their error code; `cut` of them can never be replayed."""
    count = letters.total()
    if not count:
        return "no dead letters"
    codes = ", ".join(
        f"{number:,} {printable(code) or 'without a code'}" for code, number in letters.most_common()
    )
    lost = f"; {cut:,} cut, which cannot be replayed" if cut else ""
    return f"{number_of(count, 'dead letter')}: {codes}{lost}"


def number_of(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def time(seconds: float) -> str:
    """Return a moment as RFC 3339, in whole seconds, UTC."""
    return moment(seconds).isoformat(timespec="seconds").replace("+00:00", "Z")


def source(letter: Letter) -> str:
    """Return where a letter's record came from."""
    partition, offset = (
        "?" if number is None else str(number) for number in (letter.source_partition, letter.source_offset)
    )
    return f"{printable(letter.source_topic) or 'unknown topic'} {partition}:{offset}"


def printable(text: str) -> str:
    """Return text from a record in a form that is safe on a terminal."""
    short = text if len(text) <= _TEXT_MAX_CHARS else text[:_TEXT_MAX_CHARS] + "…"
    return "".join(char if char.isprintable() else "?" for char in short)


def _bytes(value: bytes | None) -> str:
    return "-" if value is None else printable(value.decode(errors="replace"))
