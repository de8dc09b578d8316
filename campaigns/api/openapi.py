"""The OpenAPI document of the own API (version 3.1), made from the table of routes: nothing is written twice.

Types are described by msgspec, as JSON Schema 2020-12, which OpenAPI 3.1 takes as it is.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from campaigns.adapters.own.adapter import PROBLEM_JSON, Problem
from campaigns.adapters.refusals import STATUSES, Reason
from campaigns.adapters.routes import NoQuery, Route

OPENAPI_VERSION = "3.1.1"
_ATTRIBUTE = r"^ {8}(\w+): (.+(?:\n {10,}.+)*)"
_REF = "#/components/schemas/{name}"
_EVERYWHERE = (Reason.TOO_MANY_REQUESTS, Reason.UNAVAILABLE, Reason.INTERNAL)
_WITH_CREDENTIAL = (Reason.UNAUTHENTICATED, Reason.FORBIDDEN)
_WITH_BODY = (Reason.INVALID, Reason.TOO_LARGE, Reason.UNSUPPORTED_MEDIA_TYPE)
_OF_A_POST = (Reason.CONFLICT, Reason.KEY_REUSED)

IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes it safe to repeat the request: for 24 hours the first answer stands.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def document(routes: Sequence[Route], public_url: str) -> dict[str, Any]:
    """Describe routes.

    Args:
        routes: Those of the own API.
        public_url: Where clients reach it.
    """
    schemas, components = _schemas([*_types(routes)])
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Pushmill campaigns",
            "version": version("pushmill"),
            "description": "Who gets what, when, and what came of it. Times are RFC 3339 in UTC, durations "
            "seconds. Fields that are not known are refused.",
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {"Problem": _problem(schemas)},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _types(routes: Iterable[Route]) -> Iterator[Any]:
    yield Problem
    for route in routes:
        yield route.query
        yield from (kind for kind in (route.request, route.answer) if _is_json(kind))


def _is_json(kind: Any) -> bool:
    return kind is not None and kind is not bytes


def _schemas(types: list[Any]) -> tuple[dict[Any, Any], dict[str, Any]]:
    unique = list({_key(kind): kind for kind in types}.values())
    found, components = msgspec.json.schema_components(unique, ref_template=_REF)
    described = {name: _described(schema) for name, schema in components.items()}
    return {_key(kind): _published(schema) for kind, schema in zip(unique, found, strict=True)}, described


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """Take a type's docstring apart: what it says of an attribute becomes that property's description."""
    about, _, attributes = schema.get("description", "").partition("Attributes:\n")
    described: dict[str, Any] = _published(schema)
    if about:
        described["description"] = " ".join(about.split())
    for name, text in re.findall(_ATTRIBUTE, attributes, re.MULTILINE):
        if name in described.get("properties", {}):
            described["properties"][name].setdefault("description", " ".join(text.split()))
    return described


def _published(value: Any, key: str = "") -> Any:
    """Copy a schema, with the anchors of ECMA 262 in its patterns."""
    match value:
        case dict():
            return {name: _published(each, name) for name, each in value.items()}
        case list():
            return [_published(each) for each in value]
        case str() if key == "pattern":
            return re.sub(r"^\\A(.*)\\Z$", r"^\1$", value)
    return value


def _key(kind: Any) -> str:
    return repr(kind)


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": route.name, "summary": route.summary}
    if route.permission is not None:
        described["description"] = f"Needs the scope `{route.permission}`."
        described["security"] = [{"key": []}]
    parameters = [*_path_parameters(route), *_query_parameters(route)]
    if _takes_key(route):
        parameters.append(IDEMPOTENCY)
    if parameters:
        described["parameters"] = parameters
    if route.request is not None:
        described["requestBody"] = {"required": True, "content": _request_content(route, schemas)}
    described["responses"] = {str(route.status): _result(route, schemas), **_problems(route)}
    return described


def _takes_key(route: Route) -> bool:
    return route.method == "POST" and route.permission is not None


def _path_parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in route.parameters:
        parameter = route.adapter.parameters[name]
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": parameter.about,
            "schema": {"type": "string", "pattern": f"^(?:{parameter.pattern})$"},
        }


def _query_parameters(route: Route) -> Iterator[dict[str, Any]]:
    if route.query is NoQuery:
        return
    (_,), components = msgspec.json.schema_components([route.query], ref_template=_REF)
    for name, schema in components[route.query.__name__]["properties"].items():
        yield {"name": name, "in": "query", "schema": schema}


def _request_content(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    schema = schemas[_key(route.request)] if _is_json(route.request) else {}
    return {media_type: {"schema": schema} for media_type in route.media_types or ("*/*",)}


def _result(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if _is_json(route.answer):
        described["content"] = {"application/json": {"schema": schemas[_key(route.answer)]}}
    return described


def _problem(schemas: dict[Any, Any]) -> dict[str, Any]:
    return {
        "description": "The request was refused (RFC 9457).",
        "content": {PROBLEM_JSON: {"schema": schemas[_key(Problem)]}},
    }


def _problems(route: Route) -> dict[str, Any]:
    reasons = [*_EVERYWHERE]
    if route.permission is not None:
        reasons += _WITH_CREDENTIAL
    if route.parameters:
        reasons.append(Reason.NOT_FOUND)
    if route.query is not NoQuery:
        reasons.append(Reason.INVALID)
    if route.request is not None:
        reasons += _WITH_BODY
    if route.writes:
        reasons += _OF_A_POST
    statuses = sorted({STATUSES[reason] for reason in reasons})
    return {str(status): {"$ref": "#/components/responses/Problem"} for status in statuses}
