"""Templates: made, listed, changed, deleted."""

from campaigns.model.ids import Kind
from campaigns.model.platforms import Alias
from campaigns.operations.aliases import take_over
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushary.support import NOTICE

WELCOME = {"name": "Welcome", "title": "Hello {{name}}", "body": "You are in {{city|town}}"}


async def test_a_template_goes_its_way(api):
    made = await api.call("POST", "/templates", {**WELCOME, "actionUrl": f"{SHOP}/welcome"})
    assert {name: made[name] for name in WELCOME} == WELCOME
    assert (made["actionUrl"], made["iconUrl"], made["imageUrl"]) == (f"{SHOP}/welcome", None, None)
    path = f"/templates/{made['id']}"
    assert await api.call("GET", path) == made
    changed = await api.call("PATCH", path, {"title": "Hi", "name": "Hi", "iconUrl": f"{SHOP}/i.png"})
    assert (changed["title"], changed["name"], changed["body"]) == ("Hi", "Hi", WELCOME["body"])
    assert changed["iconUrl"] == f"{SHOP}/i.png"
    assert (await api.call("PATCH", path, {"iconUrl": None, "actionUrl": None}))["actionUrl"] == SHOP
    assert await api.call("DELETE", path) == {"success": True}
    assert (await api.refused("GET", path))[0] == 404


async def test_templates_are_listed_a_page_at_a_time(api):
    made = [(await api.call("POST", "/templates", {**NOTICE, "name": str(n)}))["id"] for n in range(3)]
    first = await api.call("GET", "/templates?limit=2")
    rest = await api.call("GET", f"/templates?limit=2&cursor={first['nextCursor']}")
    assert [each["id"] for each in (*first["data"], *rest["data"])] == made
    assert (first["hasMore"], rest["hasMore"]) == (True, False)


async def test_a_name_is_taken_once(api):
    await api.call("POST", "/templates", WELCOME)
    assert (await api.refused("POST", "/templates", WELCOME))[:2] == (400, "Bad Request")


async def test_an_id_that_was_taken_over_is_told_so(api):
    made = await api.call("POST", "/templates", WELCOME)
    number = int(made["id"].removeprefix("tmpl_"))
    await take_over(api.scope, api.service, Kind.TEMPLATE, number, [Alias("pushary", "tmpl_abc123")])
    assert (await api.call("GET", "/templates/tmpl_abc123"))["id"] == "tmpl_abc123"
