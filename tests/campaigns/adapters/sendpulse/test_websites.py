"""Websites, their variables and their subscribers, and whether these are sent to."""

from datetime import timedelta

from campaigns.operations.subscribers import unsubscribe
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.sendpulse.support import code
from tests.campaigns.api.support import NOW, said

CHROME = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36"


async def get(api, path):
    handled = await api.ask("GET", path)
    assert handled.answer.status == 200, handled.answer.body
    return said(handled)


async def test_websites_are_named_by_their_host(api, site):
    [website] = await get(api, "/push/websites/")
    assert (website["id"], website["url"], website["status"]) == (site, "shop.example", 1)
    assert await get(api, "/push/websites/total") == {"total": 1}


async def test_a_website_knows_how_many_subscribe(api, site):
    came = await api.subscriber(site, "a")
    await api.subscriber(site, "b", came=NOW - timedelta(days=2))
    gone = await api.subscriber(site, "c")
    await unsubscribe(api.service, site, gone.token, NOW)
    await api.ask("POST", "/push/subscriptions/state", {"id": came.number, "state": 0})
    await api.subscriber(site, "d")
    info = await get(api, f"/push/websites/info/{site}")
    assert info["status"] == "active"
    assert (info["total_subscribers"], info["active_subscribers"]) == (4, 2)
    assert (info["unsubscribed"], info["subscribers_today"]) == (1, 1)
    assert await get(api, f"/push/websites/{site}/subscriptions/total") == {"total": 4}


async def test_a_website_s_code_is_the_snippet(api, site):
    code = await get(api, f"/push/websites/{site}/code")
    assert code["script_url"] == "https://push.example/sdk/site.js"
    assert f'data-site="site_{site}"' in code["script_code"]
    assert code["script_url"] in code["script_code"]


async def test_variables_have_types(api, site):
    await api.subscriber(site, attributes={"uname": "Ada", "age": 3, "since": "2024-05-01", "sizes": ["m"]})
    variables = await get(api, f"/push/websites/{site}/variables")
    assert {each["name"]: each["type"] for each in variables} == {
        "uname": "string",
        "age": "number",
        "since": "date",
        "sizes": "string",
    }


async def test_a_subscriber_is_told_as_clients_know_it(api, site):
    came = await api.subscriber(
        site, user_agent=CHROME, language="ru-ru", country="UA", attributes={"uname": "Ada"}
    )
    bare = await api.subscriber(site, "b")
    everybody = {each["id"]: each for each in await get(api, f"/push/websites/{site}/subscriptions")}
    known = everybody[came.number]
    [variable] = known.pop("variables")
    assert (variable["name"], variable["type"], variable["value"]) == ("uname", "string", "Ada")
    assert known == {
        "id": came.number,
        "browser": "Chrome",
        "lang": "ru",
        "os": "macOS",
        "country_code": "UA",
        "city": "",
        "subscription_date": "2026-11-21 09:00:00",
        "status": 1,
    }
    assert everybody[bare.number]["variables"] == []
    assert everybody[bare.number]["browser"] == ""


async def test_subscribers_are_listed_by_the_day_on_which_they_came(api, site):
    numbers = []
    for days in range(3):
        came = await api.subscriber(site, str(days), came=NOW + timedelta(days=days))
        numbers.append(came.number)
    path = f"/push/websites/{site}/subscriptions"
    one = await get(api, f"{path}?subscription_date_from=2026-11-22&subscription_date_to=2026-11-22")
    assert [each["id"] for each in one] == [numbers[1]]
    page = await get(api, f"{path}/?limit=1&offset=2")
    assert [each["id"] for each in page] == [sorted(numbers)[2]]


async def test_a_subscriber_is_switched_off_and_on(api, site):
    came = await api.subscriber(site)

    async def switch(state: object) -> object:
        return said(
            await api.ask("POST", "//push/subscriptions/state", {"id": str(came.number), "state": state})
        )

    async def status() -> int:
        return (await get(api, f"/push/websites/{site}/subscriptions"))[0]["status"]

    assert await switch(0) == {"result": True}
    assert await status() == 0
    assert await switch("1") == {"result": True}
    assert await status() == 1
    assert (await switch(2))["error_code"] == 800
    await unsubscribe(api.service, site, came.token, NOW)
    assert await status() == 6
    handled = await api.ask("POST", "/push/subscriptions/state", {"id": came.number, "state": 1})
    assert code(handled) == (400, 800)
    assert SHOP not in handled.answer.body.decode()
