"""Attributes of subscribers, and a site's registry of them: names, types, and the longest value of each."""

import math
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.model.problems import FieldProblem
from campaigns.model.texts import text_problem
from worker.records.values import encode_json

BYTES_MAX = 8_192
"""Bytes of JSON that a subscriber's attributes may have."""

NAME_MAX = 64
LIST_MAX = 100
RESERVED = frozenset({"job_id", "campaign_id", "site_id", "recipient_id", "t"})
"""Variables that a push has by itself: no attribute may hide one."""

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?")

Scalar = str | int | float | bool
AttributeValue = Scalar | list[Scalar]


class Type(StrEnum):
    """What an attribute holds; told to whoever makes conditions, and never enforced."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    LIST = "list"


class Attribute(Struct, frozen=True):
    """An attribute that a site's subscribers have.

    Attributes:
        id: Its number.
        site: Whose it is.
        name: `[A-Za-z0-9_]`, at most 64: also the name of a variable.
        type: What it held first.
        longest: Bytes of UTF-8 of the longest value seen, as a variable writes it.
    """

    id: int
    site: int
    name: str
    type: Type
    longest: int


class Seen(Struct, frozen=True):
    """What one value tells the registry."""

    type: Type
    longest: int


def attribute_problems(attributes: Mapping[str, Any], field: str = "attributes") -> Iterator[FieldProblem]:
    """Find what is wrong with a subscriber's attributes."""
    for name, value in attributes.items():
        problem = name_problem(name) or _value_problem(value)
        if problem:
            yield FieldProblem(f"{field}.{name[:NAME_MAX]}", problem)
            return
    size = len(encode_json(attributes))
    if size > BYTES_MAX:
        yield FieldProblem(field, f"has {size:,} bytes of JSON, over the limit of {BYTES_MAX:,}")


def name_problem(name: str) -> str | None:
    """Return what is wrong with an attribute's name, or None."""
    if not _NAME.fullmatch(name):
        return "is no name of an attribute: use A-Z, a-z, 0-9 and _, at most 64"
    if name.startswith("__"):
        return "begins with two underscores, as formatted variables do; use another"
    return "is the name of a variable that every push has; use another" if name in RESERVED else None


def _value_problem(value: Any) -> str | None:
    if isinstance(value, list):
        if len(value) > LIST_MAX:
            return f"is a list of more than {LIST_MAX} values"
        if any(isinstance(each, list) for each in value):
            return "is a list within a list"
        return next(filter(None, map(_value_problem, value)), None)
    match value:
        case bool():
            return None
        case str():
            return text_problem(value, BYTES_MAX)
        case int():
            return None if abs(value) < 2**63 else "is a number out of range"
        case float():
            return None if math.isfinite(value) else "is a number out of range"
    return "must be a text, a number, true, false or a list of these"


def seen(attributes: Mapping[str, AttributeValue]) -> dict[str, Seen]:
    """Return what a subscriber's attributes tell the registry, by name."""
    return {name: Seen(type_of(value), length_of(value)) for name, value in attributes.items()}


def type_of(value: AttributeValue) -> Type:
    """Return the type that a value looks like."""
    match value:
        case bool():
            return Type.BOOLEAN
        case int() | float():
            return Type.NUMBER
        case list():
            return Type.LIST
    return Type.DATE if _DATE.fullmatch(value) else Type.TEXT


def as_variable(value: AttributeValue) -> Scalar:
    """Return a value as a job's variables hold it: a list becomes a text, its items with commas between."""
    if not isinstance(value, list):
        return value
    return ", ".join(each if isinstance(each, str) else encode_json(each).decode() for each in value)


def length_of(value: AttributeValue) -> int:
    """Return the bytes of UTF-8 that a value has where a variable writes it."""
    written = as_variable(value)
    return len(written.encode()) if isinstance(written, str) else len(msgspec.json.encode(written))
