"""Variables in templates, `{{name}}` and `{{name|fallback}}`, as `worker/push/template.py` reads them.

Finds them and changes texts around them; what their values are is not known here.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*(?:\|(.*?))?\}\}", re.DOTALL)


def find(text: str) -> Iterator[re.Match[str]]:
    """Yield the variables of a text in order; group 1 is the name."""
    return _VARIABLE.finditer(text, 0, _closed(text))


def names(tree: Any) -> set[str]:
    """Return the names of all variables in the texts of JSON."""
    return {match[1] for text in texts(tree) for match in find(text)}


def filled(text: str, name: str, value: str) -> str:
    """Return a text with one variable replaced by a value."""
    return _replaced(text, lambda match: value if match[1] == name else match[0])


def masked(text: str) -> str:
    """Return a text of the same length with letters in place of variables, to look for signs around them."""
    return _replaced(text, lambda match: "x" * len(match[0]))


def texts(tree: Any) -> Iterator[str]:
    """Yield the texts in JSON; names of members are none."""
    match tree:
        case str():
            yield tree
        case dict():
            for item in tree.values():
                yield from texts(item)
        case list():
            for item in tree:
                yield from texts(item)


def mapped(tree: Any, change: Callable[[str], str]) -> Any:
    """Return JSON with every text changed; names of members stay as they are."""
    match tree:
        case str():
            return change(tree)
        case dict():
            return {name: mapped(item, change) for name, item in tree.items()}
        case list():
            return [mapped(item, change) for item in tree]
    return tree


def _closed(text: str) -> int:
    """Return where the last variable can end: a fallback without an end is not sought again and again."""
    return text.rfind("}}") + 2


def _replaced(text: str, change: Callable[[re.Match[str]], str]) -> str:
    end = _closed(text)
    return _VARIABLE.sub(change, text[:end]) + text[end:]
