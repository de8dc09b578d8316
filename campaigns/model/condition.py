"""Conditions on subscribers: a tree of `and`, `or`, `not` and comparisons, as the own API writes it.

Decides which trees are conditions, and what each comparison compares; SQL is made of it elsewhere. Values are
compared exactly, texts by code points, and only with values of their own type. Tags, and attributes that are
lists, compare as any of their items. `ne`, `not_in`, `not_contains` and `not_set` hold for everyone for whom
`eq`, `in`, `contains` and `set` do not: for those who lack the field, too. An attribute may be compared as
text, whatever its type, with A to Z as a to z: other platforms do.
"""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.model.problems import FieldProblem, InvalidError
from campaigns.model.texts import text_problem

DEPTH_MAX = 10
"""Levels of `and`, `or` and `not`, one within another."""

COMPARISONS_MAX = 100
BYTES_MAX = 8_192
ATTRIBUTE = "attribute."

Scalar = str | int | float | bool
Value = Scalar | datetime
Values = Value | tuple[Value, ...] | None


class Op(StrEnum):
    """How a field is compared."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    BETWEEN = "between"
    STARTS = "starts"
    ENDS = "ends"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    SET = "set"
    NOT_SET = "not_set"


OPPOSITES = {Op.NE: Op.EQ, Op.NOT_IN: Op.IN, Op.NOT_CONTAINS: Op.CONTAINS, Op.NOT_SET: Op.SET}
"""Those that hold for all whom the other does not hold for."""


class Kind(StrEnum):
    """What a field holds."""

    TAGS = "tags"
    TEXT = "text"
    TIME = "time"
    ANY = "any"


FIELDS = {
    "tag": Kind.TAGS,
    "browser": Kind.TEXT,
    "os": Kind.TEXT,
    "platform": Kind.TEXT,
    "language": Kind.TEXT,
    "country": Kind.TEXT,
    "region": Kind.TEXT,
    "city": Kind.TEXT,
    "landing_url": Kind.TEXT,
    "created_at": Kind.TIME,
    "seen_at": Kind.TIME,
}
"""Fields of a subscriber, besides `attribute.NAME`."""

FOLDED: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("browser", "os", "platform", "language"), str.lower),
    "country": str.upper,
}
"""Fields that are kept in one case: values are put into it, too."""

_EQUAL = {Op.EQ, Op.NE, Op.IN, Op.NOT_IN, Op.SET, Op.NOT_SET}
_ORDER = {Op.GT, Op.GE, Op.LT, Op.LE, Op.BETWEEN}
_PARTS = {Op.STARTS, Op.ENDS, Op.CONTAINS, Op.NOT_CONTAINS}

OPS: dict[Kind, frozenset[Op]] = {
    Kind.TAGS: frozenset(_EQUAL | _PARTS),
    Kind.TEXT: frozenset(_EQUAL | _PARTS),
    Kind.TIME: frozenset(_ORDER | {Op.EQ, Op.NE, Op.SET, Op.NOT_SET}),
    Kind.ANY: frozenset(Op),
}
"""How each kind of field can be compared."""


class Comparison(Struct, frozen=True):
    """One field against a value.

    Attributes:
        field: One of `FIELDS`, or `attribute.NAME`.
        op: How it is compared.
        value: A tuple for `in`, `not_in` and `between`; None for `set` and `not_set`.
        ignore_case: Whether an attribute is compared as text, with A to Z as a to z.
    """

    field: str
    op: Op
    value: Values = None
    ignore_case: bool = False

    @property
    def attribute(self) -> str | None:
        """The attribute's name; None for any other field."""
        return self.field.removeprefix(ATTRIBUTE) if self.field.startswith(ATTRIBUTE) else None


class And(Struct, frozen=True):
    """Holds where all of its parts hold; so it does without any."""

    parts: tuple["Condition", ...]


class Or(Struct, frozen=True):
    """Holds where one of its parts holds; so it does not without any."""

    parts: tuple["Condition", ...]


class Not(Struct, frozen=True):
    """Holds where its part does not."""

    part: "Condition"


Condition = And | Or | Not | Comparison


# ── from JSON ───────────────────────────────────────────────────────────────────────────────────────────────


def parse_condition(tree: object, field: str = "condition") -> Condition:
    """Read a condition.

    Args:
        tree: JSON, decoded.
        field: Where it stands in the request; begins the paths in errors.

    Raises:
        InvalidError: It is no condition, or too large; names each field that is wrong.
    """
    parser = _Parser()
    condition = parser.read(tree, field, DEPTH_MAX)
    if not parser.problems and len(msgspec.json.encode(tree)) > BYTES_MAX:
        parser.note(field, f"is larger than {BYTES_MAX:,} bytes of JSON")
    if parser.problems or condition is None:
        raise InvalidError(parser.problems)
    return condition


