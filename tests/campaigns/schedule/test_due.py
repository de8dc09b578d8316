import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from campaigns.metrics import Metrics
from campaigns.model.recurrence import Recurrence
from campaigns.model.scope import Permission, Scope
from campaigns.model.target import Everyone
from campaigns.operations.campaigns import CampaignDraft, create_campaign, launch_campaign
from campaigns.schedule import due
from campaigns.schedule.due import launch_what_is_due
from campaigns.store.database import Database
from tests.campaigns.adapters.own.support import HELLO, SHOP, OwnApi
from tests.campaigns.api.support import NOW
from tests.harness.waiting import until, until_told

START = NOW + timedelta(minutes=10)
DRAFT = {"name": "Autumn", "content": HELLO, "start_at": START.isoformat()}
OVERDUE = "pushmill_campaigns_due_overdue_seconds"


async def scheduled(database, **fields: object) -> tuple[OwnApi, str]:
    """Schedule a campaign of a new site."""
    api = OwnApi(database)
    _, api.token = await api.log_in()
    site = (await api.make("/v1/sites", {"url": SHOP}))["id"]
    made = await api.make(f"/v1/sites/{site}/campaigns", {**DRAFT, "target": {"all": True}, **fields})
    assert (await api.make(f"/v1/campaigns/{made['id']}/launch"))["status"] == "scheduled"
    return api, f"/v1/campaigns/{made['id']}"


async def look(service, times: list[datetime], seen: Callable[[], bool], monkeypatch) -> CollectorRegistry:
    """Run the scheduler by a clock that says these times, and then stands still."""
    registry = CollectorRegistry()

    def now() -> datetime:
        return times.pop(0) if len(times) > 1 else times[0]

    monkeypatch.setattr(due, "LOOK_SECONDS", 0.01)
    looking = asyncio.create_task(launch_what_is_due(service, Metrics(registry), now))
    await until(seen, "it has been looked often enough")
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    return registry


async def test_a_campaign_is_launched_when_its_time_comes(database, monkeypatch):
    api, path = await scheduled(database)
    times = [START - timedelta(seconds=1)] * 3
    await look(api.service, times, lambda: len(times) == 1, monkeypatch)
    assert (await api.get(path))["status"] == "scheduled"
    times = [START, *[START] * 5]
    await look(api.service, times, lambda: len(times) == 1, monkeypatch)
    found = await api.get(path)
    assert (found["status"], len(found["launches"])) == ("queued", 1)


async def test_how_late_it_was_is_told(database, monkeypatch):
    api, _ = await scheduled(database)
    registry = CollectorRegistry()
    monkeypatch.setattr(due, "LOOK_SECONDS", 60.0)
    late = START + timedelta(hours=2)
    looking = asyncio.create_task(launch_what_is_due(api.service, Metrics(registry), lambda: late))
    await until(lambda: registry.get_sample_value(OVERDUE, {"kind": "campaign"}) == 7200, "the delay is told")
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_moments_that_are_skipped_are_told(database):
    api = OwnApi(database)
    account, api.token = await api.log_in()
    site = int((await api.make("/v1/sites", {"url": SHOP}))["id"].removeprefix("site_"))
    scope = Scope(account, None, None, frozenset({Permission.ADMIN}))
    recurrence = Recurrence(cron="0 10 * * *", zone="UTC")
    draft = CampaignDraft(name="Daily", target=Everyone(), content=HELLO, recurrence=recurrence)
    made = (await create_campaign(scope, api.service, site, draft, NOW)).campaign
    await launch_campaign(scope, api.service, made.id, NOW)
    planned = NOW.replace(hour=10)
    with capture_logs() as logs:
        assert await due._launch_one(api.service, planned + timedelta(hours=3)) == 3 * 3600
    assert logs == [
        {
            "event": "times at which a campaign recurs were skipped: they are too long ago",
            "log_level": "warning",
            "campaign": f"camp_{made.id}",
            "first": planned.isoformat(),
            "next": (planned + timedelta(days=1)).isoformat(),
        }
    ]
    assert (await api.get(f"/v1/campaigns/camp_{made.id}"))["launches"] == []


async def test_many_schedulers_launch_it_once(database):
    api, path = await scheduled(database)
    launched = await asyncio.gather(*(due._launch_one(api.service, START) for _ in range(8)))
    assert sorted(launched, key=str) == [0.0, *[None] * 7]
    assert len((await api.get(path))["launches"]) == 1


async def test_a_campaign_that_cannot_be_launched_is_told_of(database):
    api = OwnApi(database)
    _, api.token = await api.log_in()
    site = (await api.make("/v1/sites", {"url": SHOP}))["id"]
    condition = {"field": "tag", "op": "set"}
    segment = await api.make(f"/v1/sites/{site}/segments", {"name": "One", "condition": condition})
    body = {**DRAFT, "target": {"segment": segment["id"]}}
    made = await api.make(f"/v1/sites/{site}/campaigns", body)
    await api.make(f"/v1/campaigns/{made['id']}/launch")
    assert (await api.ask("DELETE", f"/v1/segments/{segment['id']}")).answer.status == 204
    with capture_logs() as logs:
        assert await due._launch_one(api.service, START) == 0.0
    assert [(line["event"], line["campaign"]) for line in logs] == [
        ("a campaign could not be launched", made["id"])
    ]
    assert (await api.get(f"/v1/campaigns/{made['id']}"))["status"] == "refused"


async def test_a_campaign_whose_audience_takes_too_long_holds_up_no_other(
    database, database_url, monkeypatch
):
    monkeypatch.setattr(due, "LOOK_SECONDS", 0.01)
    api, quick = await scheduled(database, start_at=(START + timedelta(minutes=1)).isoformat())
    site = (await api.make("/v1/sites", {"url": SHOP}))["id"]
    condition = {"field": "tag", "op": "set"}
    segment = await api.make(f"/v1/sites/{site}/segments", {"name": "One", "condition": condition})
    body = {**DRAFT, "target": {"segment": segment["id"]}}
    slow = f"/v1/campaigns/{(await api.make(f'/v1/sites/{site}/campaigns', body))['id']}"
    await api.make(f"{slow}/launch")

    async def is_launched(path: str) -> bool:
        return (await api.get(path))["status"] == "queued"

    late = START + timedelta(hours=1)
    async with Database(database_url, statement_seconds=0.3) as hasty, asyncio.TaskGroup() as group:
        service = replace(api.service, begin=hasty.transaction)
        looking = group.create_task(launch_what_is_due(service, Metrics(CollectorRegistry()), lambda: late))
        async with database.transaction() as connection:
            await connection.execute("LOCK TABLE segment")
            await until_told(lambda: is_launched(quick), "the other one is launched")
            assert not await is_launched(slow)
        await until_told(lambda: is_launched(slow), "it is launched once it can be")
        looking.cancel()


async def test_a_database_that_is_away_is_waited_for(monkeypatch):
    class Away:
        looked = 0

        def begin(self) -> object:
            self.looked += 1
            raise due.DatabaseAwayError("the database cannot be used")

    away = Away()
    with capture_logs() as logs:
        await look(away, [START], lambda: away.looked >= 3, monkeypatch)
    assert [line["event"] for line in logs] == ["cannot look for campaigns whose time has come"]
