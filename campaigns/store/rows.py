"""Rows as values: a column is the field of the same name."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from campaigns.store.database import Row

_Value = TypeVar("_Value")


def read(row: Row, kind: type[_Value]) -> _Value:
    """Return a row as a value of a type; columns that it has no field for are left out."""
    return msgspec.convert(dict(row), kind)


def read_all(rows: Iterable[Row], kind: type[_Value]) -> list[_Value]:
    """Return rows as values of a type."""
    return [read(row, kind) for row in rows]
