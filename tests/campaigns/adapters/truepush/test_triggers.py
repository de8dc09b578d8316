from datetime import UTC, datetime, timedelta

import pytest

from campaigns.model.campaign import CampaignStatus as S
from campaigns.model.target import target_tree
from campaigns.operations.campaigns import get_campaign
from campaigns.operations.launching import launch_due_campaign
from tests.campaigns.adapters.truepush.support import DAILY, SHOWN, TruepushApi
from tests.campaigns.api.support import NOW
from tests.campaigns.operations.support import contents

DATES = [{"date": "24-11-2026", "time": "17:50"}, {"date": "23/11/2026", "time": "17:50"}]
FIRST = datetime(2026, 11, 23, 12, 20, tzinfo=UTC)
"""17:50 in India."""

DAY = timedelta(days=1)


async def view(api, number):
    return await get_campaign(api.scope, api.service, int(number, 16))


async def states(api):
    return {each["name"]: each["status"] for each in (await api.done("GET", "listTrigger/1"))["data"]}


async def test_a_trigger_recurs_at_its_times(api: TruepushApi):
    await api.subscribe("a", "news")
    await api.subscribe("b")
    template = await api.template(tags=["news"])
    body = {"name": "Daily", "note": "A note", "templateId": template, "type": "repeated", "timings": DAILY}
    found = await api.done("POST", "createTrigger", body)
    message, _, number = found.pop("message").partition(":")
    assert message == "Trigger Added successfully with id"
    assert found == {"status_code": 200, "status": "SUCCESS", "data": "TRIGGER-ADDED-SUCCESSFULLY"}
    campaign = (await view(api, number)).campaign
    assert (campaign.status, campaign.next_at) == (S.RECURRING, NOW.replace(hour=10))
    assert (campaign.content.title, campaign.options) == (SHOWN["title"], {"note": "A note"})
    assert target_tree(campaign.target) == {"tags": ["news"]}
    for days in range(2):
        await launch_due_campaign(api.service, NOW.replace(hour=10) + days * DAY)
    assert [each.targeted for each in (await view(api, number)).launches] == [1, 1]


@pytest.mark.parametrize(
    ("timings", "cron"),
    [
        (DAILY, "0 10 * * *"),
        ({"sub_type": "weekly", "week_days": [6, 0, 0], "hours": 9, "minutes": 30}, "30 9 * * 0,6"),
        ({"sub_type": "monthly", "dates": [1, 31], "hours": 9, "minutes": 30}, "30 9 1,31 * *"),
        (
            {"sub_type": "yearly", "months": [2, 12], "dates": [29], "hours": 0, "minutes": 0},
            "0 0 29 2,12 *",
        ),
    ],
)
async def test_patterns_are_wall_times_of_the_sites_zone(database, timings, cron):
    api = TruepushApi(database)
    await api.onboard(zone="Asia/Kolkata")
    found = (await view(api, await api.trigger(timings=timings))).campaign.recurrence
    assert (found.cron, found.zone) == (cron, "Asia/Kolkata")


async def test_dates_are_each_a_launch_and_then_it_is_over(database):
    api = TruepushApi(database)
    await api.onboard(zone="Asia/Kolkata")
    number = await api.trigger(type="multiple", timings={"dates": DATES})
    assert (await view(api, number)).campaign.next_at == FIRST
    assert await states(api) == {"Daily": "active"}
    for moment in (FIRST, FIRST + DAY):
        await launch_due_campaign(api.service, moment)
    assert [each.moment for each in (await view(api, number)).launches] == [FIRST, FIRST + DAY]
    assert await states(api) == {"Daily": "inactive"}
    await api.done("DELETE", f"deleteTrigger/{number}")


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "once", "timings": {"hours": 1, "minutes": 30}},
        {"segmentId": "5f8d407ad11b5a2c2c524f63"},
        {"templateId": "5f8d407ad11b5a2c2c524f63"},
        {"templateId": "x"},
        {"type": "multiple", "timings": {"dates": [{"date": "01-11-2026", "time": "10:00"}]}},
        {"name": "Taken"},
    ],
    ids=["once", "segment", "template", "no id", "past", "name"],
)
async def test_what_cannot_be_made_fails(api: TruepushApi, database, fields):
    await api.trigger("Taken")
    body = {"name": "x", "type": "repeated", "timings": DAILY, "templateId": await api.template(), **fields}
    before = await contents(database)
    await api.failed("createTrigger", "POST", "createTrigger", body)
    assert await contents(database) == before


