"""Requests made up from the OpenAPI document: whatever they say, the service answers as the document says."""

import asyncio
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from campaigns.adapters.own.adapter import OWN
from campaigns.api.routes import routes
from tests.campaigns.adapters.own.support import HELLO, SHOP, subscription
from tests.campaigns.adapters.own.test_tenants import BODIES
from tests.integration.campaigns.conftest import Start

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 12
COUNTED = "pushmill_campaigns_http_requests_total"
OPERATIONS = [
    route.name
    for route in sorted(routes("http://127.0.0.1"), key=lambda route: route.method == "DELETE")
    if route.adapter is OWN
]
"""Those that delete come last, so that the others meet something."""


def objects(call: Any) -> dict[str, str]:
    """Make an object of each kind, so that made-up requests meet something; return their ids."""
    site = call("POST", "/v1/sites", {"url": SHOP, "open_identity": True})["id"]
    condition, target = {"field": "tag", "op": "set"}, {"all": True}
    named = {"name": "One"}
    joined = call("POST", f"/v1/sites/{site}/subscribers", {"subscription": subscription()})
    content = {"content": HELLO}
    return {
        "site": site,
        "subscriber": joined["id"],
        "segment": call("POST", f"/v1/sites/{site}/segments", {**named, "condition": condition})["id"],
        "template": call("POST", f"/v1/sites/{site}/templates", {**named, **content})["id"],
        "campaign": call("POST", f"/v1/sites/{site}/campaigns", {**named, **content, "target": target})["id"],
        "launch": call("POST", f"/v1/sites/{site}/send", {**content, "target": target})["launch"],
    }


def try_operation(schema: Any, name: str, ids: dict[str, str], headers: dict[str, str]) -> None:
    operation = schema.find_operation_by_id(name)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[*HealthCheck],
    )
    @given(case=operation.as_strategy(), likely=st.booleans())
    def check(case: Any, *, likely: bool) -> None:
        if likely and isinstance(case.body, dict):
            case.body |= BODIES.get(name, {})  # what is made up alone is seldom a condition, or a URL
        for parameter in case.path_parameters or {}:
            case.path_parameters[parameter] = ids.get(parameter, case.path_parameters[parameter])
        response = case.call(headers=headers, allow_redirects=False)
        case.validate_response(response, checks=CHECKS)

    check()


@pytest.mark.timeout(600)
async def test_the_service_answers_as_its_document_says(start: Start, key: str):
    service = start()
    await service.start()
    headers = {"Authorization": f"Bearer {key}"}

    def run() -> None:

        def call(method: str, path: str, body: object) -> Any:
            answer = requests.request(method, service.api + path, json=body, headers=headers, timeout=60)
            assert answer.ok, answer.text
            return answer.json()

        schema = schemathesis.openapi.from_url(f"{service.api}/openapi.json")
        schema.config.base_url = service.api
        ids = objects(call)
        for name in OPERATIONS:
            if name not in {"getDocument", "getPage"}:
                try_operation(schema, name, ids, headers)

    await asyncio.to_thread(run)
    assert service.metric(COUNTED, code="500") == 0
    answered = {code for code in range(200, 500) if service.metric(COUNTED, code=str(code))}
    assert {200, 201, 204, 400, 404, 409} <= answered
