"""Campaigns."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from campaigns.model.campaign import Campaign, CampaignStatus, NewCampaign, Plan
from campaigns.model.recurrence import Recurrence
from campaigns.model.scope import Scope
from campaigns.model.site import TrackClicks
from campaigns.model.target import parse_target, target_tree
from campaigns.store.database import Connection, Row
from campaigns.store.rows import read
from worker.records.notification import Notification


class _Stored(Struct):
    """Columns that are fields of a campaign, as they lie in the table."""

    id: int
    site: int
    adapter: str
    name: str
    status: CampaignStatus
    content: Notification
    template: int | None
    target: dict[str, Any]
    track_clicks: TrackClicks
    recurrence: Recurrence | None
    next_at: datetime | None
    translations: dict[str, Notification]
    options: dict[str, Any]
    created_at: datetime
    updated_at: datetime


ADD = """
INSERT INTO campaign (site, status, adapter, name, content, template, target, start_at, local_time,
    stretch_time, rate, ttl, ends_at, urgency, topic, track_clicks, translations, recurrence, options)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
RETURNING *
"""
FIND = """
SELECT campaign.* FROM campaign JOIN site ON site.id = campaign.site
WHERE campaign.id = $1 AND site.account = $2 AND ($3::bigint IS NULL OR site.id = $3) AND NOT discarded
"""
FIND_TO_CHANGE = FIND + "FOR UPDATE OF campaign"
LIST = """
SELECT * FROM campaign
WHERE site = $1 AND ($2::bigint IS NULL OR id < $2) AND ($3::text IS NULL OR status = $3) AND NOT discarded
ORDER BY id DESC LIMIT $4
"""
REPLACE = """
UPDATE campaign SET status = $3, adapter = $4, name = $5, content = $6, template = $7, target = $8,
    start_at = $9, local_time = $10, stretch_time = $11, rate = $12, ttl = $13, ends_at = $14, urgency = $15,
    topic = $16, track_clicks = $17, translations = $18, recurrence = $19, options = $20, next_at = $21,
    updated_at = $22
WHERE id = $1 AND site = $2
"""
LIST_OF_ACCOUNT = """
SELECT campaign.* FROM campaign JOIN site ON site.id = campaign.site
WHERE site.account = $1 AND ($2::bigint IS NULL OR site.id = $2) AND ($3::bigint IS NULL OR site.id = $3)
    AND ($4::timestamptz IS NULL OR coalesce(start_at, campaign.created_at) >= $4)
    AND ($5::timestamptz IS NULL OR coalesce(start_at, campaign.created_at) <= $5) AND NOT discarded
ORDER BY campaign.id DESC OFFSET $6 LIMIT $7
"""
COUNT_OF_SITE = """
SELECT count(*) FROM campaign JOIN site ON site.id = campaign.site
WHERE site.account = $1 AND ($2::bigint IS NULL OR site.id = $2) AND site.id = $3
    AND ($4::timestamptz IS NULL OR coalesce(start_at, campaign.created_at) >= $4)
    AND ($5::timestamptz IS NULL OR coalesce(start_at, campaign.created_at) <= $5) AND NOT discarded
"""
# Where it begins first, a local time comes 14 hours before it does in UTC: `campaigns.model.campaign.Plan`.
DUE_TO_CHANGE = """
SELECT campaign.*, site.account FROM campaign JOIN site ON site.id = campaign.site
WHERE campaign.id <> ALL($2::bigint[]) AND (
    status = 'recurring' AND next_at <= $1
    OR status = 'scheduled'
        AND (start_at <= $1 OR local_time <= $1::timestamptz AT TIME ZONE 'UTC' + interval '14 hours'))
