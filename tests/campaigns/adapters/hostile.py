"""What an attacker puts at a place of a request, and where there are places."""

from collections.abc import Iterator
from typing import Any

import msgspec


def _deep(levels: int, opened: str, closed: str) -> msgspec.Raw:
    return msgspec.Raw((opened * levels + "1" + closed * levels).encode())


KINDS: tuple[object, ...] = (None, True, -1, 1.5, 2**70, "", "x", [], [[]], {}, {"a": {"b": []}})
"""One of each kind of JSON, for every place."""

ODD: tuple[object, ...] = (
    *(False, 0, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**64)),
    *(msgspec.Raw(text) for text in (b"1e308", b"-1e308", b"1e-308", b"-0.0", b"1e400", b"1" + b"0" * 400)),
    *(" ", "\x01", "\u202e", "\ud7ff", "%00", "%", "_", "\\", "'", "{", "{{", "["),
    *("+1", "01", " 1", "1_0", "\u0661", "1e5", "0x10", "inf", "nan", "-0", "1" * 400, "9" * 20),
    *("0001-01-01", "0001-01-01 00:00:00", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z"),
    *("9999-12-31", "9999-12-31 23:59:59", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"),
    *("31-12-9999", "01-01-0001", "29-02-2027", "23:59", "99999999999 days ago", "2026-02-30"),
    *("x" * 300, "x" * 5000, "{Name}", "{Name|x|y", "{{a|b|c}}", "{{" * 200),
    *("http://", "https://[", "javascript:x"),
    *({"": ""}, [None], [True], [2**70], ["x"] * 1001, [{}], {"x" * 300: 1}),
    *(_deep(levels, *signs) for levels in (40, 200, 900) for signs in (("[", "]"), ('{"a":', "}"))),
)
"""Numbers, texts and trees that something may not have been made for; each place gets some in turn."""

IN_TURN = 6


def hostile(number: int) -> Iterator[object]:
    """Yield what is put at a place, by the place's number."""
    yield from KINDS
    for at in range(IN_TURN):
        yield ODD[(number * IN_TURN + at) % len(ODD)]


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where something stands in JSON."""
    if path:
        yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(tree: Any, path: tuple[Any, ...], value: object) -> Any:
    """Return JSON with another value at a place."""
    if not path:
        return value
    first, *rest = path
    if isinstance(tree, dict):
        return {**tree, first: replaced(tree[first], tuple(rest), value)}
    return [replaced(each, tuple(rest), value) if at == first else each for at, each in enumerate(tree)]