def attribute_names(condition: Condition) -> Iterator[str]:
    """Yield the names of all attributes in a condition."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from attribute_names(part)
        case Not(part):
            yield from attribute_names(part)
        case Comparison() if condition.attribute is not None:
            yield condition.attribute


class _Parser:
    """Reads a tree as far as it can, noting what is wrong."""

    def __init__(self) -> None:
        self.problems: list[FieldProblem] = []
        self._comparisons = 0

    def note(self, field: str, problem: str) -> None:
        self.problems.append(FieldProblem(field, problem))

    def read(self, tree: object, field: str, depth: int) -> Condition | None:
        if depth <= 0:
            self.note(field, f"is nested more than {DEPTH_MAX} levels deep")
            return None
        match tree:
            case {"and": parts, **rest} if not rest:
                return And(self._parts(parts, f"{field}.and", depth))
            case {"or": parts, **rest} if not rest:
                return Or(self._parts(parts, f"{field}.or", depth))
            case {"not": part, **rest} if not rest:
                inner = self.read(part, f"{field}.not", depth - 1)
                return None if inner is None else Not(inner)
            case {"field": str(name), "op": str(op), **rest} if rest.keys() <= {"value", "ignore_case"}:
                return self._comparison(name, op, rest, field)
        self.note(field, 'must be {"and": […]}, {"or": […]}, {"not": …} or {"field", "op", "value"}')
        return None

    def _parts(self, parts: object, field: str, depth: int) -> tuple[Condition, ...]:
        if not isinstance(parts, list) or not parts:
            self.note(field, "must be a list of at least one condition")
            return ()
        found: list[Condition] = []
        for index, part in enumerate(parts):
            if self._comparisons > COMPARISONS_MAX:
                break
            read = self.read(part, f"{field}[{index}]", depth - 1)
            if read is not None:
                found.append(read)
        return tuple(found)

    def _comparison(self, name: str, op_text: str, rest: dict[Any, Any], field: str) -> Comparison | None:
        self._comparisons += 1
        if self._comparisons > COMPARISONS_MAX:
            self.note(field, f"is one of more than {COMPARISONS_MAX} comparisons")
            return None
        kind = kind_of(name)
        if kind is None:
            self.note(f"{field}.field", f"is not one of {', '.join(FIELDS)} and attribute.NAME")
            return None
        if op_text not in OPS[kind]:
            ops = ", ".join(op for op in Op if op in OPS[kind])
            self.note(f"{field}.op", f"is not one of those for this field: {ops}")
            return None
        read, problem = _read_value(name, kind, Op(op_text), rest.get("value"))
        if problem:
            self.note(f"{field}.value", problem)
            return None
        ignore_case = rest.get("ignore_case", False)
        problem = _case_problem(kind, read, ignore_case)
        if problem:
            self.note(f"{field}.ignore_case", problem)
            return None
        return Comparison(name, Op(op_text), read, ignore_case is True)


def kind_of(field: str) -> Kind | None:
    """Return what a field holds; None if there is no such field."""
    if field.startswith(ATTRIBUTE):
        is_name = text_problem(field.removeprefix(ATTRIBUTE), 64, least=1) is None
        return Kind.ANY if is_name else None
    return FIELDS.get(field)


def _read_value(name: str, kind: Kind, op: Op, value: object) -> tuple[Values, str | None]:
    """Return a comparison's value, or what is wrong with it."""
    match op:
        case Op.SET | Op.NOT_SET:
            return None, None if value is None else f"must be left out with {op}"
        case Op.IN | Op.NOT_IN:
            if not isinstance(value, list) or not value:
                return None, "must be a list of at least one value"
            return _read_each(name, kind, op, value)
        case Op.BETWEEN:
            if not isinstance(value, list) or len(value) != 2:
                return None, "must be a list of two values, the least and the greatest"
            both, problem = _read_each(name, kind, op, value)
            if not problem and isinstance(value[0], str) != isinstance(value[1], str):
                return None, "must be two numbers, or two texts"
            return both, problem
    [read], problem = _read_each(name, kind, op, [value])
    return read, problem


def _read_each(name: str, kind: Kind, op: Op, values: list[Any]) -> tuple[tuple[Value, ...], str | None]:
    read = []
    for value in values:
        problem = _problem(kind, op, value)
        if problem:
            return ("",), problem
        if kind is Kind.TIME:
            read.append(_moment(value))
        else:
            read.append(FOLDED[name](value) if name in FOLDED else value)
    return tuple(read), None


def _problem(kind: Kind, op: Op, value: object) -> str | None:
    if kind is Kind.TIME:
        return None if _moment(value) else "must be an RFC 3339 time with its offset (2026-11-21T09:00:00Z)"
    if isinstance(value, str):
        return text_problem(value, BYTES_MAX)
    if kind is not Kind.ANY or op in _PARTS:
        return "must be a text"
    if isinstance(value, bool):
        return "must be a number or a text" if op in _ORDER else None
    if isinstance(value, int):
        return None if abs(value) < 2**63 else "is a number out of range"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is a number out of range"
    return "must be a text or a number" if op in _ORDER else "must be a text, a number, true or false"


def _case_problem(kind: Kind, value: Values, ignore_case: object) -> str | None:
    if not isinstance(ignore_case, bool):
        return "must be true or false"
    values = value if isinstance(value, tuple) else (value,)
    if ignore_case and (kind is not Kind.ANY or not all(isinstance(each, str) for each in values)):
        return "must be left out, but where an attribute is compared with texts"
    return None


def _moment(value: object) -> Any:
    """Return an RFC 3339 time in UTC; None if it is anything else."""
    if not isinstance(value, str):
        return None
    try:
        read = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    try:
        return None if read.tzinfo is None else read.astimezone(UTC)
    except OverflowError:
        return None


# ── to JSON ─────────────────────────────────────────────────────────────────────────────────────────────────


def condition_tree(condition: Condition) -> dict[str, Any]:
    """Return a condition as JSON that `parse_condition` reads as the same one."""
    match condition:
        case And(parts):
            return {"and": [condition_tree(part) for part in parts]}
        case Or(parts):
            return {"or": [condition_tree(part) for part in parts]}
        case Not(part):
            return {"not": condition_tree(part)}
        case Comparison(field, op, value, ignore_case):
            tree: dict[str, Any] = {"field": field, "op": str(op)}
            if ignore_case:
                tree["ignore_case"] = True
            if value is not None:
                plain = msgspec.to_builtins(value)
                tree["value"] = list(plain) if isinstance(plain, tuple) else plain
            return tree
