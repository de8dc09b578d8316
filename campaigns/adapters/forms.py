"""Bodies and queries as clients in PHP and Python write them: forms with arrays, and JSON where none belongs.

Decides what a body says, whatever it is written in. Knows no platform's fields.
"""

import re
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from campaigns.adapters.messages import HttpRequest
from campaigns.adapters.refusals import Reason, RefusedError

FORM = "application/x-www-form-urlencoded"
PAIRS_MAX = 1_000
DEPTH_MAX = 8
"""Brackets after a name."""

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def read_fields(request: HttpRequest) -> dict[str, Any]:
    """Read a body that is a form, or else JSON, whatever its content type says.

    Raises:
        RefusedError: It is neither, or no object.
    """
    if not request.body.strip():
        return {}
    if request.media_type == FORM:
        try:
            return _checked(read_form(request.body.decode()))
        except UnicodeDecodeError:
            raise _malformed("The form is not UTF-8.") from None
    return _object(request.body)


def read_query(request: HttpRequest) -> dict[str, Any]:
    """Read a query of parameters, or one that is a JSON object as a whole.

    Raises:
        RefusedError: It begins like one, and is none.
    """
    text = unquote(request.query_string)
    if text.startswith("{"):
        return _object(text.encode())
    return _checked(dict(request.query))


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed("The request is not JSON.") from None
    if found == []:  # PHP's empty array, which could have been an object
        return {}
    if not isinstance(found, dict):
        raise _malformed("The request must be a JSON object.")
    return _checked(found)


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    if _ESCAPED_NUL.search(msgspec.json.encode(fields)):
        raise _malformed("A text has a NUL character, which cannot be kept.")
    return fields


# ── PHP's arrays ────────────────────────────────────────────────────────────────────────────────────────────


def read_form(text: str) -> dict[str, Any]:
    """Read a form whose names may have brackets: `a[b][0]=c` is `{"a": {"b": ["c"]}}`.

    Source: https://www.php.net/manual/en/faq.html.php#faq.html.arrays; `http_build_query` writes them so.

    Raises:
        RefusedError: It has too many fields, or names that contradict each other.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=PAIRS_MAX)
    except ValueError:
        raise _malformed(f"The form has more than {PAIRS_MAX:,} fields.") from None
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _put(tree, _path(name), value)
    return {name: _with_lists(item) for name, item in tree.items()}


def _path(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        return [name]
    keys = [match[1], *(part.removesuffix("]") for part in match[2].split("[")[1:])]
    if len(keys) > DEPTH_MAX:
        raise _malformed(f"A field of the form has more than {DEPTH_MAX} levels.")
    return keys


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    """Put a value at its place; an empty key is the next number, as in PHP."""
    *parents, last = path
    for key in parents:
        tree = tree.setdefault(key or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise _malformed("A field of the form is both a text and an array.")
    tree[last or str(len(tree))] = value


def _with_lists(item: Any) -> Any:
    """Make lists of those whose keys are 0, 1, 2 and so on."""
    if not isinstance(item, dict):
        return item
    items = {key: _with_lists(inner) for key, inner in item.items()}
    return [*items.values()] if [*items] == [str(index) for index in range(len(items))] else items


def _malformed(detail: str) -> RefusedError:
    return RefusedError(Reason.MALFORMED, detail)
