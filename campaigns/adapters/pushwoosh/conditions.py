"""Conditions on tags, `[tag, operator, operand]`, as the platform's segments understand them.

A negative operator holds for nobody who never had the tag. A number written as a text is both.
Source: the platform's pages on conditions of createMessage, and on filters.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from campaigns.adapters.pushwoosh.tags import SYSTEM, field_of
from campaigns.adapters.pushwoosh.words import all_of, any_of, refused
from campaigns.model.condition import (
    FOLDED,
    Comparison,
    Condition,
    Op,
    Scalar,
    condition_tree,
    parse_condition,
)

OPERATORS = {
    "EQ": Op.EQ,
    "E": Op.EQ,  # one sample of the platform's has it
    "IN": Op.IN,
    "NOTEQ": Op.NE,
    "NOTIN": Op.NOT_IN,
    "LTE": Op.LE,
    "GTE": Op.GE,
    "BETWEEN": Op.BETWEEN,
    "NOTSET": Op.NOT_SET,
}
"""By name, whose case does not count."""

TAG_MAX = 255
VALUES_MAX = 1_000
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?")
_DAYS_AGO = re.compile(r"([0-9]{1,12}) days? ago", re.IGNORECASE)
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(?::[0-9]{2})?)?")
_DAY = timedelta(days=1)
_MOMENTS = frozenset(SYSTEM[tag] for tag in ("First Install", "Last Application Open"))


def read_conditions(given: Sequence[Any], operator: str, now: datetime | None, field: str) -> Condition:
    """Read triples that belong together.

    Args:
        given: The triples.
        operator: `AND` or `OR`.
        now: What "N days ago" counts from; None where it may not be said.
        field: Where they stand in the request.

    Raises:
        RefusedError: One of them is wrong.
        InvalidError: They are too many.
    """
    join = {"AND": all_of, "OR": any_of}.get(operator.upper())
    if join is None:
        raise refused(f"{field}_operator", "must be AND or OR")
    if not given:
        raise refused(field, "must be a list of at least one condition")
    parts = [_triple(each, now, f"{field}[{index}]") for index, each in enumerate(given)]
    return bounded(join(parts), field)


def bounded(condition: Condition, field: str) -> Condition:
    """Return a condition that is not too large to be kept.

    Raises:
        InvalidError: It is.
    """
    return parse_condition(condition_tree(condition), field)


def _triple(given: Any, now: datetime | None, field: str) -> Condition:
    match given:
        case [str(tag), str(operator)]:
            return tag_condition(tag, operator, None, now, field)
        case [str(tag), str(operator), operand]:
            return tag_condition(tag, operator, operand, now, field)
    raise refused(field, "must be [tag, operator, operand]")


def tag_condition(tag: str, operator: str, operand: Any, now: datetime | None, field: str) -> Condition:
    """Return who has a tag like this.

    Raises:
        RefusedError: There is no such operator, or it has another operand.
    """
    op = OPERATORS.get(operator.upper())
    if op is None:
        raise refused(field, f"has none of the operators {', '.join(OPERATORS)}")
    if not 0 < len(tag.strip()) <= TAG_MAX:
        raise refused(field, f"must name a tag of 1 to {TAG_MAX} characters")
    name = field_of(tag)
    if op is Op.NOT_SET:
        return Comparison(name, Op.NOT_SET)
    values = _operands(op, operand, field)
    if name in _MOMENTS:
        return _of_moment(name, op, values, now, field)
    if name in SYSTEM.values():
        return _of_text(name, op, values, field)
    return _of_tag(name, op, [_absolute(each, now, field) for each in values], field)


def _operands(op: Op, operand: Any, field: str) -> list[Scalar]:
    is_list = isinstance(operand, list)
    if op in {Op.IN, Op.NOT_IN, Op.BETWEEN} and not is_list:
        raise refused(field, "must have a list as its operand")
    values = operand if is_list else [operand]
    if not 0 < len(values) <= VALUES_MAX or (op is Op.BETWEEN and len(values) != 2):
        raise refused(field, "has too few or too many operands")
    if not all(_is_scalar(each) for each in values):
        raise refused(field, "must have texts, numbers, true or false as its operands")
    return values


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    return isinstance(value, bool | int | float) and math.isfinite(value) and abs(value) < 2**63


# ── tags that devices set ───────────────────────────────────────────────────────────────────────────────────


def _of_tag(name: str, op: Op, values: list[Scalar], field: str) -> Condition:
    match op:
        case Op.EQ | Op.IN:
            return Comparison(name, Op.IN, _alike(values))
        case Op.NE | Op.NOT_IN:
            return all_of((Comparison(name, Op.SET), Comparison(name, Op.NOT_IN, _alike(values))))
    numbers = [number for each in values if (number := _number(each)) is not None]
    bounds: list[Any] = values if len(numbers) < len(values) else [*numbers]
    if any(isinstance(each, bool) for each in bounds) or len({isinstance(each, str) for each in bounds}) > 1:
        raise refused(field, "must have numbers, or dates, as its operands")
    return Comparison(name, op, tuple(bounds) if op is Op.BETWEEN else bounds[0])


def _alike(values: list[Scalar]) -> tuple[Scalar, ...]:
    """Return values, and those that mean the same: who set 18 may have set "18", and who set 1, true."""
    found: list[Scalar] = []
    for value in values:
        same: list[Scalar] = [value]
        number = _number(value)
        if number is not None:
            same += [number, str(number)]
            same += [bool(number)] if number in {0, 1} else []
        elif isinstance(value, bool):
            same += [int(value), str(int(value)), str(value).lower()]
        elif value in {"true", "false"}:
            same.append(value == "true")
        for each in same:
            if not _is_among(each, found):
                found.append(each)
    return tuple(found)


def _is_among(value: Scalar, found: list[Scalar]) -> bool:
    return any(type(each) is type(value) and each == value for each in found)


def _number(value: Scalar) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    text = value.strip()
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def _absolute(value: Scalar, now: datetime | None, field: str) -> Scalar:
    """Return a date in the past as what devices write: YYYY-MM-DD; any other value as it is."""
    match = _DAYS_AGO.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return value
    if now is None:
        raise refused(field, "cannot count days from a moment that is not known yet; give a date")
    return _ago(now, int(match[1]), field).date().isoformat()


def _ago(now: datetime, days: int, field: str) -> datetime:
    try:
        return now - days * _DAY
    except OverflowError:
        raise refused(field, "is too long ago") from None


# ── tags that are fields ────────────────────────────────────────────────────────────────────────────────────


def _of_text(name: str, op: Op, values: list[Scalar], field: str) -> Condition:
    if not all(isinstance(each, str) for each in values):
        raise refused(field, "must have texts as its operands")
    fold: Callable[[str], str] = FOLDED.get(name, str)
    texts = tuple(fold(str(each)) for each in values)
    match op:
        case Op.EQ | Op.IN:
            return Comparison(name, Op.IN, texts)
        case Op.NE | Op.NOT_IN:
            return all_of((Comparison(name, Op.SET), Comparison(name, Op.NOT_IN, texts)))
    raise refused(field, "compares a tag that can only be EQ, NOTEQ, IN or NOTIN")


def _of_moment(name: str, op: Op, values: list[Scalar], now: datetime | None, field: str) -> Condition:
    """Return who was first or last seen then: by days, the days of both ends included, in UTC."""
    first, last = (_moment(each, now, field) for each in (values[0], values[-1]))
    match op:
        case Op.EQ:
            return Comparison(name, Op.BETWEEN, (first[0], first[1]))
        case Op.BETWEEN:
            return Comparison(name, Op.BETWEEN, (first[0], last[1]))
        case Op.GE:
            return Comparison(name, Op.GE, first[0])
        case Op.LE:
            return Comparison(name, Op.LE, first[1])
    raise refused(field, "compares a date that can only be EQ, BETWEEN, GTE or LTE")


def _moment(value: Scalar, now: datetime | None, field: str) -> tuple[datetime, datetime]:
    """Return the first and the last moment that a date means."""
    text = str(_absolute(value, now, field)).strip()
    match, number = _DATE.fullmatch(text), _number(text)
    try:
        if match is not None:
            begin = datetime.fromisoformat(f"{match[1]} {match[2] or '00:00'}").replace(tzinfo=UTC)
            length = _DAY if match[2] in {None, "00:00"} else timedelta(minutes=1)
            return begin, begin + length - timedelta(microseconds=1)
        if number is not None and not isinstance(value, bool):
            moment = datetime.fromtimestamp(number, UTC)
            return moment, moment
    except (ValueError, OverflowError, OSError):
        pass
    raise refused(field, "must have a date (YYYY-MM-DD), Unix seconds or `N days ago` as its operand")
