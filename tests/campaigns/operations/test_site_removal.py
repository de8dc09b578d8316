"""Removing a site: everything of it is gone from every table, and nothing of another's."""

import asyncio
import json

import pytest

from campaigns.model.import_lines import read_json_line
from campaigns.model.problems import ConflictError, NotFoundError
from campaigns.model.target import Everyone
from campaigns.operations.campaigns import CampaignDraft, cancel_campaign, create_campaign, launch_campaign
from campaigns.operations.importing import import_lines
from campaigns.operations.site_removal import contents_of, erase_some, remove_site
from campaigns.operations.sites import get_site
from campaigns.operations.subscribers import count_by_status
from campaigns.store.subscriber_import import ImportLine
from tests.campaigns.operations.support import HELLO, NOW, ZONES, make_site, subscription
from tests.campaigns.store.support import until_somebody_waits

KEPT = {"account", "migration", "slot", "vapid_key", "erasure"}
"""Tables in which rows may stay."""


async def fill(scope, service, site, names):
    lines = [
        ImportLine(
            number,
            *read_json_line(
                json.dumps({"subscription": subscription(name), "external_id": name, "hwid": name}).encode(),
                service.endpoints,
                ZONES,
            ),
        )
        for number, name in enumerate(names, 1)
    ]
    await import_lines(scope, service, site.id, lines, vapid_key=site.vapid_key, now=NOW)


async def launched(scope, service, site):
    draft = CampaignDraft(name="Sale", content=HELLO, target=Everyone())
    made = await create_campaign(scope, service, site.id, draft, NOW)
    await launch_campaign(scope, service, made.campaign.id, NOW)
    return made.campaign.id


async def rows(database):
    async with database.connection() as connection:
        tables = await connection.fetch(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        return {
            table: count
            for [table] in tables
            if table not in KEPT and (count := await connection.fetchval(f"SELECT count(*) FROM {table}"))
        }


async def execute(database, *statements):
    async with database.connection() as connection:
        for statement in statements:
            await connection.execute(statement)


async def test_nothing_of_it_is_left_in_any_table(database, scope, service, site):
    await fill(scope, service, site, "abc")
    await launched(scope, service, site)
    await execute(
        database,
        "UPDATE launch SET state = 'done'",
        "INSERT INTO launch_count SELECT id, 0, 'sent', 3, 3 FROM launch",
        "INSERT INTO engagement_count SELECT id, 0, 'shown', 1, 1 FROM launch",
        "INSERT INTO job_outcome SELECT id, 0, 'x' FROM launch",
        "INSERT INTO unnumbered_outcome SELECT id, 0, 'a' FROM launch",
        "INSERT INTO outbox (relay, launch, subscriber) SELECT slot, id, 1 FROM launch",
        "INSERT INTO engagement "
        "SELECT date_trunc('month', created_at)::date, id, 1, 'shown', now() FROM launch",
        "INSERT INTO alias SELECT 'pushary', 'campaign', 'camp_old', account, campaign.id "
        "FROM campaign JOIN site ON site.id = campaign.site",
        "INSERT INTO alias SELECT 'pushary', 'site', 'site_old', account, id FROM site",
    )
    before = await contents_of(scope, service, site.id)
    assert (before.subscribers, before.campaigns) == (3, 1)
    assert await erase_some(scope, service, site.id) == 3
    assert await erase_some(scope, service, site.id) == 0
    await remove_site(scope, service, site.id)
    assert await rows(database) == {}
    with pytest.raises(NotFoundError):
        await get_site(scope, service, site.id)


async def test_another_site_keeps_all_that_it_has(database, scope, service, site):
    other = (await make_site(scope, service, url="https://other.example")).site
    await fill(scope, service, other, "ab")
    await launched(scope, service, other)
    before = await rows(database)
    await remove_site(scope, service, site.id)
    after = await rows(database)
    assert after == before | {"site": before["site"] - 1}
    assert sum((await count_by_status(scope, service, other.id)).values()) == 2


async def test_who_subscribes_while_it_is_removed_goes_with_it(database, scope, service, site):
    assert await erase_some(scope, service, site.id) == 0
    await fill(scope, service, site, "a")
    await remove_site(scope, service, site.id)
    assert await rows(database) == {}


async def test_a_launch_that_begins_meanwhile_keeps_it(database, scope, service, site):
    draft = CampaignDraft(name="Sale", content=HELLO, target=Everyone())
    made = await create_campaign(scope, service, site.id, draft, NOW)
    async with database.transaction() as connection:
        await launch_campaign(scope, service.within(connection), made.campaign.id, NOW)
        removing = asyncio.create_task(remove_site(scope, service, site.id))
        await until_somebody_waits(database)
    with pytest.raises(ConflictError, match="cancel"):
        await removing


@pytest.mark.parametrize("step", [contents_of, erase_some, remove_site])
async def test_a_site_that_something_is_sent_for_stays(database, scope, service, site, step):
    await fill(scope, service, site, "a")
    campaign = await launched(scope, service, site)
    with pytest.raises(ConflictError, match="cancel"):
        await step(scope, service, site.id)
    await cancel_campaign(scope, service, campaign, NOW)
    with pytest.raises(ConflictError, match="cancel"):
        await step(scope, service, site.id)
    await execute(database, "UPDATE launch SET state = 'written', control_due = false")
    await step(scope, service, site.id)
