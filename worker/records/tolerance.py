"""Records as foreign serializers write them: half of a surrogate pair, null for a field that is left out.

Decides which deviations from a type are harmless, and what they stand for. Only records that a strict decoder
has refused come here. Knows nothing of what a record means.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from math import isinf
from typing import Any

import msgspec
from msgspec import Struct, inspect

from worker.records.values import encode_json

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # RFC 8259 section 8.1: a parser may ignore it
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()

# A JSON escape, whole, so that no half is seen in an escaped backslash followed by "ud83d".
_ESCAPE = re.compile(
    rb"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
# Surrogates as bytes (CESU-8, Java's modified UTF-8): a pair, or else a half. No valid UTF-8 contains one.
_SURROGATES = re.compile(
    rb"(\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf])|\xed[\xa0-\xbf][\x80-\xbf]",
)
_CONTAINERS = (inspect.DictType, inspect.StructType)
_INTEGER_MAX_DIGITS = 400
"""More is beyond any number's range; Python would refuse the whole text at 4,300."""


def repaired(value: bytes) -> bytes:
    """Replace what is not Unicode in a JSON text by U+FFFD.

    That is each half of a surrogate pair, escaped or as bytes, and each byte that is not UTF-8. A pair as
    bytes becomes its character. A byte order mark is dropped.
    """
    text = _SURROGATES.sub(_character, value.removeprefix(_BYTE_ORDER_MARK))
    text = text.decode(errors="replace").encode()
    return _ESCAPE.sub(_escape, text) if _SURROGATE_ESCAPE.search(text) else text


def tolerated(value: bytes, kind: type[Struct]) -> bytes:
    """Rewrite a record so that a strict decoder takes it, if all that is wrong with it is harmless.

    Beside what `repaired` does:
    - An optional field that is null is left out, and so is one that holds an empty container of the wrong
      kind: PHP writes an empty map as `[]`.
    - A whole number may be written `86400.0`, as Gson does. In JSON Schema, too, that is an integer.
    - `NaN` and `Infinity`, which are not JSON, become null, as JavaScript writes them.

    Args:
        value: A record that the strict decoder of `kind` has refused.
        kind: The record's type. Fields that it does not know stay as they are.

    Returns:
        The record as JSON. What is not harmless is still in it, for the decoder to name.
    """
    text = repaired(value)
    try:
        # As `str`, since `json` takes bytes for UTF-16 as well.
        tree = json.loads(text.decode(), parse_int=_integer, parse_float=_float, parse_constant=_null)
        return encode_json(_plain(tree, _type_of(kind)))
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return text


def _character(found: re.Match[bytes]) -> bytes:
    pair = found.group(1)
    if pair is None:
        return _REPLACEMENT
    halves = pair.decode("utf-8", "surrogatepass")
    return halves.encode("utf-16", "surrogatepass").decode("utf-16").encode()


def _escape(found: re.Match[bytes]) -> bytes:
    return found.group() if found.group(2) is None else rb"\ufffd"


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) <= _INTEGER_MAX_DIGITS else msgspec.Raw(digits.encode())


def _float(digits: str) -> Any:
    """Read a number; one that is out of range stays as it is, so that it costs its own field alone."""
    number = float(digits)
    return msgspec.Raw(digits.encode()) if isinf(number) else number


def _null(_name: str) -> None:
    return None


@cache
def _type_of(kind: type[Struct]) -> inspect.Type:
    return inspect.type_info(kind)


# ── along a type ────────────────────────────────────────────────────────────────────────────────────────────


def _plain(tree: Any, kind: inspect.Type) -> Any:
    """Rewrite a value along with its type."""
    match tree, kind:
        case dict(), inspect.StructType():
            return _without_empty(tree, kind)
        case list(), inspect.ListType():
            return [_plain(item, kind.item_type) for item in tree]
        case float(), _ if tree.is_integer() and _is_integer(kind):
            return int(tree)
        case _, inspect.UnionType():
            for each in kind.types:
                tree = _plain(tree, each)
    return tree


def _without_empty(fields: dict[str, Any], kind: inspect.StructType) -> dict[str, Any]:
    types = {field.encode_name: field for field in kind.fields}
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        field = types.get(name)
        if field is None:
            kept[name] = value
        elif field.required or not _is_empty(value, field.type):
            kept[name] = _plain(value, field.type)
    return kept


def _is_empty(value: Any, kind: inspect.Type) -> bool:
    """Whether an optional field's value says nothing: null, `[]` for an object, `{}` for a list."""
    if value is None:
        return True
    kinds = _members(kind)
    if value == []:
        return all(isinstance(each, _CONTAINERS) for each in kinds)
    return bool(value == {} and all(isinstance(each, inspect.ListType) for each in kinds))


def _members(kind: inspect.Type) -> Iterable[inspect.Type]:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [each for each in kinds if not isinstance(each, inspect.NoneType)]


def _is_integer(kind: inspect.Type) -> bool:
    is_version = isinstance(kind, inspect.LiteralType) and all(isinstance(each, int) for each in kind.values)
    return is_version or isinstance(kind, inspect.IntType)
