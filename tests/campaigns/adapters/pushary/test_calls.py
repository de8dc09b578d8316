"""Every call that the document has: taken, and answered in its shape."""

import re
from typing import Any

import pytest

from campaigns.adapters.pushary.routes import BASE, ROUTES
from tests.campaigns.adapters.pushary.calls import CALLS, FLOWS
from tests.campaigns.adapters.pushary.support import NOTICE
from tests.campaigns.api.support import said

DRAFT = {"name": "Autumn", **NOTICE}


@pytest.fixture
async def values(api) -> dict[str, Any]:
    came = await api.subscriber(tags=("premium",))
    campaign, sending, paused = [(await api.call("POST", "/campaigns", DRAFT))["id"] for _ in range(3)]
    await api.call("POST", f"/campaigns/{sending}/send")
    await api.call("POST", f"/campaigns/{paused}/send")
    await api.call("POST", f"/campaigns/{paused}/pause")
    template = (await api.call("POST", "/templates", {"name": "Welcome", **NOTICE}))["id"]
    return {
        "subscriber": f"sub_{came.number}",
        "campaign": campaign,
        "sending": sending,
        "paused": paused,
        "template": template,
    }


def check(found: Any, form: Any) -> None:
    if isinstance(form, list):
        assert found, "there is one to be listed"
        for each in found:
            check(each, form[0])
    elif isinstance(form, dict):
        assert form.keys() <= found.keys()
        for name, kind in form.items():
            check(found[name], kind)
    else:
        assert isinstance(found, form)
        assert form is int or not isinstance(found, bool) or form is bool


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.heading)
async def test_it_is_answered_as_documented(api, values, call):
    body = call.fields or b""
    handled = await api.ask(call.method, BASE + call.path.format(**values), body)
    assert handled.answer.status == call.status, handled.answer.body
    assert handled.answer.media_type == "application/json"
    check(said(handled), call.answer)
    for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
        assert int(handled.answer.headers[name]) >= 0


def test_there_is_a_row_for_every_call_and_no_other():
    def plain(path: str) -> str:
        return re.sub(r"\{\w+\}", "{}", path.partition("?")[0])

    documented = {(call.method, plain(call.path)) for call in CALLS}
    documented |= {(method, plain(path)) for method, path in FLOWS}
    assert {(route.method, plain(route.path.removeprefix(BASE))) for route in ROUTES} == documented


@pytest.mark.parametrize(("call", "status"), FLOWS.items(), ids=str)
async def test_flows_are_not_here(api, call, status):
    method, path = call
    body = {"name": "Welcome", "triggerType": "subscription"} if method in {"POST", "PATCH"} else b""
    handled = await api.ask(method, BASE + path.format(flow="flow_1"), body)
    assert handled.answer.status == status
    if status == 200:
        assert said(handled) == {"data": [], "hasMore": False, "nextCursor": None}
    else:
        assert said(handled)["error"] == {403: "Forbidden", 404: "Not Found"}[status]


async def test_a_base_url_may_end_with_a_slash(api):
    assert await api.call("GET", "//subscribers/count") == {"total": 0, "active": 0, "unsubscribed": 0}
