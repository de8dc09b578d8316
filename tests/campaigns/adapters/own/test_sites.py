import pytest

from campaigns.model.scope import Permission
from crypto import base64url
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.api.support import said


async def test_a_site_is_made_with_a_key_of_its_own(api):
    made = await api.make("/v1/sites", {"url": SHOP, "name": "Shop", "zone": "Europe/Berlin"})
    assert made.pop("id").startswith("site_")
    assert made.pop("vapid_key").startswith("shop-example-")
    assert len(base64url.decode(made.pop("vapid_public_key"))) == 65
    assert made.pop("identity_secret")
    assert made == {
        "url": SHOP,
        "origins": [SHOP],
        "redirect_origins": [],
        "name": "Shop",
        "zone": "Europe/Berlin",
        "defaults": {},
    }


async def test_a_site_is_read_changed_and_listed(api, site):
    assert "identity_secret" not in await api.get(f"/v1/sites/{site}")
    changed = await api.ask("PATCH", f"/v1/sites/{site}", {"name": "Other", "origins": []})
    assert (changed.answer.status, said(changed)["name"], said(changed)["origins"]) == (200, "Other", [])
    listed = await api.get("/v1/sites")
    assert listed == {"data": [said(changed)], "next_cursor": None}


async def test_a_list_comes_in_parts(api):
    made = [(await api.make("/v1/sites", {"url": SHOP}))["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        part = await api.get(f"/v1/sites?limit=2{f'&cursor={cursor}' if cursor else ''}")
        assert len(part["data"]) <= 2
        seen += [each["id"] for each in part["data"]]
        cursor = part["next_cursor"]
    assert seen == made


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=7",
        "cursor=c_",
        "cursor=c_x",
        pytest.param(f"cursor=c_{'7' * 5000}", id="cursor=c_7…7"),
        "page=2",
    ],
)
async def test_a_list_refuses_what_it_does_not_know(api, query):
    handled = await api.ask("GET", f"/v1/sites?{query}")
    assert handled.answer.status == 400
    assert said(handled)["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://shop.example"}, "url"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"origins": ["https://shop.example/path"]}, "origins[0]"),
        ({"private_key": "none"}, "private_key"),
        ({"defaults": {"ttl": "x"}}, "defaults.ttl"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_cannot_be_is_told_by_field(api, fields, field):
    handled = await api.ask("POST", "/v1/sites", {"url": SHOP, **fields})
    assert handled.answer.status == 400
    assert said(handled)["errors"][0]["field"] == field


async def test_a_repeat_tells_the_secret_again_and_it_lies_sealed(api, database):
    first = await api.make("/v1/sites", {"url": SHOP}, idempotency_key="once")
    again = await api.make("/v1/sites", {"url": SHOP}, idempotency_key="once")
    assert first == again
    assert len((await api.get("/v1/sites"))["data"]) == 1
    async with database.connection() as connection:
        kept = await connection.fetchval("SELECT answer FROM idempotency")
    assert first["identity_secret"].encode() not in kept


async def test_a_refusal_keeps_neither_the_key_nor_anything_else(api, database):
    bad = {"url": SHOP, "vapid_key": "one"}
    await api.make("/v1/sites", bad)
    for _ in range(2):
        handled = await api.ask("POST", "/v1/sites", bad, idempotency_key="once")
        assert handled.answer.status == 409
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM idempotency") == 0
        assert await connection.fetchval("SELECT count(*) FROM site") == 1


async def test_a_key_that_may_not_make_sites_makes_none(api):
    _, reader = await api.log_in(Permission.READ)
    handled = await api.ask("POST", "/v1/sites", {"url": SHOP}, token=reader)
    assert handled.answer.status == 403
    assert (await api.ask("GET", "/v1/sites", token=reader)).answer.status == 200
