"""Three schedulers on one database, one of which dies: each moment makes one launch, or is skipped."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from campaigns.model.campaign import LATE_MAX
from campaigns.model.recurrence import Recurrence
from campaigns.model.scope import Permission, Scope
from campaigns.model.target import Everyone
from campaigns.operations.campaigns import CampaignDraft, create_campaign, launch_campaign
from campaigns.store.accounts import add_account
from campaigns.store.database import Database
from tests.campaigns.operations.support import HELLO, make_site, service_over
from tests.harness.campaigns_process import CampaignsProcess
from tests.harness.waiting import until_seen, until_told
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start

CAMPAIGNS = 40
QUARTER = timedelta(minutes=15)
LATE = LATE_MAX - QUARTER
"""How long ago the oldest moment is that is still to be launched."""

OUTAGE = timedelta(hours=9)
QUARTERLY = Recurrence(cron="*/15 * * * *", zone="Asia/Kathmandu")
SKIPPED = "times at which a campaign recurs were skipped: they are too long ago"


async def recurring(database: Database, now: datetime) -> list[int]:
    """Launch campaigns that recur every quarter of an hour."""
    async with database.transaction() as connection:
        account = await add_account(connection, "Anybody")
    scope, service = Scope(account, None, None, frozenset({Permission.ADMIN})), service_over(database)
    site = (await make_site(scope, service)).site.id
    draft = CampaignDraft(name="Quarterly", target=Everyone(), content=HELLO, recurrence=QUARTERLY)
    numbers = []
    for _ in range(CAMPAIGNS):
        made = await create_campaign(scope, service, site, draft, now)
        await launch_campaign(scope, service, made.campaign.id, now)
        numbers.append(made.campaign.id)
    return numbers


def quarter_before(moment: datetime) -> datetime:
    return moment - timedelta(
        minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond
    )


def skips(schedulers: list[CampaignsProcess]) -> list[tuple[str, str]]:
    """What any of them has told: of which campaigns moments were skipped, and the first of these."""
    whole = [each.log.read_text().rpartition("\n")[0] for each in schedulers]
    lines = [json.loads(line) for text in whole for line in text.splitlines()]
    return [(line["campaign"], line["first"]) for line in lines if line["event"] == SKIPPED]


async def test_each_planned_moment_is_launched_once_whoever_looks_and_whoever_dies(
    database: Database, world: World, start: Start
):
    schedulers = [start(ROLES="scheduler") for _ in range(3)]
    for each in schedulers:  # which compare the database with Kafka first
        each.environment |= {
            "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
            "PUSHMILL_TOPIC_PREFIX": world.prefix,
        }
    await asyncio.gather(*(each.start() for each in schedulers))
    numbers = await recurring(database, datetime.now(UTC))
    skipped_one = numbers[-1]
    began = quarter_before(datetime.now(UTC))
    first = began - LATE + QUARTER
    async with database.connection() as connection:

        async def is_over() -> bool:
            due = "SELECT count(*) FROM campaign WHERE next_at <= now()"
            return await connection.fetchval(due) == 0

        async with connection.transaction():
            await connection.execute("UPDATE campaign SET next_at = $1", first)
            await connection.execute(
                "UPDATE campaign SET next_at = $1 WHERE id = $2", first - OUTAGE, skipped_one
            )
        await until_seen(lambda: skips(schedulers), "the oldest one is launched, and it has been told")
        await schedulers[0].kill()
        await until_told(is_over, "everything is launched that was due")
        rows = await connection.fetch("SELECT campaign, moment, start_at FROM launch")
    moments = {each: sorted(row["moment"] for row in rows if row["campaign"] == each) for each in numbers}
    for number, found in moments.items():
        assert found == [found[0] + QUARTER * quarters for quarters in range(len(found))], "one for each"
        assert found[-1] >= began
        assert found[0] == first or number == skipped_one
    assert began - LATE_MAX <= moments[skipped_one][0] < first
    assert skips(schedulers) == [(f"camp_{skipped_one}", (first - OUTAGE).isoformat())]
