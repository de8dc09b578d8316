"""Mutations that keep an input's structure recognizable, unlike random bytes."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

MOST_BYTES = 1 << 16

_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.0, 0.5, 2**31, 2**53, 2**63, 2**64, 10**30, 1e300, -1e-300),
    *("", " ", "\x00", "a\n", "é" * 40, "\U0001f600", "{{", "{{name}}", "{{name|}}", "{{job_id|s3cret}}"),
    *("x" * 128, "x" * 129, "x" * 4000, "../a", "s3cret", "very-low", "urgent"),
    *("2026-11-21T09:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2027-01-15T08:00:00.000001Z"),
    *("https://fcm.googleapis.com/s3cret", "https://127.1/s3cret", "https://a@b/", "//c", "https://x"),
    *([], {}, [[]], [1, "a"], {"a": {"b": []}}, [{}] * 20),
)
_ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\r\n",
    b"\n",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"%",
    b"=",
    b":",
    b"9" * 30,
    b"\x1f",
)


def mutate(data: bytes, random: Random) -> bytes:
    """Change an input in one to four places: in its tree if it is JSON, or in its bytes."""
    for _ in range(random.randint(1, 4)):
        data = (_in_tree if random.random() < 0.7 else _in_bytes)(data, random)
        if len(data) > MOST_BYTES:  # or a text repeated a hundredfold, four times, would fill the memory
            break
    return data[:MOST_BYTES]


def _in_tree(data: bytes, random: Random) -> bytes:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return _in_bytes(data, random)
    places = list(_places(tree))
    if not places:
        return json.dumps(random.choice(_ODD_VALUES)).encode()
    holder, key = random.choice(places)
    change: Callable[..., None] = random.choice(
        (_replace, _replace, _remove, _repeat, _swap, _deepen, _rename)
    )
    change(holder, key, random, places)
    try:
        return json.dumps(tree, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    except RecursionError:
        return _in_bytes(data, random)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from _places(value)


def _replace(holder: Any, key: Any, random: Random, _places: Any) -> None:
    holder[key] = random.choice(_ODD_VALUES)


def _remove(holder: Any, key: Any, _random: Random, _places: Any) -> None:
    del holder[key]


def _repeat(holder: Any, key: Any, random: Random, _places: Any) -> None:
    if isinstance(holder, list):
        holder += [holder[key]] * random.choice((1, 2, 30))
    elif isinstance(holder[key], str):
        holder[key] *= random.choice((2, 10, 100))


def _swap(holder: Any, key: Any, random: Random, places: Any) -> None:
    other, its_key = random.choice(places)
    holder[key] = json.loads(json.dumps(other[its_key]))


def _deepen(holder: Any, key: Any, random: Random, _places: Any) -> None:
    for _ in range(random.choice((1, 99, 100, 101, 300))):
        holder[key] = [holder[key]] if random.random() < 0.5 else {"a": holder[key]}


def _rename(holder: Any, key: Any, random: Random, places: Any) -> None:
    if isinstance(holder, dict):
        names = [each for _, each in places if isinstance(each, str)]
        holder[random.choice([*names, "", "Sub\x1b", "expirationTime"])] = holder.pop(key)


def _in_bytes(data: bytes, random: Random) -> bytes:
    start = random.randint(0, len(data))
    end = min(len(data), start + random.choice((0, 1, 2, 8, 64)))
    piece = data[start:end]
    match random.randrange(5):
        case 0:
            new = b""
        case 1:
            new = piece * random.choice((2, 3, 50))
        case 2:
            new = random.choice(_ODD_BYTES)
        case 3:
            new = random.randbytes(len(piece))
        case _:
            new = piece + random.choice(_ODD_BYTES)
    return data[:start] + new + data[end:]
