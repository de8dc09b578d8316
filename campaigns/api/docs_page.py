"""The page `/docs`: the OpenAPI document for people. Plain HTML, without scripts and outside resources."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from campaigns.adapters.refusals import STATUSES, Reason

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}

MEANINGS: Mapping[Reason, str] = {
    Reason.UNKNOWN_PATH: "There is nothing at this path.",
    Reason.METHOD_NOT_ALLOWED: "The path exists, but not with this method; Allow names those that it has.",
    Reason.UNSUPPORTED_MEDIA_TYPE: "The body is of another type than the operation takes.",
    Reason.TOO_LARGE: "The body has more than 1 MiB, or more than the operation takes.",
    Reason.MALFORMED: "The request cannot be read at all; its body may not be JSON.",
    Reason.UNAUTHENTICATED: "No credential was shown, or none that is known and valid.",
    Reason.FORBIDDEN: "The credential is known, and lacks the scope; or a proof is wrong.",
    Reason.NOT_FOUND: "There is no such object, or it is another account's.",
    Reason.INVALID: "Fields cannot be used; errors names each of them.",
    Reason.CONFLICT: "The request is right, but not in the state that things are in.",
    Reason.IN_PROGRESS: "The first request with this idempotency key is still running: repeat it later.",
    Reason.KEY_REUSED: "The idempotency key came with another request before: make a new one.",
    Reason.TOO_MANY_REQUESTS: "The limit is reached; Retry-After says for how long.",
    Reason.UNAVAILABLE: "The database or Kafka is away; Retry-After says when to repeat.",
    Reason.TIMED_OUT: "The request took more than 30 s, and nothing was done.",
    Reason.INTERNAL: "The service has made a mistake.",
}

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font: 0.9em ui-monospace, monospace; }
section { border-top: 1px solid #8884; margin-top: 1.5rem; padding-top: 0.5rem; }
pre { overflow-x: auto; background: #8882; padding: 0.75rem; border-radius: 0.4rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
"""

_HOW = (
    '<p>Send a key as <code>Authorization: Bearer KEY</code>. For programs: <a href="openapi.json">'
    "openapi.json</a>.</p>"
)


def page(document: Mapping[str, Any]) -> str:
    """Write the page.

    Args:
        document: What `openapi.document` has made.
    """
    operations = [*_operations(document)]
    title = escape(document["info"]["title"])
    return "".join(
        (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style><h1>{title} {escape(document['info']['version'])}</h1>",
            f"<p>{escape(document['info']['description'])}</p>",
            f"<p>Base URL: <code>{escape(document['servers'][0]['url'])}</code>.</p>",
            _HOW,
            "<h2>Operations</h2><ul>",
            *(f'<li><a href="#{name}">{head}</a></li>' for name, head, _ in operations),
            "</ul>",
            *(_section(name, head, body) for name, head, body in operations),
            "<h2>Problems</h2>",
            *(_problem(reason) for reason in Reason),
            "<h2>Types</h2>",
            *(_type(name, schema) for name, schema in document["components"]["schemas"].items()),
        )
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            head = f'<span class="method">{method.upper()}</span> <code>{escape(path)}</code>'
            yield escape(operation["operationId"]), head, _operation(operation)


def _operation(operation: Mapping[str, Any]) -> str:
    rows = [
        (
            f"<code>{escape(each['name'])}</code>",
            each["in"],
            _shown(each["schema"]),
            each.get("description", ""),
        )
        for each in operation.get("parameters", ())
    ]
    parameters = "".join(
        f"<tr><td>{name}<td>{where}<td>{schema}<td>{escape(about)}" for name, where, schema, about in rows
    )
    bodies = "".join(
        f"<p>Body, <code>{escape(media_type)}</code>: {_shown(content['schema'])}</p>"
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    answers = "".join(
        f"<p>Answers <code>{status}</code>{_content(response)}</p>"
        for status, response in operation["responses"].items()
        if "$ref" not in response
    )
    about = " ".join(filter(None, (operation["summary"], operation.get("description"))))
    table = f"<table>{parameters}</table>" if rows else ""
    return f"<p>{escape(about)}</p>{table}{bodies}{answers}"


def _content(response: Mapping[str, Any]) -> str:
    shown = [_shown(content["schema"]) for content in response.get("content", {}).values()]
    return f": {', '.join(shown)}" if shown else ""


def _shown(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#type-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_shown, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return f"list of {_shown(schema['items'])}"
    return escape(str(schema.get("format") or schema.get("type") or "any JSON"))


def _type(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{_shown(kind)}<td>{'required' if field in required else ''}"
        for field, kind in schema.get("properties", {}).items()
    )
    about = escape(schema.get("description", ""))
    return _section(f"type-{escape(name)}", escape(name), f"<pre>{about}</pre><table>{rows}</table>")


def _problem(reason: Reason) -> str:
    return _section(reason, reason, f"<p>{STATUSES[reason]}: {escape(MEANINGS[reason])}</p>")


def _section(anchor: str, head: str, body: str) -> str:
    return f'<section id="{anchor}"><h3>{head}</h3>{body}</section>'
