"""How adapters read JSON and queries into types: what cannot be, in no platform's words."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.messages import HttpRequest
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.model.problems import FieldProblem, reject
from worker.records.values import field_and_problem

_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NARROWING = frozenset(
    (
        *("subscriberids", "subscribers", "externalids", "users", "devices", "devicesfilter", "tags"),
        *("conditions", "target", "targeting", "scheduledat", "sendat", "senddate"),
    )
)
"""Names that platforms have for who and when, in lower case and without underscores."""

_NARROWS = "is not known in this call, and would narrow who is sent to, or when; leave it out"
_NUL = "A text has a NUL character, which cannot be kept."


def read_query(request: HttpRequest, kind: type[Any]) -> Any:
    """Read a query; its texts become numbers and truths where the type has such.

    Raises:
        RefusedError: It is not of this type.
    """
    query = request.query
    for name, value in query.items():
        if "\0" in name + value:
            raise RefusedError(Reason.MALFORMED, _NUL)
    return converted(query, kind, strict=False, root="query")


def converted(tree: Mapping[str, Any], kind: Any, *, strict: bool, root: str = "") -> Any:
    """Read what is decoded already into a type.

    Args:
        tree: Fields by name.
        kind: The type.
        strict: Whether a text is no number; see `msgspec.convert`.
        root: Stands for the whole in what is told.

    Raises:
        RefusedError: It is not of this type.
    """
    try:
        return msgspec.convert(tree, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _invalid(error, root) from None


def read_json(request: HttpRequest, kind: Any) -> Any:
    """Read a body of JSON.

    Raises:
        RefusedError: It is no JSON, or not of this type.
    """
    if _ESCAPED_NUL.search(request.body):
        raise RefusedError(Reason.MALFORMED, _NUL)
    try:
        return msgspec.json.decode(request.body, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(error, "") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(Reason.MALFORMED, "The body is not JSON.") from None


def unknown_fields(tree: Mapping[str, Any], kind: type[Struct]) -> Iterator[str]:
    """Yield the names of an object's fields that have a value, and that a type has no field for.

    Args:
        tree: JSON, decoded.
        kind: What it was read as.
    """
    known = {*kind.__struct_encode_fields__}
    yield from (name for name, value in tree.items() if name not in known and value is not None)


def refuse_narrowing(names: Iterable[str], at: str = "") -> None:
    """Refuse fields that a request's type does not know, and that by their names say who or when.

    A platform has them in another call, or spells them otherwise: passed over, everyone would be sent to.

    Args:
        names: Of fields that have a value, and no meaning here.
        at: Where they stand in the request.

    Raises:
        InvalidError: There is one; names each.
    """
    reject(FieldProblem(f"{at}.{name}".strip("."), _NARROWS) for name in names if _narrows(name))


def _narrows(name: str) -> bool:
    word = name.replace("_", "").casefold()
    return word in _NARROWING or word.startswith(("segment", "filter", "exclude", "audience"))


def field_problem(error: msgspec.ValidationError) -> FieldProblem:
    """Return which field is of another type, and what is wrong with it."""
    return FieldProblem(*_unknown_field(*field_and_problem(error)))


def _invalid(error: msgspec.ValidationError, root: str) -> RefusedError:
    found = field_problem(error)
    return RefusedError(
        Reason.INVALID,
        "The request has fields that cannot be used.",
        problems=(FieldProblem(found.field or root, found.problem),),
    )


def _unknown_field(field: str, problem: str) -> tuple[str, str]:
    _, found, name = problem.partition("object contains unknown field `")
    if not found:
        return field, problem
    name = name.removesuffix("`")
    return f"{field}.{name}".lstrip("."), "is not known here; correct its spelling, or leave it out"
