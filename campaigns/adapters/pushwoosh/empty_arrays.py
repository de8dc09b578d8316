"""Empty arrays where an object is meant: PHP writes both as `[]`.

Decides by the type of each field, and knows none of them: `[]` becomes `{}` where its type has an object and
no array, and stays what it is everywhere else.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect


def objects_for_empty_arrays(tree: Any, kind: Any) -> Any:
    """Return JSON, decoded, with objects where its type wants them.

    Args:
        tree: JSON, decoded.
        kind: The type that it is read as.
    """
    return _mended(tree, _info(kind))


@cache
def _info(kind: Any) -> inspect.Type:
    return msgspec.inspect.type_info(kind)


def _mended(tree: Any, info: inspect.Type) -> Any:
    choices = [*_choices(info)]
    if tree == []:
        is_object = any(isinstance(each, inspect.DictType | inspect.StructType) for each in choices)
        is_array = any(isinstance(each, inspect.CollectionType | inspect.AnyType) for each in choices)
        return {} if is_object and not is_array else tree
    for each in choices:
        if isinstance(each, inspect.StructType) and isinstance(tree, dict):
            fields = {field.encode_name: field.type for field in each.fields}
            return {
                name: _mended(value, fields[name]) if name in fields else value
                for name, value in tree.items()
            }
        if isinstance(each, inspect.CollectionType) and isinstance(tree, list):
            return [_mended(value, each.item_type) for value in tree]
    return tree


def _choices(info: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the types that a type may be, without what only describes it."""
    if isinstance(info, inspect.Metadata):
        yield from _choices(info.type)
    elif isinstance(info, inspect.UnionType):
        for each in info.types:
            yield from _choices(each)
    else:
        yield info
