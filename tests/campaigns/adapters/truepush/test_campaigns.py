from datetime import UTC, datetime, timedelta

import pytest

from campaigns.model.campaign import CampaignStatus as S
from campaigns.operations.campaigns import get_campaign
from campaigns.operations.launching import launch_due_campaign
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.truepush.support import SHOWN, TruepushApi
from tests.campaigns.api.support import NOW
from tests.campaigns.operations.support import contents

COUNTED = "(launch, partition, status, count, attempted)"
REPORTED = "(launch, partition, kind, first, total)"
TIMINGS = {"date": "23-11-2026", "time": "20:20"}
ZEROS = dict.fromkeys(
    ("Reach", "Sent", "Delivered", "Views", "Clicks", "Button0", "Button1", "Unsubscribers"), 0
)


async def kept(api, number):
    return (await get_campaign(api.scope, api.service, int(number, 16))).campaign


async def launches(api, number):
    return (await get_campaign(api.scope, api.service, int(number, 16))).launches


async def test_a_campaign_is_made_and_sent_at_once(api: TruepushApi):
    await api.subscribe("a")
    found = await api.done("POST", "createCampaign", SHOWN)
    assert found.pop("message").startswith("Campaign Created Successfully with id:")
    word = "CAMPAIGN-CREATED-SUCCESSFULLY"
    assert found == {"status_code": 200, "status": "SUCCESS", "data": word, "Data": word}
    [row] = (await api.done("GET", "listCampaign/1"))["data"]
    assert row["title"] == SHOWN["title"]
    campaign, [launch] = await kept(api, row["_id"]), await launches(api, row["_id"])
    assert (campaign.status, campaign.adapter, campaign.name) == (S.QUEUED, "truepush", SHOWN["title"])
    assert (launch.start_at, launch.targeted) == (NOW, 1)
    assert (launch.content.title, launch.content.body, launch.content.url) == (*SHOWN.values(),)


async def test_everything_is_shown_that_is_asked_for(api: TruepushApi):
    buttons = [{"text": "button1", "link": f"{SHOP}/1"}, {"text": "button2", "link": f"{SHOP}/2"}]
    pictures = {"image": f"{SHOP}/image.png", "icon": f"{SHOP}/icon.png"}
    for word in ("userInteraction", "userInteractionRequired"):
        number = await api.campaign(buttons=buttons, **pictures, **{word: True})
        content = (await kept(api, number)).content
        assert [(each.action, each.title, each.url) for each in content.actions] == [
            ("button-0", "button1", f"{SHOP}/1"),
            ("button-1", "button2", f"{SHOP}/2"),
        ]
        assert (content.image, content.icon, content.require_interaction) == (*pictures.values(), True)
    number = await api.campaign(buttons=[], image="", icon="", userInteraction=False)
    plain = (await kept(api, number)).content
    assert (plain.actions, plain.image, plain.icon, plain.require_interaction) == (None,) * 4


@pytest.mark.parametrize("date", ["23-11-2026", "23/11/2026"])
async def test_a_time_is_meant_in_the_sites_zone(database, date):
    api = TruepushApi(database)
    await api.onboard(zone="Asia/Kolkata")
    number = await api.campaign(scheduled=True, timings={"date": date, "time": "20:20"})
    campaign = await kept(api, number)
    assert campaign.status is S.SCHEDULED
    assert campaign.plan.start_at == datetime(2026, 11, 23, 14, 50, tzinfo=UTC)
    await launch_due_campaign(api.service, campaign.plan.start_at)
    assert len(await launches(api, number)) == 1


async def test_a_time_counts_only_if_the_campaign_is_scheduled(api: TruepushApi):
    number = await api.campaign(scheduled=False, timings=TIMINGS)
    assert (await kept(api, number)).status is S.QUEUED


async def test_an_expiry_bounds_the_push_and_the_sending(api: TruepushApi):
    plan = (await kept(api, await api.campaign(campaignExpiryTime=2.5))).plan
    assert (plan.ttl, plan.ends_at) == (9000, NOW + timedelta(hours=2.5))
    assert (await kept(api, await api.campaign(campaignExpiryTime=1 / 60))).plan.ttl == 60
    number = await api.campaign(campaignExpiryTime=2, scheduled=True, timings=TIMINGS)
    assert (await kept(api, number)).plan.ends_at == datetime(2026, 11, 23, 22, 20, tzinfo=UTC)


async def test_tags_and_a_segment_narrow_the_audience(api: TruepushApi):
    for name, *tags in (("a", "news", "x"), ("b", "news"), ("c", "x"), ("d",)):
        await api.subscribe(name, *tags)
    segment = await api.segment()
    for fields, targeted in (
        ({}, 4),
        ({"tags": []}, 4),
        ({"tags": ["x", "y"]}, 2),
        ({"segment": segment}, 2),
        ({"Segment": segment}, 2),
        ({"segment": segment, "tags": ["x"]}, 1),
    ):
        [launch] = await launches(api, await api.campaign(**fields))
        assert launch.targeted == targeted, fields


