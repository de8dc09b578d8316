"""JSON as foreign serializers write it: each with its own escapes, separators and order.

Decides how a value is written; knows nothing of what it means. Besides ordinary values a tree may hold bytes
that go out as they are, and objects with members in any order, twice, or with any name.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Raw:
    """A value or a name that is written as it is."""

    text: bytes


@dataclass(frozen=True)
class Members:
    """An object by its members."""

    members: tuple[tuple[str | Raw, Any], ...]


@dataclass(frozen=True)
class Style:
    """How one serializer writes.

    Attributes:
        text: Writes a text, its quotation marks included.
        comma: Between members or items.
        colon: Between a name and its value.
        is_sorted: Whether members are sorted by name.
    """

    text: Callable[[str], bytes]
    comma: bytes = b","
    colon: bytes = b":"
    is_sorted: bool = False


def write(tree: Any, style: Style) -> bytes:
    """Write a tree."""
    match tree:
        case Raw():
            return tree.text
        case str():
            return style.text(tree)
        case dict():
            members = sorted(tree.items()) if style.is_sorted else tree.items()
            return _object(members, style)
        case Members():
            return _object(tree.members, style)
        case list():
            return b"[" + style.comma.join(write(item, style) for item in tree) + b"]"
        case _:
            return json.dumps(tree).encode()


def _object(members: Any, style: Style) -> bytes:
    written = (write(name, style) + style.colon + write(value, style) for name, value in members)
    return b"{" + style.comma.join(written) + b"}"


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────

_HALF = re.compile("[\ud800-\udfff]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_MARKUP = re.compile("[<>&\u2028\u2029]")
_MARKUP_GSON = re.compile("[<>&='\u2028\u2029]")


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _unicode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def ascii_only(text: str) -> bytes:
    """Write everything outside ASCII as an escape, halves of surrogate pairs too."""
    return json.dumps(text).encode()


def all_escaped(text: str, form: str = "\\u{:04x}") -> bytes:
    """Write every character as an escape."""
    units = text.encode("utf-16-be", "surrogatepass")
    numbers = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return f'"{"".join(form.format(number) for number in numbers)}"'.encode()


def slashes_escaped(text: str) -> bytes:
    """Write slashes as `json_encode` does by default."""
    return json.dumps(text).replace("/", "\\/").encode()


def _well_formed(text: str) -> bytes:
    return _HALF.sub(_escaped, _unicode(text)).encode()


def _go(text: str) -> bytes:
    return _MARKUP.sub(_escaped, _HALF.sub(r"\\ufffd", _unicode(text))).encode()


def _gson(text: str) -> bytes:
    return _MARKUP_GSON.sub(_escaped, _HALF.sub("\N{REPLACEMENT CHARACTER}", _unicode(text))).encode()


def cesu(text: str) -> bytes:
    """Write surrogates, in pairs or alone, as three bytes each (Unicode Technical Report 26)."""
    return _ASTRAL.sub(_in_halves, _unicode(text)).encode("utf-8", "surrogatepass")


def _in_halves(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(chr(int.from_bytes(units[at : at + 2])) for at in (0, 2))


STYLES = {
    "PHP": Style(slashes_escaped),
    "Python": Style(ascii_only, b", ", b": "),
    "JavaScript": Style(_well_formed),
    "Go": Style(_go, is_sorted=True),
    "Gson": Style(_gson),
    "CESU-8": Style(cesu),
}
"""`json_encode`, `json.dumps`, `JSON.stringify`, `json.Marshal` of a map, Gson's HTML-safe form, and a Java
program that writes its strings as modified UTF-8."""

_SPACED = Style(_well_formed, b"\r\n\t,\r\n\t", b" :\t")
FRAMES: dict[str, Callable[[Any], bytes]] = {
    "byte order mark": lambda tree: b"\xef\xbb\xbf" + write(tree, STYLES["JavaScript"]),
    "spaces around": lambda tree: b"\r\n \t" + write(tree, STYLES["Python"]) + b"\n\n",
    "a line a member": lambda tree: write(tree, _SPACED),
    "every character escaped": lambda tree: write(tree, Style(all_escaped)),
}
"""Ways to write a whole record that change nothing."""
