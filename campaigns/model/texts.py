"""What any text and any JSON must be that a client sends, before it may lie in the database."""

from collections.abc import Iterator
from typing import Any

from campaigns.model.problems import FieldProblem

NAME_MAX = 255
"""Characters of a name."""

DEPTH_MAX = 20
"""Levels of JSON that anything here may have."""


def text_problem(text: str, most: int, *, least: int = 0) -> str | None:
    """Return what is wrong with a text, or None.

    Args:
        text: The text.
        most: Characters that it may have.
        least: Characters that it must have, spaces at its ends not counted.
    """
    if len(text.strip()) < least:
        return "is empty"
    if len(text) > most:
        return f"is longer than {most:,} characters"
    if "\0" in text:
        return "has a NUL character, which PostgreSQL cannot store; leave it out"
    return None


def name_problems(name: str, field: str = "name") -> Iterator[FieldProblem]:
    """Find what is wrong with the name of something."""
    problem = text_problem(name, NAME_MAX, least=1)
    if problem:
        yield FieldProblem(field, problem)


def tree_problem(tree: Any, most_bytes: int, size: int, depth: int = DEPTH_MAX) -> str | None:
    """Return what is wrong with JSON of any shape, or None.

    Args:
        tree: The JSON.
        most_bytes: Bytes that it may have.
        size: Bytes that it has.
        depth: Levels that it may have.
    """
    if size > most_bytes:
        return f"is {size:,} bytes of JSON, over the limit of {most_bytes:,}"
    try:
        return _within(tree, depth)
    except RecursionError:
        return "is nested too deeply"


def _within(tree: Any, depth: int) -> str | None:
    if depth < 0:
        return "is nested too deeply"
    match tree:
        case str():
            return text_problem(tree, len(tree))
        case dict():
            inner = (*tree.keys(), *tree.values())
        case list() | tuple():
            inner = tuple(tree)
        case _:
            return None
    return next(filter(None, (_within(each, depth - 1) for each in inner)), None)
