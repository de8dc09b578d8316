"""Whom a campaign is for, in SendPulse's words: filters, each of which must hold.

Decides what each filter means as a condition. A variable that a subscriber does not have counts as an empty
text, but is neither more nor less than anything.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from campaigns.adapters.sendpulse.dates import read_since, read_until
from campaigns.model.attribute import Type
from campaigns.model.condition import And, Comparison, Condition, Not, Op, Or, condition_tree, parse_condition
from campaigns.model.device import BROWSERS
from campaigns.model.problems import invalid
from campaigns.model.target import Everyone, Meeting, Target

VALUES_MAX = 50

_BROWSERS = {family.lower(): word for family, word in BROWSERS.items()}
_OPS = {
    "equal": Op.EQ,
    "notequal": Op.NE,
    "greaterthan": Op.GT,
    "lessthan": Op.LT,
    "startwith": Op.STARTS,
    "endwith": Op.ENDS,
    "likewith": Op.CONTAINS,
    "notlikewith": Op.NOT_CONTAINS,
}


class Filters(Struct, frozen=True, kw_only=True):
    """The filters of a request, as they came.

    Attributes:
        filter_lang: Languages, by commas.
        filter_browser: Browsers, by commas.
        filter_browsers: The same, as an example of SendPulse's writes it.
        filter_region: Countries: a list, as JSON or by commas.
        filter_url: The page on which they subscribed, maybe as JSON.
        filter: One variable, maybe as JSON.
        filter_subscription_date_from: The first day on which they subscribed.
        filter_subscription_date_to: The last one.
    """

    filter_lang: Any = None
    filter_browser: Any = None
    filter_browsers: Any = None
    filter_region: Any = None
    filter_url: Any = None
    filter: Any = None
    filter_subscription_date_from: str | None = None
    filter_subscription_date_to: str | None = None


def target_of(filters: Filters, types: Mapping[str, Type], zone: ZoneInfo) -> Target:
    """Return whom a request means.

    Args:
        filters: Those of the request.
        types: Of the site's attributes, by name.
        zone: The account's.

    Raises:
        InvalidError: A filter cannot be obeyed. Names it.
    """
    parts = (*_conditions(filters, types), *_dates(filters, zone))
    if not parts:
        return Everyone()
    condition = And(parts)
    parse_condition(condition_tree(condition), "filter")  # or it is too large to be kept
    return Meeting(condition)


def _conditions(filters: Filters, types: Mapping[str, Type]) -> Iterator[Condition]:
    readers: tuple[tuple[str, Callable[[Any, str], Condition]], ...] = (
        ("filter_lang", _languages),
        ("filter_browser", _browsers),
        ("filter_browsers", _browsers),
        ("filter_region", _countries),
        ("filter_url", _pages),
    )
    for field, read in readers:
        given = getattr(filters, field)
        if given is not None:
            yield read(given, field)
    if filters.filter is not None:
        yield _variable(filters.filter, types)


def _dates(filters: Filters, zone: ZoneInfo) -> Iterator[Condition]:
    since = read_since(filters.filter_subscription_date_from, zone, "filter_subscription_date_from")
    until = read_until(filters.filter_subscription_date_to, zone, "filter_subscription_date_to")
    if since is not None:
        yield Comparison("created_at", Op.GE, since)
    if until is not None:
        yield Comparison("created_at", Op.LT, until)


# ── lists ───────────────────────────────────────────────────────────────────────────────────────────────────


def _languages(given: Any, field: str) -> Condition:
    """A language is meant with all of its regions: `en` is en-US, too."""
    words = [word.lower() for word in _words(given, field)]
    parts = [
        part
        for word in words
        for part in (Comparison("language", Op.EQ, word), Comparison("language", Op.STARTS, f"{word}-"))
    ]
    return Or(tuple(parts))


def _browsers(given: Any, field: str) -> Condition:
    words = [word.lower() for word in _words(given, field)]
    return Comparison("browser", Op.IN, tuple(_BROWSERS.get(word, word) for word in words))


def _countries(given: Any, field: str) -> Condition:
    return Comparison("country", Op.IN, tuple(word.upper() for word in _words(given, field)))


def _pages(given: Any, field: str) -> Condition:
    """`direct`: the page is one of these. `include` and `exclude`: its URL has one of these, or none."""
    match unpacked(given):
        case {"type": "direct", "search": search}:
            return Comparison("landing_url", Op.IN, tuple(_words(search, f"{field}.search")))
        case {"type": "include" | "exclude" as kind, "search": search}:
            words = _words(search, f"{field}.search")
            found = Or(tuple(Comparison("landing_url", Op.CONTAINS, word) for word in words))
            return found if kind == "include" else Not(found)
    raise invalid(field, "must have a type, which is direct, include or exclude, and search")


def _words(given: Any, field: str) -> list[str]:
    """Read a list of texts: a list, one as JSON, or a text with commas."""
    found = unpacked(given)
    if isinstance(found, str):
        found = found.split(",")
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise invalid(field, "must be a text, or a list of texts")
    words = [word.strip() for word in found if word.strip()]
    if not 0 < len(words) <= VALUES_MAX:
        raise invalid(field, f"must have 1 to {VALUES_MAX} values")
    return words


# ── one variable ────────────────────────────────────────────────────────────────────────────────────────────


def _variable(given: Any, types: Mapping[str, Type]) -> Condition:
    match unpacked(given):
        case {"variable_name": str(name), "conditions": list(rows), **rest} if rows:
            operator = rest.get("operator", "and")
        case _:
            raise invalid("filter", "must have variable_name, operator and conditions")
    if name not in types:
        raise invalid("filter.variable_name", "is no variable of this website")
    if operator not in ("and", "or"):  # what has no hash is none of them, too
        raise invalid("filter.operator", "must be and, or or")
    if len(rows) > VALUES_MAX:
        raise invalid("filter.conditions", f"has more than {VALUES_MAX} conditions")
    parts = tuple(_compared(name, types[name], row, index) for index, row in enumerate(rows))
    return And(parts) if operator == "and" else Or(parts)


def _compared(name: str, kind: Type, row: Any, index: int) -> Condition:
    at = f"filter.conditions[{index}]"
    match row:
        case {"condition": str(word), "value": str() | int() | float() as value} if word in _OPS:
            op = _OPS[word]
        case _:
            raise invalid(at, f"must have a value, and a condition: {', '.join(_OPS)}")
    field = f"attribute.{name}"
    number = _number(value) if kind is Type.NUMBER else None
    if number is not None and op in {Op.EQ, Op.NE, Op.GT, Op.LT}:
        return Comparison(field, op, number)
    if kind is Type.NUMBER and op in {Op.GT, Op.LT}:
        raise invalid(f"{at}.value", "must be a number, as this variable is one")
    return _as_text(field, op, _text(value))


def _as_text(field: str, op: Op, value: str) -> Condition:
    """Compare as text, ignoring case; who does not have the variable counts as one with an empty text."""
    if op in {Op.NE, Op.NOT_CONTAINS}:
        return Not(_as_text(field, Op.EQ if op is Op.NE else Op.CONTAINS, value))
    compared = Comparison(field, op, value, ignore_case=True)
    counts_empty = not value and op not in {Op.GT, Op.LT}
    return Or((Comparison(field, Op.NOT_SET), compared)) if counts_empty else compared


def _number(value: str | float) -> int | float | None:
    if isinstance(value, str):
        try:
            value = msgspec.convert(value, int | float, strict=False)
        except msgspec.ValidationError:
            return None
    return None if isinstance(value, bool) else value


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def unpacked(given: Any) -> Any:
    """Return what a field holds that may be JSON within a text."""
    if isinstance(given, str) and given.lstrip()[:1] in {"{", "["}:
        try:
            return msgspec.json.decode(given)
        except (msgspec.DecodeError, RecursionError):
            return given
    return given