@pytest.mark.parametrize(
    ("kind", "timings", "field"),
    [
        ("sometimes", DAILY, "type"),
        ("repeated", {}, "timings.sub_type"),
        ("repeated", {"dates": DATES}, "timings.sub_type"),
        ("repeated", {"sub_type": "hourly", "hours": 1, "minutes": 1}, "timings.sub_type"),
        ("repeated", {**DAILY, "hours": 24}, "timings.hours"),
        ("repeated", {**DAILY, "minutes": "0"}, "timings.minutes"),
        ("repeated", {**DAILY, "week_days": [1]}, "timings.week_days"),
        ("repeated", {**DAILY, "sub_type": "weekly"}, "timings.week_days"),
        ("repeated", {**DAILY, "sub_type": "weekly", "week_days": [7]}, "timings.week_days[0]"),
        ("repeated", {**DAILY, "sub_type": "weekly", "week_days": []}, "timings.week_days"),
        ("repeated", {**DAILY, "sub_type": "monthly", "dates": [0]}, "timings.dates[0]"),
        ("repeated", {**DAILY, "sub_type": "yearly", "months": [2], "dates": [30]}, "timings"),
        ("multiple", DAILY, "timings.sub_type"),
        ("multiple", {"dates": []}, "timings.dates"),
        ("multiple", {"dates": [{"date": "x", "time": "10:00"}]}, "timings.dates[0].date"),
        ("multiple", {"dates": [{"date": "23-11-2026"}]}, "timings.dates[0].time"),
        ("multiple", {"dates": DATES * 200}, "timings.dates"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_bad_data(api: TruepushApi, database, kind, timings, field):
    body = {"name": "x", "type": kind, "timings": timings, "templateId": await api.template()}
    before = await contents(database)
    assert await api.bad("POST", "createTrigger", body) == [field]
    assert await contents(database) == before


async def test_a_trigger_is_stopped_and_goes_on(api: TruepushApi):
    number = await api.trigger()
    await api.failed("triggerStatus", "PUT", f"triggerStatus/{number}", {"status": "active"})
    found = await api.done("PUT", f"triggerStatus/{number}", {"status": "inactive"})
    assert (found["message"], found["data"]) == (
        "Trigger Updated Successfully",
        "TRIGGER-UPDATED-SUCCESSFULLY",
    )
    assert await states(api) == {"Daily": "inactive"}
    assert await launch_due_campaign(api.service, NOW + DAY) is None
    await api.failed("triggerStatus", "PUT", f"triggerStatus/{number}", {"status": "inactive"})
    await api.done("PUT", f"triggerStatus/{number}", {"status": "active"})
    assert await states(api) == {"Daily": "active"}


@pytest.mark.parametrize(
    ("path", "name"), [("deleteTrigger", "deleteTrigger"), ("listTrigger", "deleteListedTrigger")]
)
async def test_a_trigger_is_deleted_and_what_it_has_begun_ends(api: TruepushApi, database, path, name):
    number = await api.trigger()
    await launch_due_campaign(api.service, NOW.replace(hour=10))
    found = await api.done("DELETE", f"{path}/{number}")
    assert (found["message"], found["data"]) == (
        "Trigger Deleted Successfully",
        "TRIGGER-DELETED-SUCCESSFULLY",
    )
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT wanted FROM launch") == "cancelled"
    await api.failed(name, "DELETE", f"{path}/{number}")
    await api.failed("listTrigger", "GET", "listTrigger/1")
    assert await launch_due_campaign(api.service, NOW + DAY) is None


async def test_a_name_is_free_again_once_its_trigger_is_deleted(api: TruepushApi):
    template = await api.template()
    number = await api.trigger(templateId=template)
    await api.done("DELETE", f"deleteTrigger/{number}")
    await api.trigger(templateId=template)


async def test_a_trigger_is_counted_as_a_campaign_is(api: TruepushApi):
    await api.subscribe("a")
    number = await api.trigger()
    await launch_due_campaign(api.service, NOW.replace(hour=10))
    await launch_due_campaign(api.service, NOW.replace(hour=10) + DAY)
    assert (await api.done("GET", f"campaignStats/{number}"))["data"]["Reach"] == 2
