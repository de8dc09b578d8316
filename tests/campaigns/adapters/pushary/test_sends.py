"""Sends: to whom they go, that each goes once, and that a repeat sends nothing."""

from typing import Any

import pytest

from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushary.support import BASE, NOTICE, PusharyApi
from tests.campaigns.api.support import said


async def sent(api: PusharyApi, **fields: Any) -> int:
    answer = await api.call("POST", "/send", {**NOTICE, **fields})
    assert answer["success"] is True
    assert answer["sent"] == answer["queued"]
    campaign = await api.call("GET", f"/campaigns/{answer['campaignId']}")
    assert campaign["totalTargeted"] == answer["sent"]
    assert campaign["status"] == "sending"
    return answer["sent"]


@pytest.fixture
async def people(api) -> dict[str, str]:
    a = await api.subscriber("a", external_id="u1", tags=("gold",))
    b = await api.subscriber("b", external_id="u1", tags=("silver",))
    c = await api.subscriber("c", external_id="u2", tags=("gold", "new"))
    return {name: f"sub_{each.number}" for name, each in zip("abc", (a, b, c), strict=True)}


async def test_without_a_target_everyone_is_meant(api, people):
    assert await sent(api) == 3


async def test_it_goes_to_those_that_are_named(api, people):
    assert await sent(api, subscriberIds=[people["a"]]) == 1
    assert await sent(api, subscriberIds=[people["a"], people["a"], "sub_999"]) == 1
    assert await sent(api, externalIds=["u1", "nobody"]) == 2
    assert await sent(api, tags=["gold", "silver"]) == 3
    assert await sent(api, tags=["new"]) == 1


async def test_of_several_lists_whoever_is_in_any_gets_it_once(api, people):
    assert await sent(api, subscriberIds=[people["a"]], externalIds=["u1"], tags=["gold"]) == 3
    assert await sent(api, subscriberIds=[people["a"]], tags=["silver"]) == 2
    assert await sent(api, externalIds=["nobody"], tags=["none"]) == 0


async def test_what_is_shown_is_what_was_asked_for(api, people):
    fields = {"url": f"{SHOP}/new", "iconUrl": f"{SHOP}/i.png", "imageUrl": f"{SHOP}/b.png", "data": {"a": 1}}
    await sent(api, **fields)
    async with api.database.connection() as connection:
        content = await connection.fetchval("SELECT content FROM launch")
    assert content == {
        "title": "Sale",
        "body": "Ends today",
        "url": f"{SHOP}/new",
        "icon": f"{SHOP}/i.png",
        "image": f"{SHOP}/b.png",
        "data": {"a": 1},
    }


async def test_a_repeat_with_the_same_key_sends_nothing(api, people):
    body = {**NOTICE, "idempotencyKey": "order-7"}
    first = await api.call("POST", "/send", body)
    handled = await api.ask("POST", f"{BASE}/send", body)
    assert first["duplicate"] is False
    assert said(handled) == {**first, "duplicate": True}
    assert handled.answer.headers["Idempotency-Replayed"] == "true"
    async with api.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM launch") == 1
    other = {**body, "title": "Other"}
    assert (await api.refused("POST", "/send", other))[0] == 422
    assert (await api.call("POST", "/send", {**body, "idempotencyKey": "order-8"})) != first


@pytest.mark.parametrize(
    "key",
    ["Größe 7", "注文" * 100, "a\tb\n", " ", "x" * 200],
    ids=["accents", "signs", "controls", "space", "long"],
)
async def test_any_text_of_up_to_200_characters_may_be_the_key(api, people, key):
    body = {**NOTICE, "idempotencyKey": key}
    first = await api.call("POST", "/send", body)
    assert (await api.call("POST", "/send", body)) == {**first, "duplicate": True}
    assert (await api.call("POST", "/send", {**body, "idempotencyKey": f"{key[:-1]}?"})) != first
    async with api.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM launch") == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"subscriberIds": []}, "subscriberIds"),
        ({"subscriberIds": ["7"]}, "subscriberIds[0]"),
        ({"subscriberIds": ["sub_1"] * 1001}, "subscriberIds"),
        ({"externalIds": [""]}, "externalIds[0]"),
        ({"tags": []}, "tags"),
        ({"url": "shop"}, "actionUrl"),
        ({"idempotencyKey": "x" * 201}, "idempotencyKey"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({"title": 7}, "title"),
        ({"data": "x"}, "data"),
    ],
)
async def test_what_cannot_be_is_refused(api, people, fields, field):
    status, error, message = await api.refused("POST", "/send", {**NOTICE, **fields})
    assert (status, error) == (400, "Bad Request")
    assert message.startswith(f"{field} ")
    async with api.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM campaign") == 0


async def test_metadata_is_counted_and_passed_over(api, people):
    await sent(api, metadata={"a": 1}, priority="high")
    assert api.ignored == [("pushary", 2)]
