"""Campaigns: made, planned, changed, sent, paused, resumed, deleted; and what came of them."""

from datetime import timedelta

import pytest

from campaigns.model.condition import Comparison, Op
from campaigns.operations.segments import create_segment
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushary.support import NOTICE
from tests.campaigns.api.support import NOW

DRAFT = {"name": "Autumn", **NOTICE}
SOON = (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "Z")


@pytest.fixture
async def campaign(api) -> str:
    return (await api.call("POST", "/campaigns", DRAFT))["id"]


async def test_a_campaign_is_a_draft(api):
    made = await api.call("POST", "/campaigns", DRAFT)
    assert made == {
        "id": made["id"],
        "siteId": f"site_{api.site}",
        **DRAFT,
        "iconUrl": None,
        "imageUrl": None,
        "actionUrl": SHOP,
        "status": "draft",
        "scheduledAt": None,
        "segmentId": None,
        "tags": [],
        **dict.fromkeys(("totalTargeted", "totalSent", "totalDelivered", "totalClicked"), 0),
        "createdAt": made["createdAt"],
        "updatedAt": made["updatedAt"],
    }


async def test_a_campaign_with_a_time_is_scheduled(api):
    made = await api.call("POST", "/campaigns", {**DRAFT, "scheduledAt": SOON})
    assert (made["status"], made["scheduledAt"]) == ("scheduled", SOON)
    draft = await api.call("PATCH", f"/campaigns/{made['id']}", {"status": "draft"})
    assert (draft["status"], draft["scheduledAt"]) == ("draft", None)
    again = await api.call("PATCH", f"/campaigns/{made['id']}", {"scheduledAt": SOON, "name": "Winter"})
    assert (again["status"], again["scheduledAt"], again["name"]) == ("scheduled", SOON, "Winter")
    cancelled = await api.call("PATCH", f"/campaigns/{made['id']}", {"status": "cancelled"})
    assert cancelled["status"] == "cancelled"


@pytest.mark.parametrize("time", [None, ""])
async def test_an_empty_time_is_none(api, time):
    made = await api.call("POST", "/campaigns", {**DRAFT, "scheduledAt": time})
    assert (made["status"], made["scheduledAt"]) == ("draft", None)
    path = f"/campaigns/{made['id']}"
    assert (await api.call("PATCH", path, {"scheduledAt": SOON}))["scheduledAt"] == SOON
    assert (await api.call("PATCH", path, {"scheduledAt": time}))["scheduledAt"] is None


@pytest.mark.parametrize("time", ["2099-01-01", "20990101", "10:00", "tomorrow", " "])
async def test_a_time_that_is_none_is_refused_with_the_form_that_is_meant(api, campaign, time):
    for method, path in (("POST", "/campaigns"), ("PATCH", f"/campaigns/{campaign}")):
        status, _, message = await api.refused(method, path, {**DRAFT, "scheduledAt": time})
        assert (status, message) == (
            400,
            "scheduledAt must be a date with a time (2026-01-15T09:00:00Z), or be left out",
        )


async def test_a_campaign_may_be_for_a_segment_or_for_tags(api):
    await api.subscriber("a", tags=("gold",))
    await api.subscriber("b")
    condition = Comparison("tag", Op.EQ, "gold")
    segment = await create_segment(api.scope, api.service, api.site, "Gold", condition)
    for fields in ({"segmentId": f"seg_{segment.id}"}, {"tags": ["gold"]}):
        made = await api.call("POST", "/campaigns", {**DRAFT, **fields})
        assert {name: made[name] for name in fields} == fields
        assert (await api.call("POST", f"/campaigns/{made['id']}/send"))["totalTargeted"] == 1


async def test_a_campaign_is_changed_until_it_is_sent(api, campaign):
    path = f"/campaigns/{campaign}"
    changed = await api.call("PATCH", path, {"title": "New", "iconUrl": f"{SHOP}/i.png"})
    assert (changed["title"], changed["body"]) == ("New", "Ends today")
    assert changed["iconUrl"] == f"{SHOP}/i.png"
    assert (await api.call("PATCH", path, {"iconUrl": None}))["iconUrl"] is None
    assert (await api.call("PATCH", path, {}))["title"] == "New"
    await api.call("POST", f"{path}/send")
    assert (await api.refused("PATCH", path, {"title": "Newer"}))[:2] == (400, "Bad Request")


