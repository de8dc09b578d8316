"""Whom a campaign is for, as the own API writes it; kept in the same words.

Decides which JSON is a target; who is in it when a campaign is launched, the store finds.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from campaigns.model import ids
from campaigns.model.condition import Comparison, Condition, Op, condition_tree, parse_condition
from campaigns.model.ids import Kind
from campaigns.model.problems import FieldProblem, InvalidError, invalid
from campaigns.model.subscriber import KEY_MAX, TAG_MAX, TAGS_MAX
from campaigns.model.texts import text_problem

NAMED_MAX = 1_000
"""Subscribers that a target can name one by one."""


class Everyone(Struct, frozen=True):
    """All active subscribers of the site."""


class Subscribers(Struct, frozen=True):
    """Those with these numbers."""

    numbers: tuple[int, ...]


class ExternalIds(Struct, frozen=True):
    """Those whom the site calls by these names; a user may have several browsers."""

    values: tuple[str, ...]


class Tagged(Struct, frozen=True):
    """Those with at least one of these tags."""

    tags: tuple[str, ...]


class InSegment(Struct, frozen=True):
    """Those who meet a segment's condition as it is when the campaign is launched."""

    number: int


class Meeting(Struct, frozen=True):
    """Those who meet a condition."""

    condition: Condition


class Among(Struct, frozen=True):
    """Those named one by one who meet a condition, too."""

    named: Subscribers | ExternalIds
    condition: Condition


Target = Everyone | Subscribers | ExternalIds | Tagged | InSegment | Meeting | Among

_FORMS = '{"all": true}, {"subscribers"}, {"external_ids"}, {"tags"}, {"segment"} or {"condition"}'


def parse_target(tree: object, field: str = "target") -> Target:
    """Read a target.

    Args:
        tree: JSON, decoded.
        field: Where it stands in the request; begins the paths in errors.

    Raises:
        InvalidError: It is none; names each field that is wrong.
    """
    match tree:
        case {"all": True, **rest} if not rest:
            return Everyone()
        case {"subscribers": given, **rest} if rest.keys() <= {"condition"}:
            numbers = _list(given, f"{field}.subscribers", _subscriber, NAMED_MAX)
            return _narrowed(Subscribers(numbers), rest, field)
        case {"external_ids": given, **rest} if rest.keys() <= {"condition"}:
            values = _list(given, f"{field}.external_ids", _text(KEY_MAX), NAMED_MAX)
            return _narrowed(ExternalIds(values), rest, field)
        case {"tags": given, **rest} if not rest:
            return Tagged(_list(given, f"{field}.tags", _text(TAG_MAX), TAGS_MAX))
        case {"segment": str(given), **rest} if not rest:
            number = ids.read(Kind.SEGMENT, given)
            if number is None:
                raise invalid(f"{field}.segment", "is no segment's id (seg_7)")
            return InSegment(number)
        case {"condition": given, **rest} if not rest:
            return Meeting(parse_condition(given, f"{field}.condition"))
    raise invalid(field, f"must be one of {_FORMS}")


def target_tree(target: Target) -> dict[str, Any]:
    """Return a target as JSON that `parse_target` reads as the same one."""
    match target:
        case Everyone():
            return {"all": True}
        case Subscribers(numbers):
            return {"subscribers": [ids.spell(Kind.SUBSCRIBER, number) for number in numbers]}
        case ExternalIds(values):
            return {"external_ids": list(values)}
        case Tagged(tags):
            return {"tags": list(tags)}
        case InSegment(number):
            return {"segment": ids.spell(Kind.SEGMENT, number)}
        case Meeting(condition):
            return {"condition": condition_tree(condition)}
        case Among(named, condition):
            return {**target_tree(named), "condition": condition_tree(condition)}


def condition_of(target: Everyone | Tagged | Meeting) -> Condition | None:
    """Return what those of a target meet who are not named one by one; None for everyone."""
    match target:
        case Everyone():
            return None
        case Tagged(tags):
            return Comparison("tag", Op.IN, tags)
        case Meeting(condition):
            return condition


def _narrowed(
    named: Subscribers | ExternalIds, rest: dict[Any, object], field: str
) -> Subscribers | ExternalIds | Among:
    if "condition" not in rest:
        return named
    return Among(named, parse_condition(rest["condition"], f"{field}.condition"))


def _list(given: object, field: str, read: Callable[[object], Any], most: int) -> tuple[Any, ...]:
    if not isinstance(given, list) or not given:
        raise invalid(field, "must be a list of at least one")
    if len(given) > most:
        raise invalid(field, f"has more than {most:,}; use a segment or a condition")
    problems: list[FieldProblem] = []
    found = []
    for index, each in enumerate(given):
        value = read(each)
        if isinstance(value, FieldProblem):
            problems.append(FieldProblem(f"{field}[{index}]", value.problem))
        else:
            found.append(value)
    if problems:
        raise InvalidError(problems)
    return tuple(dict.fromkeys(found))


def _subscriber(each: object) -> int | FieldProblem:
    number = ids.read(Kind.SUBSCRIBER, each) if isinstance(each, str) else None
    return FieldProblem("", "is no subscriber's id (sub_7)") if number is None else number


def _text(most: int) -> Callable[[object], str | FieldProblem]:
    def read(each: object) -> str | FieldProblem:
        if not isinstance(each, str):
            return FieldProblem("", "must be a text")
        problem = text_problem(each, most, least=1)
        return FieldProblem("", problem) if problem else each

    return read
