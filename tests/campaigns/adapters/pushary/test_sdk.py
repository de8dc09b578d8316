"""What Pushary's SDK sends for each of its functions, and that it can read what comes back.

Written from https://github.com/Pushary/pushary-server, src/resources: every request has JSON's content type,
lists in a query have commas, a 2xx must have a JSON body, and a refusal is told by `message` or `error`.
"""

from typing import Any, NamedTuple

import pytest

from tests.campaigns.adapters.pushary.support import BASE
from tests.campaigns.api.support import said


class Call(NamedTuple):
    """A function of the SDK: its name, and the request that it makes."""

    name: str
    method: str
    path: str
    body: dict[str, Any] | None = None


MESSAGE = {
    "title": "Sale",
    "body": "Ends today",
    "iconUrl": "https://shop.example/icon.png",
    "imageUrl": "https://shop.example/image.png",
}
CALLS = (
    Call("subscribers.list", "GET", "/subscribers?limit=10&status=active&tags=a%2Cb&externalId=u1"),
    Call("subscribers.get", "GET", "/subscribers/{subscriber}"),
    Call(
        "subscribers.update",
        "PATCH",
        "/subscribers/{subscriber}",
        {"tags": ["a"], "externalId": "u1", "customData": {"plan": "pro"}},
    ),
    Call("subscribers.delete", "DELETE", "/subscribers/{subscriber}"),
    Call("subscribers.count", "GET", "/subscribers/count"),
    Call("campaigns.list", "GET", "/campaigns?limit=10"),
    Call(
        "campaigns.create",
        "POST",
        "/campaigns",
        {"name": "Autumn", **MESSAGE, "actionUrl": "https://shop.example/new", "tags": ["a"]},
    ),
    Call("campaigns.get", "GET", "/campaigns/{campaign}"),
    Call("campaigns.update", "PATCH", "/campaigns/{campaign}", {"title": "New", "status": "cancelled"}),
    Call("campaigns.delete", "DELETE", "/campaigns/{campaign}"),
    Call("campaigns.send", "POST", "/campaigns/{campaign}/send"),
    Call("campaigns.pause", "POST", "/campaigns/{sending}/pause"),
    Call("campaigns.resume", "POST", "/campaigns/{paused}/resume"),
    Call("campaigns.stats", "GET", "/campaigns/{campaign}/stats"),
    Call("templates.list", "GET", "/templates?limit=10"),
    Call("templates.create", "POST", "/templates", {"name": "Hi", **MESSAGE}),
    Call("templates.get", "GET", "/templates/{template}"),
    Call("templates.update", "PATCH", "/templates/{template}", {"title": "New"}),
    Call("templates.delete", "DELETE", "/templates/{template}"),
    Call(
        "notifications.send",
        "POST",
        "/send",
        {
            **MESSAGE,
            "externalIds": ["u1"],
            "data": {"a": 1},
            "metadata": {"b": 2},
            "idempotencyKey": "k" * 200,
        },
    ),
    Call("flows.list", "GET", "/flows?limit=10&status=active"),
)


@pytest.fixture
async def ids(api) -> dict[str, str]:
    came = await api.subscriber(external_id="u1", tags=("a",))
    draft = {"name": "Autumn", **MESSAGE}
    campaign, sending, paused = [(await api.call("POST", "/campaigns", draft))["id"] for _ in range(3)]
    for number in (sending, paused):
        await api.call("POST", f"/campaigns/{number}/send")
    await api.call("POST", f"/campaigns/{paused}/pause")
    template = (await api.call("POST", "/templates", draft))["id"]
    return {
        "subscriber": f"sub_{came.number}",
        "campaign": campaign,
        "sending": sending,
        "paused": paused,
        "template": template,
    }


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_the_sdk_can_read_what_it_gets(api, ids, call):
    handled = await api.ask(call.method, BASE + call.path.format(**ids), call.body or b"")
    assert 200 <= handled.answer.status < 300, handled.answer.body
    body = said(handled)
    assert isinstance(body, dict)
    if call.name.endswith(".list"):
        assert isinstance(body["data"], list)
        assert isinstance(body["hasMore"], bool)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/decisions"), ("GET", "/reachability?externalId=u1"), ("POST", "/enroll")),
        *(("POST", "/flows"), ("GET", "/flows/flow_1"), ("POST", "/authorize")),
    ],
)
async def test_the_sdk_can_tell_what_is_not_here(api, method, path):
    handled = await api.ask(method, BASE + path, {} if method == "POST" else b"")
    assert handled.answer.status in {403, 404}
    assert said(handled)["message"]
