"""Errors as the document has them, and no wrong type a mistake of ours."""

from typing import Any

import pytest

from campaigns.adapters.pushary.routes import BASE, ROUTES
from campaigns.model.scope import Permission
from tests.campaigns.adapters.pushary.support import NOTICE, told
from tests.campaigns.api.support import said
from tests.campaigns.operations.support import contents

NO_KEY = "Invalid or missing API key. Use Authorization: Bearer pk_xxx.sk_xxx"


@pytest.mark.parametrize("token", [None, "", "pk_x.sk_y"])
async def test_401(api, token):
    assert await api.refused("GET", "/subscribers", token=token) == (401, "Unauthorized", NO_KEY)


async def test_400_missing_fields_are_named(api):
    for body in ({}, {"title": "", "body": None}, b""):
        handled = await api.ask("POST", f"{BASE}/send", body)
        assert told(handled)[:2] == (400, "Missing required fields: title, body")
    assert (await api.refused("POST", "/send", {"title": "x"}))[1] == "Missing required fields: body"
    assert (await api.refused("POST", "/campaigns", {"body": "x"}))[1] == (
        "Missing required fields: name, title"
    )


async def test_403(api):
    reader = await api.key(Permission.READ, site=api.site)
    assert (await api.refused("POST", "/send", NOTICE, token=reader))[:2] == (403, "Forbidden")


@pytest.mark.parametrize("path", ["/campaigns/camp_999", "/campaigns/x", "/subscribers/sub_1", "/nothing"])
async def test_404(api, path):
    assert (await api.refused("GET", path))[:2] == (404, "Not Found")


async def test_429(api):
    key = await api.key(Permission.READ, site=api.site, rate=2)
    answers = [await api.ask("GET", f"{BASE}/subscribers/count", token=key) for _ in range(3)]
    assert [each.answer.status for each in answers] == [200, 200, 429]
    assert [each.answer.headers["X-RateLimit-Remaining"] for each in answers] == ["1", "0", "0"]
    assert {each.answer.headers["X-RateLimit-Limit"] for each in answers} == {"2"}
    body = said(answers[2])
    assert body["error"] == "Too Many Requests"
    assert body["message"] == f"Rate limit exceeded. Please retry after {body['retryAfter']} seconds."
    assert 0 < body["retryAfter"] <= 60


async def test_other_paths_of_the_platform_are_answered_in_its_form(api):
    handled = await api.ask("POST", f"{BASE}/decisions", {})
    assert (handled.adapter, told(handled)[0]) == ("pushary", 404)
    assert (await api.refused("PUT", "/campaigns"))[0] == 405
    assert (await api.refused("POST", "/send", b"x"))[0] == 400


# ── wrong types, for every field of every call ──────────────────────────────────────────────────────────────

WRONG: tuple[Any, ...] = (True, 1.5, -7, 10**30, "x\ud7ff" * 9, "{{", [1], [[]], ["x" * 300], {"a": {"b": 1}})
FIELDS = [
    (route, name)
    for route in ROUTES
    if route.request is not None
    for name in route.request.__struct_encode_fields__
    if name != "unknown"
]


@pytest.mark.parametrize(("route", "name"), FIELDS, ids=[f"{route.name}.{name}" for route, name in FIELDS])
async def test_no_wrong_type_is_a_mistake_of_ours(api, route, name):
    came = await api.subscriber()
    draft = {"name": "Autumn", **NOTICE}
    campaign = (await api.call("POST", "/campaigns", draft))["id"]
    template = (await api.call("POST", "/templates", draft))["id"]
    path = route.path.format(subscriber=f"sub_{came.number}", campaign=campaign, template=template)
    for number, value in enumerate(WRONG):
        body = {**draft, "name": f"Autumn {number}", name: value}
        before = await contents(api.database)
        handled = await api.ask(route.method, path, body)
        assert handled.answer.status in {route.status, 400}, (value, handled.answer.body)
        if handled.answer.status == 400:
            told(handled)
            assert await contents(api.database) == before