async def test_a_campaign_goes_its_way(api, campaign):
    await api.subscriber()
    path = f"/campaigns/{campaign}"
    assert await api.refused("POST", f"{path}/pause") == (
        400,
        "Bad Request",
        "Campaign must have status active or sending.",
    )
    sending = await api.call("POST", f"{path}/send")
    assert (sending["status"], sending["totalTargeted"]) == ("sending", 1)
    assert await api.refused("POST", f"{path}/send") == (
        400,
        "Bad Request",
        "Campaign must have status draft or scheduled.",
    )
    assert (await api.call("POST", f"{path}/pause"))["status"] == "paused"
    assert (await api.call("POST", f"{path}/resume"))["status"] == "active"
    assert (await api.refused("POST", f"{path}/resume"))[2] == "Campaign must have status paused."
    assert (await api.refused("DELETE", path))[0] == 400
    assert (await api.call("PATCH", path, {"status": "paused"}))["status"] == "paused"
    assert (await api.call("PATCH", path, {"status": "cancelled"}))["status"] == "cancelled"


async def test_one_that_is_planned_cannot_be_paused_but_sent(api):
    made = await api.call("POST", "/campaigns", {**DRAFT, "scheduledAt": SOON})
    assert (await api.refused("POST", f"/campaigns/{made['id']}/pause"))[0] == 400
    assert (await api.call("POST", f"/campaigns/{made['id']}/send"))["status"] == "sending"


async def test_a_campaign_is_deleted(api, campaign):
    assert await api.call("DELETE", f"/campaigns/{campaign}") == {"success": True}
    assert (await api.refused("GET", f"/campaigns/{campaign}"))[:2] == (404, "Not Found")


async def test_campaigns_are_listed_a_page_at_a_time(api):
    made = [(await api.call("POST", "/campaigns", DRAFT))["id"] for _ in range(3)]
    first = await api.call("GET", "/campaigns?limit=2")
    assert [each["id"] for each in first["data"]] == [made[2], made[1]]
    assert first["hasMore"] is True
    rest = await api.call("GET", f"/campaigns?limit=2&cursor={first['nextCursor']}")
    assert ([each["id"] for each in rest["data"]], rest["hasMore"]) == ([made[0]], False)
    assert rest["nextCursor"] is None


async def test_what_came_of_it_is_what_was_counted(api, campaign):
    path = f"/campaigns/{campaign}"
    await api.call("POST", f"{path}/send")
    async with api.database.connection() as connection:
        launch = await connection.fetchval("SELECT id FROM launch")
        for status, count, attempted in (("sent", 950, 950), ("expired", 50, 50), ("cancelled", 9, 0)):
            await connection.execute(
                "INSERT INTO launch_count VALUES ($1, 0, $2, $3, $4)", launch, status, count, attempted
            )
        await connection.execute("INSERT INTO engagement_count VALUES ($1, 0, 'clicked', 85, 99)", launch)
    assert await api.call("GET", f"{path}/stats") == {
        "totalSent": 1000,
        "totalDelivered": 950,
        "totalClicked": 85,
        "totalFailed": 50,
        "deliveryRate": 95.0,
        "clickRate": 8.95,
    }
    listed = (await api.call("GET", "/campaigns"))["data"][0]
    assert (listed["totalSent"], listed["totalDelivered"], listed["totalClicked"]) == (1000, 950, 85)


async def test_rates_of_nothing_are_zero(api, campaign):
    stats = await api.call("GET", f"/campaigns/{campaign}/stats")
    assert (stats["deliveryRate"], stats["clickRate"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        *(("draft", "draft"), ("scheduled", "scheduled"), ("queued", "sending"), ("sending", "sending")),
        *(("recurring", "active"), ("paused", "paused"), ("done", "completed")),
        *(("cancelled", "cancelled"), ("refused", "cancelled")),
    ],
)
async def test_a_status_has_a_word(api, campaign, status, word):
    async with api.database.connection() as connection:
        await connection.execute("UPDATE campaign SET status = $1", status)
    assert (await api.call("GET", f"/campaigns/{campaign}"))["status"] == word


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scheduledAt": "2020-01-01T00:00:00Z"}, "scheduledAt"),
        ({"scheduledAt": "tomorrow"}, "scheduledAt"),
        ({"scheduledAt": "2099-01-01T00:00:00Z"}, "scheduledAt"),
        ({"segmentId": "seg_999"}, "segmentId"),
        ({"segmentId": "x"}, "segmentId"),
        ({"segmentId": "seg_1", "tags": ["gold"]}, "tags"),
        ({"tags": []}, "tags"),
        ({"actionUrl": "shop"}, "actionUrl"),
        ({"title": "x" * 70_000}, "content"),
        ({"name": "x" * 300}, "name"),
    ],
)
async def test_what_cannot_be_is_refused(api, fields, field):
    status, error, message = await api.refused("POST", "/campaigns", {**DRAFT, **fields})
    assert (status, error) == (400, "Bad Request")
    assert message.startswith(f"{field} ")


async def test_only_three_statuses_can_be_asked_for(api, campaign):
    for status in ("active", "sending", "completed", ""):
        assert (await api.refused("PATCH", f"/campaigns/{campaign}", {"status": status}))[0] == 400
