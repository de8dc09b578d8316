from datetime import timedelta

import pytest

from campaigns.store.launching import keep_controlled, launches_to_control
from tests.campaigns.adapters.own.support import HELLO, SHOP, subscription
from tests.campaigns.api.support import NOW, said

DRAFT = {"name": "Autumn", "content": HELLO, "target": {"all": True}}
SOON = (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "Z")


async def subscribe(api, site, *names: str) -> list[str]:
    return [
        (
            await api.make(
                f"/v1/sites/{site}/subscribers",
                {"subscription": subscription(name), "external_id": name},
                token=None,
                origin=SHOP,
            )
        )["id"]
        for name in names
    ]


@pytest.fixture
async def campaign(api, site) -> str:
    return (await api.make(f"/v1/sites/{site}/campaigns", DRAFT))["id"]


async def test_a_campaign_is_made_as_a_draft(api, site):
    plan = {"start_at": SOON, "stretch_time": 60.0, "ttl": 3600, "urgency": "high", "topic": "autumn"}
    made = await api.make(f"/v1/sites/{site}/campaigns", {**DRAFT, **plan})
    assert made.pop("id").startswith("camp_")
    assert made == {
        **DRAFT,
        **plan,
        "site": site,
        "status": "draft",
        "template": None,
        "local_time": None,
        "ends_at": None,
        "track_clicks": "page",
        "launches": [],
        "created_at": made["created_at"],
        "updated_at": made["updated_at"],
    }


async def test_a_campaign_begins_with_a_template(api, site):
    template = await api.make(f"/v1/sites/{site}/templates", {"name": "Hello", "content": HELLO})
    body = {"name": "Autumn", "template": template["id"], "target": {"all": True}}
    made = await api.make(f"/v1/sites/{site}/campaigns", body)
    assert (made["content"], made["template"]) == (HELLO, template["id"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"content": {"title": "x", "url": "shop"}}, "content.url"),
        ({"content": None}, "content"),
        ({"template": "tmpl_x", "content": None}, "template"),
        ({"target": {"everyone": True}}, "target"),
        ({"target": {"segment": "seg_99"}}, "target.segment"),
        ({"start_at": "2026-11-21 09:00"}, "start_at"),
        ({"start_at": "2026-11-21T09:00:00"}, "start_at"),
        ({"local_time": "2026-11-21T09:00:00Z"}, "local_time"),
        ({"ends_at": "2020-11-21T09:00:00Z"}, "ends_at"),
        ({"urgency": "very-high"}, "urgency"),
        ({"stretch_time": -1}, "stretch_time"),
        ({"track_clicks": "always"}, "track_clicks"),
        ({"frequency_cap": 3}, "frequency_cap"),
    ],
)
async def test_what_cannot_be_is_told_by_field(api, site, change, field):
    handled = await api.ask("POST", f"/v1/sites/{site}/campaigns", {**DRAFT, **change})
    assert handled.answer.status == 400
    assert said(handled)["errors"][0]["field"] == field


async def test_a_campaign_is_changed_until_it_is_launched(api, campaign):
    path = f"/v1/campaigns/{campaign}"
    changed = await api.ask("PATCH", path, {"name": "Winter", "start_at": SOON, "target": {"tags": ["a"]}})
    assert changed.answer.status == 200
    assert (said(changed)["name"], said(changed)["start_at"]) == ("Winter", SOON)
    assert said(changed)["target"] == {"tags": ["a"]}
    assert said(await api.ask("PATCH", path, {"start_at": None}))["start_at"] is None
    await api.make(f"{path}/launch")
    assert (await api.ask("PATCH", path, {"name": "Spring"})).answer.status == 409


