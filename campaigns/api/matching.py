"""Finding the route of a request: exact, slash by slash.

Two slashes are two slashes, but where a route is loose, and nothing is redirected. A fixed segment is
preferred to a parameter. What is unknown is answered by the adapter whose paths it would be among.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Adapter, Route, is_parameter

_SLASHES = re.compile("/{2,}")

UNKNOWN = "unknown"
"""The metric label of a path that no route has."""


class Match(NamedTuple):
    """A route, and the parameters that its path holds, still percent-encoded."""

    route: Route
    values: tuple[str, ...]

    def parameters(self) -> dict[str, Any]:
        """Read the parameters.

        Raises:
            RefusedError: One of them cannot be of its type, so that there is no such thing.
        """
        read: dict[str, Any] = {}
        for name, value in zip(self.route.parameters, self.values, strict=True):
            try:
                found = self.route.adapter.parameters[name].read(unquote(value, errors="strict"))
            except UnicodeDecodeError:
                found = None
            if found is None:
                raise RefusedError(Reason.NOT_FOUND, f"There is no such {name}.", what=name)
            read[name] = found
        return read


class _Node:
    __slots__ = ("fixed", "parameter", "routes")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.routes: dict[str, Route] = {}


_Found = tuple[Mapping[str, Route], tuple[str, ...]]
"""The routes at a path by method, and the values of the parameters in it."""


class Table:
    """All routes of all adapters.

    Raises:
        ValueError: Two routes have the same method and path.
    """

    def __init__(self, routes: Sequence[Route], default: Adapter) -> None:
        self.routes = tuple(routes)
        self._default = default
        self._root, self._loose = _Node(), _Node()
        for route in routes:
            _add(self._root, route)
            if route.loose:
                _add(self._loose, route)
        adapters = {id(route.adapter): route.adapter for route in routes}.values()
        prefixes = [(prefix, adapter) for adapter in adapters for prefix in adapter.prefixes]
        self._prefixes = sorted(prefixes, key=lambda pair: -len(pair[0]))

    def adapter(self, path: str) -> Adapter:
        """Return whose path this is, or would be."""
        return next((adapter for prefix, adapter in self._prefixes if path.startswith(prefix)), self._default)

    def match(self, method: str, path: str) -> Match:
        """Find the route of a request; a HEAD is a GET.

        Raises:
            RefusedError: The path is unknown, or has no such method.
        """
        wanted = "GET" if method == "HEAD" else method
        allowed: dict[str, None] = {}
        for routes, values in self._found(path):
            if wanted in routes:
                return Match(routes[wanted], values)
            allowed.update(dict.fromkeys(routes))
        if not allowed:
            raise RefusedError(Reason.UNKNOWN_PATH, "There is nothing at this path.")
        raise RefusedError(
            Reason.METHOD_NOT_ALLOWED,
            f"This path has {', '.join(allowed)} alone.",
            headers={"Allow": ", ".join(methods(allowed))},
        )

    def _found(self, path: str) -> Iterator[_Found]:
        """Yield what is at a path; what is there exactly comes first."""
        yield from _find(self._root, path.split("/"))
        plain = _SLASHES.sub("/", path).rstrip("/")
        if plain != path:
            yield from _find(self._loose, plain.split("/"))


def methods(of_routes: Mapping[str, object]) -> list[str]:
    """Return the methods that a path answers, given those that its routes have."""
    return [*of_routes, *(["HEAD"] if "GET" in of_routes else []), "OPTIONS"]


def _add(node: _Node, route: Route) -> None:
    for segment in route.segments:
        if is_parameter(segment):
            node.parameter = node.parameter or _Node()
            node = node.parameter
        else:
            node = node.fixed.setdefault(segment, _Node())
    if route.method in node.routes:
        raise ValueError(f"{route.method} {route.path} is in the table twice")
    node.routes[route.method] = route


def _find(node: _Node, segments: Sequence[str]) -> Iterator[_Found]:
    if not segments:
        if node.routes:
            yield node.routes, ()
        return
    first, rest = segments[0], segments[1:]
    if first in node.fixed:
        yield from _find(node.fixed[first], rest)
    if node.parameter is not None and first:
        for routes, values in _find(node.parameter, rest):
            yield routes, (first, *values)
