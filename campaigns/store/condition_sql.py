"""From a condition to SQL over `subscriber AS s`: parameters only, no text of a client ever becomes SQL.

Every expression is true or false, never null, so that `NOT` means what it says for those without a value.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from campaigns.model.condition import FIELDS, OPPOSITES, And, Comparison, Condition, Kind, Not, Op, Or

_ORDER = {Op.GT: ">", Op.GE: ">=", Op.LT: "<", Op.LE: "<="}
_PARTS = {
    Op.STARTS: "starts_with({text}, {value})",
    Op.ENDS: "right({text}, length({value})) = {value}",
    Op.CONTAINS: "position({value} IN {text}) > 0",
}
_ITEMS = "jsonb_array_elements(CASE jsonb_typeof({x}) WHEN 'array' THEN {x} ELSE jsonb_build_array({x}) END)"
"""The items of an attribute: itself, if it is no list."""


class Parameters:
    """The values of a statement's parameters, `$1` and so on.

    Args:
        first: Those that the statement has already.
    """

    def __init__(self, first: Sequence[object] = ()) -> None:
        self.values: list[object] = [*first]

    def add(self, value: object, kind: str) -> str:
        """Add a value, and return what stands for it in SQL.

        Args:
            value: The value.
            kind: Its type in SQL.
        """
        self.values.append(value)
        return f"${len(self.values)}::{kind}"


def condition_sql(condition: Condition | None, parameters: Parameters) -> str:
    """Return a boolean expression over `s`, a row of `subscriber`; None is everyone.

    Args:
        condition: The condition.
        parameters: Gets its values.
    """
    match condition:
        case None:
            return "true"
        case And(parts):
            return _joined(parts, "AND", "true", parameters)
        case Or(parts):
            return _joined(parts, "OR", "false", parameters)
        case Not(part):
            return f"NOT {condition_sql(part, parameters)}"
        case Comparison(op=op):
            if op in OPPOSITES:
                return f"NOT {condition_sql(replace(condition, op=OPPOSITES[op]), parameters)}"
            return f"({_comparison(condition, parameters)})"


def _joined(parts: tuple[Condition, ...], word: str, empty: str, parameters: Parameters) -> str:
    return f"({f' {word} '.join(condition_sql(part, parameters) for part in parts) or empty})"


def _comparison(comparison: Comparison, parameters: Parameters) -> str:
    if comparison.attribute is not None:
        name = parameters.add(comparison.attribute, "text")
        of_attribute = _of_attribute_as_text if comparison.ignore_case else _of_attribute
        return of_attribute(f"(s.attributes -> {name})", comparison, parameters)
    column = f"s.{comparison.field}"  # one of `FIELDS`, which are columns but for the first
    match FIELDS[comparison.field]:
        case Kind.TAGS:
            return _of_tags(comparison, parameters)
        case Kind.TIME:
            return _of_time(column, comparison, parameters)
    return _of_text(column, comparison, parameters)


def _of_text(column: str, comparison: Comparison, parameters: Parameters) -> str:
    match comparison.op:
        case Op.SET:
            return f"{column} IS NOT NULL"
        case Op.IN:
            return f"coalesce({column} = ANY({parameters.add(_list(comparison), 'text[]')}), false)"
        case Op.EQ:
            return f"coalesce({column} = {parameters.add(comparison.value, 'text')}, false)"
    value = parameters.add(comparison.value, "text")
    return f"coalesce({_PARTS[comparison.op].format(text=column, value=value)}, false)"


def _of_tags(comparison: Comparison, parameters: Parameters) -> str:
    match comparison.op:
        case Op.SET:
            return "s.tags <> '{}'"
        case Op.IN:
            return f"s.tags && {parameters.add(_list(comparison), 'text[]')}"
        case Op.EQ:
            return f"s.tags @> ARRAY[{parameters.add(comparison.value, 'text')}]"
    value = parameters.add(comparison.value, "text")
    test = _PARTS[comparison.op].format(text="tag", value=value)
    return f"EXISTS (SELECT FROM unnest(s.tags) AS tag WHERE {test})"


def _of_time(column: str, comparison: Comparison, parameters: Parameters) -> str:
    match comparison.op:
        case Op.SET:
            return f"{column} IS NOT NULL"
        case Op.BETWEEN:
            least, most = (parameters.add(each, "timestamptz") for each in _list(comparison))
            return f"{column} BETWEEN {least} AND {most}"
    sign = "=" if comparison.op is Op.EQ else _ORDER[comparison.op]
    return f"{column} {sign} {parameters.add(comparison.value, 'timestamptz')}"


def _of_attribute(x: str, comparison: Comparison, parameters: Parameters) -> str:
    bounds: tuple[tuple[str, object], ...]
    match comparison.op:
        case Op.SET:
            return f"coalesce({x} <> '[]'::jsonb, false)"
        case Op.EQ:  # a list contains each of its items, as PostgreSQL says it
            return f"coalesce({x} @> {parameters.add(comparison.value, 'jsonb')}, false)"
        case Op.IN:
            values = parameters.add(_list(comparison), "jsonb")
            return f"EXISTS (SELECT FROM jsonb_array_elements({values}) AS value WHERE {x} @> value)"
        case Op.BETWEEN:
            least, most = _list(comparison)
            bounds = ((">=", least), ("<=", most))
        case Op.GT | Op.GE | Op.LT | Op.LE:
            bounds = ((_ORDER[comparison.op], comparison.value),)
        case _:
            value = parameters.add(comparison.value, "text")
            return _any_item(x, "string", _PARTS[comparison.op].format(text="(item #>> '{}')", value=value))
    kind = "string" if isinstance(bounds[0][1], str) else "number"
    return _any_item(x, kind, " AND ".join(_bound(kind, sign, value, parameters) for sign, value in bounds))


def _of_attribute_as_text(x: str, comparison: Comparison, parameters: Parameters) -> str:
    """Compare each item as text, whatever its type; the collation makes both sides fold alike everywhere."""
    text = _lower("item #>> '{}'")

    def lower(value: object) -> str:
        return _lower(parameters.add(value, "text"))

    match comparison.op:
        case Op.EQ:
            test = f"{text} = {lower(comparison.value)}"
        case Op.IN:
            test = f"{text} IN ({', '.join(map(lower, _list(comparison)))})"
        case Op.BETWEEN:
            least, most = map(lower, _list(comparison))
            test = f"{text} BETWEEN {least} AND {most}"
        case Op.GT | Op.GE | Op.LT | Op.LE:
            test = f"{text} {_ORDER[comparison.op]} {lower(comparison.value)}"
        case _:
            test = _PARTS[comparison.op].format(text=text, value=lower(comparison.value))
    return f"EXISTS (SELECT FROM {_ITEMS.format(x=x)} AS item WHERE {test})"


def _lower(text: str) -> str:
    return f'lower(({text}) COLLATE "C")'


def _any_item(x: str, kind: str, test: str) -> str:
    """Whether any item of a type passes; a CASE, for it alone keeps others from being read as numbers."""
    items = _ITEMS.format(x=x)
    return f"EXISTS (SELECT FROM {items} AS item WHERE CASE jsonb_typeof(item) WHEN '{kind}' THEN {test} END)"


def _bound(kind: str, sign: str, value: Any, parameters: Parameters) -> str:
    if kind == "string":
        return f"""(item #>> '{{}}') COLLATE "C" {sign} {parameters.add(value, "text")}"""
    return f"item::numeric {sign} {parameters.add(Decimal(repr(value)), 'numeric')}"


def _list(comparison: Comparison) -> list[str | int | float | bool | datetime]:
    return [*comparison.value] if isinstance(comparison.value, tuple) else []