async def test_a_segment_that_is_not_there_fails(api: TruepushApi, database):
    before = await contents(database)
    for segment in ("5f8d407ad11b5a2c2c524f63", "x", f"{2**39:024x}"):
        await api.failed("createCampaign", "POST", "createCampaign", {**SHOWN, "segment": segment})
    assert await contents(database) == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": ""}, "title"),
        ({"link": "shop"}, "link"),
        ({"scheduled": True}, "timings"),
        ({"scheduled": True, "timings": {"date": "2026-11-23", "time": "20:20"}}, "timings.date"),
        ({"scheduled": True, "timings": {"date": "23-11/2026", "time": "20:20"}}, "timings.date"),
        ({"scheduled": True, "timings": {"date": "23-11-2026", "time": "8pm"}}, "timings.time"),
        ({"scheduled": True, "timings": {"date": "31-11-2026", "time": "20:20"}}, "timings"),
        ({"scheduled": True, "timings": {"date": "23-11-2026", "time": "24:00"}}, "timings"),
        ({"scheduled": True, "timings": {"date": "21-11-2026", "time": "08:59"}}, "timings"),
        ({"scheduled": True, "timings": {"date": "01-01-0001", "time": "00:00"}}, "timings"),
        ({"scheduled": True, "timings": {"date": "23-11-9999", "time": "00:00"}}, "timings"),
        ({"scheduled": True, "timings": {"date": "23-11-2026"}}, "timings.time"),
        ({"scheduled": True, "timings": {"date": "\u0662\u0663-11-2026", "time": "20:20"}}, "timings.date"),
        (
            {
                "scheduled": True,
                "timings": {"date": "31-12-9999", "time": "00:00"},
                "campaignExpiryTime": 48,
            },
            "timings.date",
        ),
        ({"campaignExpiryTime": 0}, "campaignExpiryTime"),
        ({"campaignExpiryTime": 1e300}, "campaignExpiryTime"),
        ({"campaignExpiryTime": 1e-300}, "campaignExpiryTime"),
        ({"campaignExpiryTime": 59 / 3600}, "campaignExpiryTime"),
        ({"buttons": [{"text": "a"}]}, "buttons[0].link"),
        ({"buttons": [{"text": "a", "link": SHOP}] * 3}, "buttons"),
        ({"tags": [5]}, "tags[0]"),
        ({"tags": ["x" * 5000]}, "tags[0]"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_bad_data(api: TruepushApi, database, fields, field):
    before = await contents(database)
    assert await api.bad("POST", "createCampaign", {**SHOWN, **fields}) == [field]
    assert await contents(database) == before


async def test_this_minute_is_not_over(api: TruepushApi):
    api.now = NOW + timedelta(seconds=59)
    number = await api.campaign(scheduled=True, timings={"date": "21-11-2026", "time": "09:00"})
    assert (await kept(api, number)).status is S.QUEUED


async def test_fields_that_are_not_known_are_passed_over_and_counted(api: TruepushApi):
    counted = []
    api.gateway._count_ignored = lambda adapter, fields: counted.append((adapter, fields))
    await api.campaign(sound="bell", theme="dark")
    await api.template(scheduled=True)
    assert counted == [("truepush", 2), ("truepush", 1)]


# ── cancelled ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fields", [{}, {"scheduled": True, "timings": TIMINGS}])
async def test_a_campaign_is_cancelled_until_it_is_sent(api: TruepushApi, fields):
    number = await api.campaign(**fields)
    found = await api.done("PUT", f"cancelCampaign/{number}")
    word = "CAMPAIGN-CANCELLED-SUCCESFULLY"
    assert (found["message"], found["data"], found["Data"]) == ("Campaign Cancelled Successfully", word, word)
    assert (await kept(api, number)).status is S.CANCELLED
    await api.failed("cancelCampaign", "PUT", f"cancelCampaign/{number}")


async def test_a_campaign_of_which_a_record_is_written_is_sent(api: TruepushApi, database):
    number = await api.campaign()
    async with database.connection() as connection:
        await connection.execute("UPDATE launch SET written = 1")
    await api.failed("cancelCampaign", "PUT", f"cancelCampaign/{number}")
    assert (await kept(api, number)).status is S.QUEUED


# ── counted ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_statistics_are_zeros_until_there_is_something_to_count(api: TruepushApi):
    number = await api.campaign(scheduled=True, timings=TIMINGS)
    found = await api.done("GET", f"campaignStats/{number}")
    assert (found["message"], found["data"]) == ("Stats Fetched Successfully", ZEROS)


async def test_statistics_are_what_is_counted(api: TruepushApi, database):
    await api.subscribe("a")
    await api.subscribe("b")
    number = await api.campaign()
    [launch] = await launches(api, number)
    kinds = {"shown": 7, "clicked": 6, "button_0": 5, "button_1": 4, "dismissed": 3, "unsubscribed": 2}
    async with database.transaction() as connection:
        for status, count, attempted in (("sent", 10, 10), ("expired", 3, 3), ("lapsed", 2, 0)):
            await connection.execute(
                f"INSERT INTO launch_count {COUNTED} VALUES ($1, 0, $2, $3, $4)",
                launch.id,
                status,
                count,
                attempted,
            )
        for kind, first in kinds.items():
            await connection.execute(
                f"INSERT INTO engagement_count {REPORTED} VALUES ($1, 0, $2, $3, 99)",
                launch.id,
                kind,
                first,
            )
    assert (await api.done("GET", f"campaignStats/{number}"))["data"] == {
        "Reach": 2,
        "Sent": 13,
        "Delivered": 10,
        "Views": 7,
        "Clicks": 6,
        "Button0": 5,
        "Button1": 4,
        "Unsubscribers": 2,
    }


# ── listed ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_campaigns_are_listed_twenty_at_a_time_the_newest_first(api: TruepushApi):
    made = [await api.campaign(title=f"Campaign {number}") for number in range(21)]
    await api.trigger()
    first, second = [(await api.done("GET", f"listCampaign/{page}"))["data"] for page in (1, 2)]
    assert [each["_id"] for each in [*first, *second]] == made[::-1]
    assert second == [{"_id": made[0], "title": "Campaign 0"}]
    assert len(first) == 20
