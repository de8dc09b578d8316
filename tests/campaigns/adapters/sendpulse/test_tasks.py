"""Push campaigns: what a request asks for, how far it has come, and what came of it."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from campaigns.model.ids import Kind
from campaigns.model.platforms import Alias
from campaigns.operations.aliases import take_over
from campaigns.operations.campaigns import cancel_campaign
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.sendpulse.support import TASK, SendPulseApi, code
from tests.campaigns.api.support import NOW, said

PNG = b"\x89PNG\r\n\x1a\n..."
SOON = (NOW + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")


async def send(api: SendPulseApi, site: int | str, **fields: Any) -> int:
    handled = await api.ask("POST", "/push/tasks", {**TASK, "website_id": site, **fields})
    assert handled.answer.status == 200, handled.answer.body
    assert said(handled)["result"] is True
    return said(handled)["id"]


async def row(api: SendPulseApi, table: str, number: int) -> Any:
    where = "id" if table == "campaign" else "campaign"
    async with api.database.connection() as connection:
        return await connection.fetchrow(f"SELECT * FROM {table} WHERE {where} = $1", number)


async def test_a_campaign_is_launched_at_once(api, site):
    await api.subscriber(site)
    number = await send(api, site)
    launch = await row(api, "launch", number)
    assert (launch["targeted"], launch["ttl"]) == (1, 3600)
    assert launch["content"] == {"title": "Sale", "body": "Ends today", "url": SHOP}
    info = said(await api.ask("GET", f"/push/tasks/{number}"))
    assert info == {
        "id": number,
        "message": {"title": "Sale", "text": "Ends today", "link": SHOP},
        "website": "shop.example",
        "website_id": site,
        "status": 13,
        "send": "0",
        "delivered": 0,
        "redirect": 0,
    }


async def test_a_campaign_is_stretched_over_five_hours_where_nobody_asks(api, site):
    async with api.database.connection() as connection:
        slot = "INSERT INTO subscriber_count (site, status, slot, count) VALUES ($1, 'active', 0, 1000000)"
        await connection.execute(slot, site)
    assert (await row(api, "launch", await send(api, site)))["stretch_time"] == 18_000
    assert (await row(api, "launch", await send(api, site, stretch_time=0)))["stretch_time"] == 0
    assert (await row(api, "launch", await send(api, site, stretch_time="60")))["stretch_time"] == 60


async def test_a_campaign_that_has_a_date_waits_for_it(api, site):
    number = await send(api, site, send_date=SOON)
    assert await row(api, "launch", number) is None
    assert (await row(api, "campaign", number))["start_at"] == NOW + timedelta(hours=1)
    assert said(await api.ask("GET", f"/push/tasks/{number}"))["status"] == 0


async def test_dates_are_in_the_account_s_zone(database):
    api = SendPulseApi(database)
    await api.join(zone="Europe/Berlin")
    number = await send(api, await api.site(), send_date="2026-11-21 12:00:00")
    assert (await row(api, "campaign", number))["start_at"] == NOW + timedelta(hours=2)
    [listed] = said(await api.ask("GET", "/push/tasks"))
    assert listed["send_date"] == listed["from"] == listed["to"] == "2026-11-21 12:00:00"


async def test_all_that_is_shown_is_shown(api, site):
    picture = {"name": "a.png", "data": b64encode(PNG).decode()}
    number = await send(
        api,
        site,
        link=f"{SHOP}/new",
        buttons=[{"text": "Buy", "link": f"{SHOP}/buy"}],
        icon=picture,
        image=picture,
    )
    content = (await row(api, "launch", number))["content"]
    assert content["url"] == f"{SHOP}/new"
    assert content["actions"] == [{"action": "0", "title": "Buy", "url": f"{SHOP}/buy"}]
    assert content["icon"] == content["image"]
    path = content["icon"].removeprefix("https://push.example")
    served = (await api.ask("GET", path, token=None)).answer
    assert (served.media_type, served.body) == ("image/png", PNG)


async def test_only_whom_the_filters_mean_is_targeted(api, site):
    await api.subscriber(site, "a", language="en", country="DE")
    await api.subscriber(site, "b", language="en", country="FR")
    await api.subscriber(site, "c", language="de", country="DE")
    number = await send(api, site, filter_lang="en", filter_region='["DE"]')
    assert (await row(api, "launch", number))["targeted"] == 1


async def test_a_go_client_s_empty_fields_are_none(api, site):
    number = await send(
        api,
        site,
        stretch_time=0,
        send_date="0001-01-01 00:00:00",
        filter_subscription_date_from="0001-01-01T00:00:00Z",
        filter_subscription_date_to="0001-01-01T00:00:00Z",
        ttl=0,
        link="",
    )
    launch = await row(api, "launch", number)
    assert launch["target"] == {"all": True}
    assert launch["ttl"] == 2_419_200, "the worker's own default"


async def test_an_id_that_was_taken_over_stands_for_its_website(api, site):
    await api.site()
    await take_over(api.scope, api.service, Kind.SITE, site, [Alias("sendpulse", "530053")])
    number = await send(api, "530053")
    assert said(await api.ask("GET", f"/push/tasks/{number}"))["website_id"] == 530053
    assert len(said(await api.ask("GET", "/push/tasks?website_id=530053"))) == 1
    assert said(await api.ask("GET", "/push/websites"))[0]["id"] == 530053


@pytest.mark.parametrize("text", ["007", "+7", "\u0667", "9" * 20])
async def test_an_id_that_is_another_as_a_number_is_told_as_a_text(api, site, text):
    await take_over(api.scope, api.service, Kind.SITE, site, [Alias("sendpulse", text)])
    [website] = said(await api.ask("GET", "/push/websites"))
    assert website["id"] == text
    assert await send(api, text)


async def test_a_website_need_not_be_named_where_there_is_one(api, site):
    handled = await api.ask("POST", "/push/campaigns", TASK)
    assert (await row(api, "campaign", said(handled)["id"]))["site"] == site
    await api.site()
    assert code(await api.ask("POST", "/push/campaigns", TASK)) == (400, 800)
    named = await api.ask("POST", "/push/campaigns", {**TASK, "website_id": site})
    assert named.answer.status == 200


@pytest.mark.parametrize(
    ("status", "number"),
    [
        *(("draft", 26), ("scheduled", 0), ("queued", 13), ("sending", 2), ("done", 3), ("refused", 5)),
        *(("recurring", 2), ("paused", 2), ("cancelled", 5)),
    ],
)
async def test_a_status_is_a_number(api, site, status, number):
    task = await send(api, site)
    async with api.database.connection() as connection:
        await connection.execute("UPDATE campaign SET status = $2 WHERE id = $1", task, status)
    assert said(await api.ask("GET", f"/push/tasks/{task}"))["status"] == number
    assert said(await api.ask("GET", "/push/tasks"))[0]["status"] == number


async def test_what_came_of_it_is_what_was_counted(api, site):
    task = await send(api, site)
    launch = (await row(api, "launch", task))["id"]
    async with api.database.connection() as connection:
        for status, count, attempted in (("sent", 14, 14), ("expired", 7, 7), ("cancelled", 3, 0)):
            await connection.execute(
                "INSERT INTO launch_count VALUES ($1, 0, $2, $3, $4)", launch, status, count, attempted
            )
        await connection.execute("INSERT INTO engagement_count VALUES ($1, 0, 'clicked', 13, 20)", launch)
    info = said(await api.ask("GET", f"/push/tasks/{task}"))
    assert (info["send"], info["delivered"], info["redirect"]) == ("21", 14, 13)


async def test_campaigns_are_listed_the_newest_first_a_part_at_a_time(api, site):
    made = [await send(api, site), await send(api, site, send_date=SOON), await send(api, await api.site())]

    async def listed(query: str) -> list[int]:
        return [made.index(each["id"]) for each in said(await api.ask("GET", f"/push/tasks/?{query}"))]

    assert await listed("limit=10") == [2, 1, 0]
    assert await listed("limit=1&offset=1") == [1]
    assert await listed(f"website_id={site}") == [1, 0]
    assert await listed("from=2026-11-21%2010:00:00&to=2026-11-21%2010:00:00") == [1]
    assert await listed("to=2020-01-01") == []


async def test_a_list_has_a_hundred_at_most(api, site):
    number = await send(api, site)
    async with api.database.connection() as connection:
        columns = "site, name, status, content, target"
        await connection.execute(
            f"INSERT INTO campaign ({columns}) SELECT {columns} FROM campaign, generate_series(1, 120) "
            "WHERE campaign.id = $1",
            number,
        )
    for query in ("", "limit=0", "limit=500"):
        assert len(said(await api.ask("GET", f"/push/tasks?{query}"))) == 100


async def test_a_cancelled_campaign_is_still_there(api, site):
    number = await send(api, site)
    await cancel_campaign(api.scope, api.service, number, NOW)
    assert said(await api.ask("GET", f"/push/tasks/{number}"))["status"] == 5


async def test_fields_that_decorate_are_counted_and_passed_over(api, site):
    await send(api, site, is_large_icon=1, colour="red")
    assert api.ignored == [("sendpulse", 2)]
