"""What foreign serializers do differently, one change at a time, in every place of a record's tree.

Each change knows what is written and what it means. Decides where a change is possible; what must come of it
is `reading`'s business.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from tests.fuzz.serializers.shapes import ABSENT, Path, Place, Role
from tests.fuzz.serializers.writing import Members, Raw, all_escaped, slashes_escaped

Change = tuple[Any, Any]
"""What is written in a place, and what it means."""

OUT_OF_RANGE = float("inf")
"""The meaning of a number beyond any type's range."""


def whole(text: str) -> str:
    """Return a text with U+FFFD for each half of a surrogate pair."""
    units = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", units)


# ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────


def _inserted(*pieces: str) -> Callable[[Place], Iterator[Change]]:
    def changes(place: Place) -> Iterator[Change]:
        if isinstance(place.value, str):
            for at in _positions(place):
                for piece in pieces:
                    text = place.value[:at] + piece + place.value[at:]
                    yield text, whole(text)

    return changes


def _positions(place: Place) -> Iterable[int]:
    """Return where to insert something into a text: everywhere, but for texts that it ruins anywhere."""
    size = len(place.value)
    return {0, 1, size // 2, size - 1, size} if place.field.role in _RUINED else range(size + 1)


_RUINED = {Role.KEY, Role.ENDPOINT, Role.ID, Role.TIME}


def _broken_bytes(place: Place) -> Iterator[Change]:
    """Latin-1, and a character beyond 16 bits that was cut after three of its four bytes."""
    if isinstance(place.value, str):
        for at in sorted({0, len(place.value) // 2, len(place.value)}):
            before, after = place.value[:at], place.value[at:]
            halves = [json.dumps(each, ensure_ascii=False)[1:-1].encode() for each in (before, after)]
            for broken in (b"\xeb", b"\xf0\x9f\x98"):
                text = b'"' + broken.join(halves) + b'"'
                yield Raw(text), f"{before}\N{REPLACEMENT CHARACTER}{after}"


def _escapes(place: Place) -> Iterator[Change]:
    if isinstance(place.value, str):
        for written in (all_escaped(place.value), all_escaped(place.value, "\\u{:04X}")):
            yield Raw(written), place.value


def _slashes(place: Place) -> Iterator[Change]:
    if isinstance(place.value, str) and "/" in place.value:
        yield Raw(slashes_escaped(place.value)), place.value


_BRACES = re.compile(r"\{\{\s*(\w+)\s*(?:\|\s*(.*?)\s*)?\}\}")


def _spaces_in_braces(place: Place) -> Iterator[Change]:
    text = place.value
    is_template = isinstance(text, str) and place.field.role is not Role.TEMPLATE  # a payload goes as it is
    for found in _BRACES.finditer(text) if is_template else ():
        name, fallback = found.groups()
        for one, two, three, four in ((" ",) * 4, ("", " ") * 2, (" ", "") * 2, ("\t", "  ", "\n", " ")):
            end = "" if fallback is None else f"|{three}{fallback}{four}"
            variable = f"{{{{{one}{name}{two}{end}}}}}"
            yield text[: found.start()] + variable + text[found.end() :], text


def _ordinary_base64(place: Place) -> Iterator[Change]:
    if place.field.role is Role.KEY:
        ordinary = place.value.replace("-", "+").replace("_", "/")
        padding = "=" * (-len(place.value) % 4)
        lines = "\r\n".join(ordinary[at : at + 64] for at in range(0, len(ordinary), 64))
        for text in (ordinary, place.value + padding, ordinary + padding, lines + padding, ordinary + "\n"):
            yield text, text


_PICTURES = (
    *("", " ", "http://cdn.example/i.png", "HTTP://cdn.example/i.png", "https://", "https:", "javascript:1"),
    *(
        "ftp://cdn.example/i",
        "blob:https://a/1",
        "file:///i.png",
        "https://[i.png",
        "https://a.example:99999/",
    ),
    *("/i.png", "i.png", "../i.png", "//cdn.example/i.png", "?i", "#i", "i.png:1", "https://a.example/ü é"),
    *("data:image/png;base64,AA+/=", "HTTPS://CDN.example", " https://cdn.example/i.png ", "null"),
    *("{{picture}}", "https://{{picture}}", "http://cdn.example/{{sku}}", "{{missing}}", "x{{name}}"),
    "{{missing|/i.png}}",
)


def _pictures(place: Place) -> Iterator[Change]:
    if place.field.role is Role.PICTURE:
        yield from ((text, text) for text in _PICTURES)


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d:\d\d)(\.\d+)?Z")


def _times(place: Place) -> Iterator[Change]:
    found = _INSTANT.fullmatch(place.value) if isinstance(place.value, str) else None
    if found:
        day, hour, rest, fraction = found.groups(default="")
        here, east = f"{day}T{hour}:{rest}", f"{day}T{int(hour) + 2:02}:{rest}"
        for text in (
            *(f"{here}{fraction}+00:00", f"{here}{fraction}-00:00", f"{east}{fraction}+02:00"),
            *(f"{here}{fraction or '.000'}Z", f"{here}{fraction or '.000000000'}Z", place.value.lower()),
        ):
            yield text, text


# ── nothing, and other types ────────────────────────────────────────────────────────────────────────────────


def _always(*values: Any) -> Callable[[Place], Iterator[Change]]:
    return lambda place: ((value, value) for value in values)


def _left_out(place: Place) -> Iterator[Change]:
    if place.value is not ABSENT and place.path and isinstance(place.path[-1], str):
        yield ABSENT, ABSENT


def _not_a_number(place: Place) -> Iterator[Change]:
    for text in (b"NaN", b"Infinity", b"-Infinity"):
        yield Raw(text), None


def _as_text(place: Place) -> Iterator[Change]:
    if isinstance(place.value, bool):
        yield from (
            (each, each) for each in (int(place.value), str(place.value).lower(), str(int(place.value)))
        )
    elif isinstance(place.value, int | float):
        yield str(place.value), str(place.value)
    elif isinstance(place.value, dict | list):
        text = json.dumps(place.value)
        yield text, text


def _number_forms(place: Place) -> Iterator[Change]:
    value = place.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    digits = f"{value:.6e}"
    for text in (repr(float(value)), digits, digits.replace("e+", "E"), f"{value}e0", f"{value}E-0"):
        yield Raw(text.encode()), float(value)


def _big_numbers(place: Place) -> Iterator[Change]:
    if isinstance(place.value, int | float) and not isinstance(place.value, bool):
        for number in (2**31, 2**53, 2**63, 2**64, 10**30, 10**500 - 1, -1, -(2**63) - 1, -0.5):
            yield number, number
        for text in (b"1e999", b"-1E+400", b"9" * 5000):
            yield Raw(text), OUT_OF_RANGE


def _months(place: Place) -> Iterator[Change]:
    if place.path[-1:] == ("ttl",):
        yield from ((days * 86_400, days * 86_400) for days in (29, 60))


# ── objects ─────────────────────────────────────────────────────────────────────────────────────────────────


def _members(place: Place) -> list[tuple[str, Any]]:
    return list(place.value.items()) if isinstance(place.value, dict) else []


_UNKNOWN = (None, [], {}, "x", "\ud83d", 10**30, -0.0, [[[]]], {"a": {"b": None}}, False)


def _unknown_fields(place: Place) -> Iterator[Change]:
    members = _members(place)
    if members and place.field.role is Role.OBJECT:
        for value in (*_UNKNOWN, Raw(b"NaN"), Raw(b"1e999")):
            for name in ("unknownField", "", "\ud83d"):
                yield Members((*members, (name, value))), place.value
                yield Members(((name, value), *members)), place.value


def _more_of_upstream_s_own(place: Place) -> Iterator[Change]:
    if isinstance(place.value, dict) and place.field.role in {Role.FREE, Role.TEMPLATE}:
        for value in (None, [], {}, "{{name}}", 0, -1.5, [[[]]], {"a": {"b": None}}, False):
            tree = {**place.value, "own": value}
            yield tree, tree
        yield {**place.value, "own": "Zo\ud83d"}, {**place.value, "own": whole("Zo\ud83d")}


def _names(changed: Callable[[str], tuple[Any, str]]) -> Callable[[Place], Iterator[Change]]:
    """Change each member's name, to what `changed` returns: as written, and as meant."""

    def changes(place: Place) -> Iterator[Change]:
        members = _members(place)
        for at, (name, value) in enumerate(members):
            written, meant = changed(name)
            if written != name:
                yield (
                    Members((*members[:at], (written, value), *members[at + 1 :])),
                    dict([*members[:at], (meant, value), *members[at + 1 :]]),
                )

    return changes


def _camel_case(name: str) -> tuple[str, str]:
    changed = re.sub("_(.)", lambda found: found[1].upper(), name)
    return changed, changed


def _repeated(place: Place) -> Iterator[Change]:
    members = _members(place)
    for member in members:
        yield Members((*members, member)), place.value
        yield Members((member, *members)), place.value
        if isinstance(member[1], str):
            yield Members(((member[0], "a"), *members)), place.value


def _reordered(place: Place) -> Iterator[Change]:
    members = _members(place)
    if len(members) > 1:
        for order in (
            members[::-1],
            sorted(members, key=lambda member: member[0]),
            members[1:] + members[:1],
        ):
            yield Members(tuple(order)), place.value


def _escaped_name(name: str) -> tuple[Any, str]:
    return Raw(all_escaped(name)), name


def _half_in_name(half: str) -> Callable[[str], tuple[str, str]]:
    return lambda name: (name + half, whole(name + half))


class Kind(NamedTuple):
    """A kind of change.

    Attributes:
        changes: The changes in a place.
        is_harmless: Whether nothing may come of it, in any place where it is possible.
    """

    changes: Callable[[Place], Iterator[Change]]
    is_harmless: bool = False


KINDS = {
    "half a surrogate pair": Kind(_inserted("\ud83d", "\ude00", "\ude00\ud83d")),
    "half a pair in a name": Kind(_names(_half_in_name("\ud83d"))),
    "half a pair in a name, low": Kind(_names(_half_in_name("\udc00"))),
    "a character beyond 16 bits": Kind(_inserted("😀")),
    "bytes that are not UTF-8": Kind(_broken_bytes),
    "U+0000": Kind(_inserted("\x00")),
    "U+0000 in a name": Kind(_names(lambda name: (name + "\x00", name + "\x00"))),
    "escapes": Kind(_escapes, is_harmless=True),
    "escapes in a name": Kind(_names(_escaped_name), is_harmless=True),
    "escaped slashes": Kind(_slashes, is_harmless=True),
    "spaces in braces": Kind(_spaces_in_braces, is_harmless=True),
    "ordinary base64": Kind(_ordinary_base64, is_harmless=True),
    "forms of a time": Kind(_times, is_harmless=True),
    "pictures": Kind(_pictures),
    "null": Kind(_always(None)),
    "an empty list": Kind(_always([])),
    "an empty object": Kind(_always({})),
    "an empty text": Kind(_always("")),
    "left out": Kind(_left_out),
    "NaN": Kind(_not_a_number),
    "another type": Kind(_always(True, False, 0, 1.5, "1", [None], {"a": []})),
    "a number as text": Kind(_as_text),
    "forms of a number": Kind(_number_forms),
    "a number out of range": Kind(_big_numbers),
    "a ttl of months": Kind(_months),
    "unknown fields": Kind(_unknown_fields, is_harmless=True),
    "more of upstream's own": Kind(_more_of_upstream_s_own),
    "names of another language": Kind(_names(_camel_case)),
    "a name twice": Kind(_repeated, is_harmless=True),
    "another order": Kind(_reordered, is_harmless=True),
}


def put(tree: Any, path: Path, value: Any) -> Any:
    """Return a tree with another value in one place."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(tree, list):
        return [put(item, rest, value) if at == first else item for at, item in enumerate(tree)]
    changed = put(tree.get(first), rest, value)
    if changed is ABSENT:
        return {name: item for name, item in tree.items() if name != first}
    return {**tree, first: changed}
