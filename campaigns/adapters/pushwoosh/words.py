"""What several files of this adapter need: refusals by field, and conditions put together."""

from collections.abc import Iterable

from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.model.condition import And, Comparison, Condition, Op, Or
from campaigns.model.problems import FieldProblem

ALWAYS = Comparison("created_at", Op.SET)
"""Holds for everybody."""

NEVER = Comparison("created_at", Op.NOT_SET)
"""Holds for nobody."""


def refused(field: str, problem: str) -> RefusedError:
    """Make the refusal of a single field."""
    detail = f"{field} {problem}".strip()
    return RefusedError(Reason.INVALID, detail, problems=(FieldProblem(field, problem),))


def all_of(parts: Iterable[Condition]) -> Condition:
    """Return what holds where all of these do, as flat as can be: depth is bounded."""
    found: list[Condition] = []
    for part in parts:
        if isinstance(part, And):
            found += part.parts
        elif part != ALWAYS:
            found.append(part)
    return found[0] if len(found) == 1 else And(tuple(found)) if found else ALWAYS


def any_of(parts: Iterable[Condition]) -> Condition:
    """Return what holds where one of these does, as flat as can be."""
    found: list[Condition] = []
    for part in parts:
        if part == ALWAYS:
            return ALWAYS
        if isinstance(part, Or):
            found += part.parts
        else:
            found.append(part)
    return found[0] if len(found) == 1 else Or(tuple(found)) if found else NEVER
