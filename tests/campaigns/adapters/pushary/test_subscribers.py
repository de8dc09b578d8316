"""Subscribers: listed by cursor, counted, changed, erased."""

from campaigns.operations.subscribers import unsubscribe
from tests.campaigns.api.support import NOW

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36"


async def test_a_subscriber_is_told_with_all_but_its_endpoint(api):
    came = await api.subscriber(
        user_agent=CHROME, external_id="u1", tags=("gold",), country="US", attributes={"plan": "pro"}
    )
    found = await api.call("GET", f"/subscribers/sub_{came.number}")
    assert found == {
        "id": f"sub_{came.number}",
        "siteId": f"site_{api.site}",
        "status": "active",
        "externalId": "u1",
        "tags": ["gold"],
        "customData": {"plan": "pro"},
        "browser": "Chrome",
        "os": "Windows",
        "deviceType": "desktop",
        "country": "US",
        "city": None,
        "timezone": None,
        "language": None,
        "createdAt": "2026-11-21T09:00:00Z",
        "updatedAt": "2026-11-21T09:00:00Z",
        "lastActiveAt": "2026-11-21T09:00:00Z",
    }


async def test_subscribers_are_found_by_status_user_and_tags(api):
    a = await api.subscriber("a", external_id="u1", tags=("gold",))
    b = await api.subscriber("b", external_id="u1", tags=("silver", "new"))
    c = await api.subscriber("c", tags=("new",))
    await unsubscribe(api.service, api.site, c.token, NOW)

    async def found(query: str) -> set[str]:
        page = await api.call("GET", f"/subscribers?{query}")
        names = {f"sub_{each.number}": name for name, each in zip("abc", (a, b, c), strict=True)}
        return {names[each["id"]] for each in page["data"]}

    assert await found("") == {"a", "b", "c"}
    assert await found("status=active") == {"a", "b"}
    assert await found("status=unsubscribed") == {"c"}
    assert await found("status=bounced") == set()
    assert await found("tags=gold,silver") == {"a", "b"}
    assert await found("tags=new&status=active") == {"b"}
    assert await found("externalId=u1") == {"a", "b"}
    assert await found("externalId=u1&tags=gold") == {"a"}
    assert await api.call("GET", "/subscribers/count") == {"total": 3, "active": 2, "unsubscribed": 1}


async def test_all_are_met_once_from_cursor_to_cursor(api):
    numbers = [(await api.subscriber(str(n))).number for n in range(5)]
    met, cursor = [], ""
    while True:
        page = await api.call("GET", f"/subscribers?limit=2{cursor}")
        met += [each["id"] for each in page["data"]]
        if not page["hasMore"]:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert met == [f"sub_{number}" for number in sorted(numbers)]


async def test_a_subscriber_is_changed(api):
    came = await api.subscriber(tags=("a",), attributes={"plan": "free", "age": 3})
    path = f"/subscribers/sub_{came.number}"
    body = {"tags": ["b"], "externalId": "u2", "customData": {"plan": "pro", "age": None}}
    changed = await api.call("PATCH", path, body)
    assert (changed["tags"], changed["externalId"]) == (["b"], "u2")
    assert changed["customData"] == {"plan": "pro"}
    assert (await api.call("PATCH", path, {}))["tags"] == ["b"]
    status, _, message = await api.refused("PATCH", path, {"customData": {"a b": 1}})
    assert (status, message.partition(" ")[0]) == (400, "customData.a")


async def test_a_subscriber_is_erased(api):
    came = await api.subscriber()
    assert await api.call("DELETE", f"/subscribers/sub_{came.number}") == {"success": True}
    assert (await api.refused("GET", f"/subscribers/sub_{came.number}"))[0] == 404


async def test_a_list_that_cannot_be_is_refused(api):
    for query in ("limit=0", "limit=x", "cursor=x", "status=gone"):
        assert (await api.refused("GET", f"/subscribers?{query}"))[:2] == (400, "Bad Request")
    assert (await api.call("GET", "/subscribers?limit=9999"))["data"] == []
