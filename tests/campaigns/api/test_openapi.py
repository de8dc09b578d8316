import re

import msgspec
import pytest
from jsonschema import Draft202012Validator

from campaigns.adapters.refusals import STATUSES, Reason
from campaigns.api.docs_page import MEANINGS, page
from campaigns.api.openapi import document
from tests.campaigns.api.support import ROUTES

DOCUMENT = document(ROUTES, "https://push.example")


def operations(of: dict) -> dict[tuple[str, str], dict]:
    return {
        (method.upper(), path): operation
        for path, methods in of["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_is_there():
    assert set(operations(DOCUMENT)) == {(route.method, route.path) for route in ROUTES}


def test_it_is_json():
    assert msgspec.json.decode(msgspec.json.encode(DOCUMENT)) == DOCUMENT


def test_every_reference_leads_somewhere():
    references = re.findall(r'"\$ref":"#/([^"]+)"', msgspec.json.encode(DOCUMENT).decode())
    assert references
    for reference in references:
        found = DOCUMENT
        for part in reference.split("/"):
            found = found[part]


def test_every_schema_is_one():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_what_a_type_says_of_its_attributes_stands_at_the_properties():
    problem = DOCUMENT["components"]["schemas"]["Problem"]
    assert problem["description"] == "The body of every refusal (RFC 9457 section 3.1)."
    assert problem["properties"]["detail"]["description"] == "What it is about here."


def test_an_operation_is_described_by_its_row():
    get = operations(DOCUMENT)["GET", "/v1/sites/{site}"]
    assert get["security"] == [{"key": []}]
    assert [(each["name"], each["in"]) for each in get["parameters"]] == [
        ("site", "path"),
        ("limit", "query"),
    ]
    assert get["responses"]["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Made"}}
    }
    assert {"400", "401", "403", "404", "429", "500", "503"} <= get["responses"].keys()
    assert "409" not in get["responses"]


def test_a_post_with_a_credential_may_be_repeated():
    named = {
        key: [each["name"] for each in operation.get("parameters", ())]
        for key, operation in operations(DOCUMENT).items()
    }
    assert "Idempotency-Key" in named["POST", "/v1/notices"]
    assert "Idempotency-Key" not in named["POST", "/v1/open"]
    assert "Idempotency-Key" not in named["DELETE", "/v1/sites/{site}"]


def test_a_body_is_described_by_its_type():
    body = operations(DOCUMENT)["POST", "/v1/notices"]["requestBody"]
    assert body["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Notice"}}}
    assert operations(DOCUMENT)["POST", "/v1/open"]["requestBody"]["content"] == {
        "text/plain": {"schema": {}}
    }


def test_an_open_operation_asks_for_no_credential():
    assert "security" not in operations(DOCUMENT)["POST", "/v1/open"]


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────

PAGE = page(DOCUMENT)


def test_the_page_has_every_operation_and_every_type():
    for operation in operations(DOCUMENT).values():
        assert f'id="{operation["operationId"]}"' in PAGE
    for name in DOCUMENT["components"]["schemas"]:
        assert f'id="type-{name}"' in PAGE


@pytest.mark.parametrize("reason", Reason)
def test_the_page_explains_every_problem(reason):
    assert f'id="{reason}"' in PAGE
    assert MEANINGS[reason]
    assert STATUSES[reason] >= 400


def test_the_page_needs_nothing_from_outside():
    assert not re.search(r"<script|src=|https?://(?!push\.example)", PAGE)


def test_what_a_document_says_is_no_html():
    odd = document(ROUTES, "https://push.example/<script>")
    assert "<script>" not in page(odd)