ORDER BY coalesce(next_at, start_at, local_time AT TIME ZONE 'UTC'), campaign.id
LIMIT 1
FOR UPDATE OF campaign SKIP LOCKED
"""
DELETE = """
WITH over AS (
    SELECT id FROM launch WHERE campaign = $1 AND site = $2
), outcomes AS (
    DELETE FROM launch_count AS c USING over WHERE c.launch = over.id
), engaged AS (
    DELETE FROM engagement_count AS c USING over WHERE c.launch = over.id
)
DELETE FROM campaign WHERE id = $1 AND site = $2
"""


async def add_campaign(
    connection: Connection, site: int, campaign: NewCampaign, status: CampaignStatus = CampaignStatus.DRAFT
) -> Campaign:
    """Add a campaign to a site."""
    [row] = await connection.fetch(ADD, site, status, *_columns(campaign))
    return read_campaign(row)


async def find_campaign(
    connection: Connection, scope: Scope, number: int, *, to_change: bool = False
) -> Campaign | None:
    """Find a campaign within a scope.

    Args:
        connection: A connection.
        scope: Who asks.
        number: Its number.
        to_change: Whether nobody else may change it until the transaction ends.
    """
    statement = FIND_TO_CHANGE if to_change else FIND
    row = await connection.fetchrow(statement, number, scope.account, scope.site)
    return None if row is None else read_campaign(row)


async def list_campaigns(
    connection: Connection,
    site: int,
    *,
    status: CampaignStatus | None = None,
    before: int | None = None,
    limit: int,
) -> list[Campaign]:
    """List a site's campaigns, the newest first.

    Args:
        connection: A connection.
        site: Whose they are.
        status: Only those in this one.
        before: Begin below this number.
        limit: At most so many.
    """
    return [read_campaign(row) for row in await connection.fetch(LIST, site, before, status, limit)]


async def list_campaigns_of_account(
    connection: Connection,
    scope: Scope,
    *,
    site: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    offset: int,
    limit: int,
) -> list[Campaign]:
    """List the campaigns within a scope, the newest first.

    Args:
        connection: A connection.
        scope: Who asks.
        site: Only this one's.
        since: Only those that start, or were made if they have no start, at this moment or later.
        until: Only those at this moment or before.
        offset: How many are passed over.
        limit: At most so many.
    """
    rows = await connection.fetch(
        LIST_OF_ACCOUNT, scope.account, scope.site, site, since, until, offset, limit
    )
    return [read_campaign(row) for row in rows]


async def count_campaigns_of_site(
    connection: Connection, scope: Scope, site: int, *, since: datetime | None, until: datetime | None
) -> int:
    """Count a site's campaigns; the times are those of `list_campaigns_of_account`."""
    number: int = await connection.fetchval(COUNT_OF_SITE, scope.account, scope.site, site, since, until)
    return number


async def find_due_campaign(
    connection: Connection, now: datetime, besides: Iterable[int] = ()
) -> tuple[int, Campaign] | None:
    """Find a scheduled or recurring campaign whose time has come, and which nobody else is about to launch.

    Args:
        connection: A connection with a transaction.
        now: The moment.
        besides: None of these.

    Returns:
        Whose it is, by the number of the account, and the campaign; None if there is none.
    """
    row = await connection.fetchrow(DUE_TO_CHANGE, now, list(besides))
    return None if row is None else (row["account"], read_campaign(row))


async def replace_campaign(connection: Connection, campaign: Campaign) -> None:
    """Write a campaign as it is now."""
    columns = (campaign.id, campaign.site, campaign.status, *_columns(campaign))
    await connection.execute(REPLACE, *columns, campaign.next_at, campaign.updated_at)


async def delete_campaign(connection: Connection, campaign: Campaign) -> None:
    """Delete a campaign, and its launches with it, and what is counted of them."""
    await connection.execute(DELETE, campaign.id, campaign.site)


def _columns(campaign: NewCampaign) -> tuple[object, ...]:
    plan = campaign.plan
    return (
        *(campaign.adapter, campaign.name, campaign.content, campaign.template, target_tree(campaign.target)),
        *(
            plan.start_at,
            plan.local_time,
            plan.stretch_time,
            plan.rate,
            plan.ttl,
            plan.ends_at,
            plan.urgency,
            plan.topic,
        ),
        *(campaign.track_clicks, campaign.translations, campaign.recurrence, campaign.options),
    )


def read_campaign(row: Row) -> Campaign:
    """Return a row as a campaign."""
    stored = read(row, _Stored)
    fields = {name: getattr(stored, name) for name in _Stored.__struct_fields__}
    return Campaign(**fields | {"target": parse_target(stored.target), "plan": read(row, Plan)})
