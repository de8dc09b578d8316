"""Changes to single attributes of a subscriber: set, removed, added to a list, taken from it, counted up."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from campaigns.model.attribute import AttributeValue, Scalar


class Change(StrEnum):
    """What becomes of an attribute."""

    SET = "set"
    APPEND = "append"
    REMOVE = "remove"
    INCREMENT = "increment"


class TagChange(Struct, frozen=True):
    """A change to one attribute.

    Attributes:
        name: The attribute's.
        change: What becomes of it.
        value: What is set, appended, removed or added; None with `SET`: the attribute is gone.
    """

    name: str
    change: Change
    value: Any


def changed(known: Mapping[str, AttributeValue], changes: Iterable[TagChange]) -> dict[str, AttributeValue]:
    """Return attributes after changes; whether they may be so, `attribute_problems` says."""
    found = dict(known)
    for each in changes:
        value = _changed(found.get(each.name), each)
        if value is None:
            found.pop(each.name, None)
        else:
            found[each.name] = value
    return found


def _changed(old: AttributeValue | None, change: TagChange) -> Any:
    match change.change:
        case Change.SET:
            return change.value
        case Change.APPEND:
            there = _items(old)
            return [*there, *(each for each in _items(change.value) if each not in there)]
        case Change.REMOVE:
            gone = _items(change.value)
            return [each for each in _items(old) if each not in gone]
        case Change.INCREMENT:
            return _number(old) + _number(change.value)


def _items(value: Any) -> list[Scalar]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _number(value: Any) -> int | float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
