"""Campaigns listed by offset, with their number: as platforms page that show how many pages there are."""

from campaigns.model.campaign import Campaign
from campaigns.model.campaign_filter import CampaignFilter
from campaigns.model.scope import Scope
from campaigns.store.campaigns import read_campaign
from campaigns.store.database import Connection

LIST = """
SELECT campaign.* FROM campaign JOIN site ON site.id = campaign.site
WHERE site.account = $1 AND ($2::bigint IS NULL OR site.id = $2) AND ($3::bigint IS NULL OR site.id = $3)
    AND position(lower($4::text) IN lower(campaign.name)) > 0
    AND ($5::boolean IS NULL OR (recurrence IS NOT NULL) = $5) AND NOT discarded
ORDER BY campaign.id DESC OFFSET $6 LIMIT $7
"""
COUNT = """
SELECT count(*) FROM campaign JOIN site ON site.id = campaign.site
WHERE site.account = $1 AND ($2::bigint IS NULL OR site.id = $2) AND ($3::bigint IS NULL OR site.id = $3)
    AND position(lower($4::text) IN lower(campaign.name)) > 0
    AND ($5::boolean IS NULL OR (recurrence IS NOT NULL) = $5) AND NOT discarded
"""
NAME_TAKEN = """
SELECT EXISTS (
    SELECT FROM campaign WHERE site = $1 AND name = $2 AND recurrence IS NOT NULL AND NOT discarded
)
"""
LOCK_SITE = "SELECT id FROM site WHERE id = $1 FOR NO KEY UPDATE"


async def list_by_offset(
    connection: Connection, scope: Scope, wanted: CampaignFilter, *, offset: int, limit: int
) -> list[Campaign]:
    """List campaigns within a scope, the newest first, passing over `offset` of them."""
    rows = await connection.fetch(LIST, *_parameters(scope, wanted), offset, limit)
    return [read_campaign(row) for row in rows]


async def count_campaigns(connection: Connection, scope: Scope, wanted: CampaignFilter) -> int:
    """Count campaigns within a scope."""
    number: int = await connection.fetchval(COUNT, *_parameters(scope, wanted))
    return number


async def has_recurring(connection: Connection, site: int, name: str) -> bool:
    """Whether a site has a recurring campaign of a name; nobody adds one until the transaction ends."""
    await connection.execute(LOCK_SITE, site)
    is_taken: bool = await connection.fetchval(NAME_TAKEN, site, name)
    return is_taken


def _parameters(scope: Scope, wanted: CampaignFilter) -> tuple[object, ...]:
    return (scope.account, scope.site, wanted.site, wanted.name, wanted.recurring)