async def test_a_campaign_goes_its_way(api, site, campaign):
    await subscribe(api, site, "a", "b")
    path = f"/v1/campaigns/{campaign}"
    launched = await api.make(f"{path}/launch")
    assert launched["status"] == "queued"
    [launch] = launched["launches"]
    assert launch.startswith("launch_")
    statistics = await api.get(f"/v1/launches/{launch}/statistics")
    assert (statistics["targeted"], statistics["written"]) == (2, 0)
    assert await api.get(f"{path}/statistics") == statistics
    assert statistics["shown"] == {"first": 0, "total": 0}
    assert (await api.make(f"{path}/pause"))["status"] == "paused"
    assert (await api.make(f"{path}/resume"))["status"] == "queued"
    assert (await api.make(f"{path}/cancel"))["status"] == "cancelled"
    assert (await api.ask("POST", f"{path}/launch")).answer.status == 409


async def test_a_launch_that_is_repeated_is_one_launch(api, campaign):
    path = f"/v1/campaigns/{campaign}/launch"
    first = await api.make(path, idempotency_key="once")
    assert await api.make(path, idempotency_key="once") == first
    assert (await api.ask("POST", path, idempotency_key="twice")).answer.status == 409
    assert len((await api.get(f"/v1/campaigns/{campaign}"))["launches"]) == 1


async def test_a_campaign_that_has_time_is_scheduled(api, site):
    made = await api.make(f"/v1/sites/{site}/campaigns", {**DRAFT, "start_at": SOON})
    launched = await api.make(f"/v1/campaigns/{made['id']}/launch")
    assert (launched["status"], launched["launches"]) == ("scheduled", [])


async def test_a_copy_is_a_draft(api, campaign):
    await api.make(f"/v1/campaigns/{campaign}/launch")
    copy = await api.make(f"/v1/campaigns/{campaign}/copy")
    assert copy["id"] != campaign
    assert (copy["status"], copy["launches"], copy["content"]) == ("draft", [], HELLO)


async def test_campaigns_are_listed_the_newest_first(api, site):
    made = [(await api.make(f"/v1/sites/{site}/campaigns", DRAFT))["id"] for _ in range(3)]
    await api.make(f"/v1/campaigns/{made[0]}/launch")
    path = f"/v1/sites/{site}/campaigns"
    first = await api.get(f"{path}?limit=2")
    assert [each["id"] for each in first["data"]] == [made[2], made[1]]
    rest = await api.get(f"{path}?cursor={first['next_cursor']}")
    assert ([each["id"] for each in rest["data"]], rest["next_cursor"]) == ([made[0]], None)
    queued = await api.get(f"{path}?status=queued")
    assert [each["id"] for each in queued["data"]] == [made[0]]


async def test_a_campaign_is_deleted_unless_it_is_under_way(api, campaign):
    path = f"/v1/campaigns/{campaign}"
    await api.make(f"{path}/launch")
    assert (await api.ask("DELETE", path)).answer.status == 409
    await api.make(f"{path}/cancel")
    assert (await api.ask("DELETE", path)).answer.status == 409, "the worker has still to be told"
    async with api.database.transaction() as connection:
        for launch in await launches_to_control(connection, 10.0):
            await keep_controlled(connection, launch)
    assert (await api.ask("DELETE", path)).answer.status == 204
    assert (await api.ask("GET", path)).answer.status == 404


async def test_a_small_send_goes_at_once(api, site):
    one, _ = await subscribe(api, site, "a", "b")
    sent = await api.make(
        f"/v1/sites/{site}/send", {"content": HELLO, "target": {"subscribers": [one]}, "ttl": 60}
    )
    assert sent["targeted"] == 1
    assert (await api.get(f"/v1/launches/{sent['launch']}/statistics"))["targeted"] == 1


async def test_a_send_that_is_repeated_is_sent_once(api, site, database):
    await subscribe(api, site, "a")
    body = {"content": HELLO, "target": {"external_ids": ["a"]}}
    first = await api.make(f"/v1/sites/{site}/send", body, idempotency_key="once")
    assert await api.make(f"/v1/sites/{site}/send", body, idempotency_key="once") == first
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_campaign_is_tried_on_a_few(api, site, campaign):
    one, _ = await subscribe(api, site, "a", "b")
    sent = await api.make(f"/v1/campaigns/{campaign}/test", {"target": {"subscribers": [one]}})
    assert sent["targeted"] == 1
    assert (await api.get(f"/v1/campaigns/{campaign}"))["launches"] == []
