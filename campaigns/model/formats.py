"""Formats that a value is written in, and how a variable of a template asks for one.

A variable `__upper__City` is the attribute `City` in capitals: no attribute has a name that begins so.
Decides what a formatted value looks like; which word a platform has for a format, its adapter knows.
Source of the formats: https://docs.pushwoosh.com/platform-docs/personalization/dynamic-content
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from campaigns.model.attribute import AttributeValue, Scalar, as_variable

MARK = "__"
"""What the name of a formatted variable begins with, and what stands before the attribute's own."""

GROWTH_FACTOR = 3
"""How many times as many bytes letters may have in capitals: those of U+0390 have six in place of two."""

GROWTH_BYTES = 40
"""How many bytes more a format may write besides: a date in place of its digits, signs around a number."""

_VARIABLE = re.compile(r"__([a-z]+)__([A-Za-z0-9_]+)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def formatted_name(form: str, attribute: str) -> str:
    """Return the name of the variable that is an attribute in one of `FORMATS`."""
    return f"{MARK}{form}{MARK}{attribute}"


def read_formatted(name: str) -> tuple[str, str] | None:
    """Return the format and the attribute that a variable's name asks for; None if it is a plain one."""
    match = _VARIABLE.fullmatch(name)
    return (match[1], match[2]) if match and match[1] in FORMATS else None


def attributes_shown(names: Iterable[str]) -> frozenset[str]:
    """Return the attributes behind variables, formatted or not."""
    read = {name: read_formatted(name) for name in names}
    return frozenset(name if found is None else found[1] for name, found in read.items())


def formatted(names: Iterable[str], attributes: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the values of the formatted ones among variables; those whose attribute is missing are left out.

    Args:
        names: Of variables.
        attributes: What is known of a subscriber.
    """
    values: dict[str, Scalar] = {}
    for name in names:
        asked = read_formatted(name)
        if asked is not None and attributes.get(asked[1]) is not None:
            values[name] = written(asked[0], attributes[asked[1]])
    return values


def written(form: str, value: AttributeValue) -> str:
    """Write a value in one of `FORMATS`; one that the format is not made for stays as it is."""
    plain = as_variable(value)
    text = plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()
    return FORMATS[form](text)


# ── formats ─────────────────────────────────────────────────────────────────────────────────────────────────


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _each_first(text: str) -> str:
    return re.sub(r"\S+", lambda word: _first(word[0]), text)


def _number(write: Callable[[float], str]) -> Callable[[str], str]:
    def form(text: str) -> str:
        try:
            number = float(text)
        except ValueError:
            return text
        return write(number) if abs(number) < 1e15 else text

    return form


def _grouped(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"


def _money(sign: str) -> Callable[[str], str]:
    return _number(lambda number: f"{'-' if number < 0 else ''}{sign}{_grouped(abs(number))}")


def _cents(number: float) -> str:
    return f"{'-' if number < 0 else ''}${abs(number) / 100:,.2f}"


def _date(write: Callable[[datetime], str]) -> Callable[[str], str]:
    def form(text: str) -> str:
        moment = _moment(text)
        return text if moment is None else write(moment)

    return form


def _moment(text: str) -> datetime | None:
    """Read a date, a date and a time, or Unix seconds; in UTC where it says nothing else."""
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text), UTC)
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def _month(moment: datetime) -> str:
    return _MONTHS[moment.month - 1]


FORMATS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "first": _first,
    "words": _each_first,
    "upper": str.upper,
    "lower": str.lower,
    "grouped": _number(_grouped),
    "cents": _number(_cents),
    "dollars": _money("$"),
    "euros": _money("€"),
    "yen": _money("¥"),
    "lira": _money("₤"),
    "shortdate": _date(lambda at: f"{_month(at)}-{at:%d-%y}"),
    "numdate": _date(lambda at: f"{at:%m-%d-%y}"),
    "spacedate": _date(lambda at: f"{_month(at)} {at:%d %y}"),
    "yeardate": _date(lambda at: f"{_month(at)} {at:%d} {at.year}"),
    "weekday": _date(lambda at: _DAYS[at.weekday()]),
    "monthday": _date(lambda at: f"{_month(at)} {at:%d}"),
    "clock": _date(lambda at: f"{at:%H:%M}"),
    "datetime": _date(lambda at: f"{at:%m-%d-%y %H:%M}"),
}
"""By name, what makes a text of a text."""
