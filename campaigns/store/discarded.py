"""Campaigns that are to be deleted, and of whose cancellation the worker has still to be told."""

from campaigns.store.database import Connection

DISCARD = "UPDATE campaign SET discarded = true WHERE id = $1 AND site = $2"
# What is to be told goes with the launches.
DELETE = """
WITH told AS (
    SELECT id FROM campaign
    WHERE discarded AND NOT EXISTS (SELECT FROM launch WHERE launch.campaign = campaign.id AND control_due)
    ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
), over AS (
    SELECT launch.id FROM launch JOIN told ON launch.campaign = told.id
), outcomes AS (
    DELETE FROM launch_count AS c USING over WHERE c.launch = over.id
), engaged AS (
    DELETE FROM engagement_count AS c USING over WHERE c.launch = over.id
)
DELETE FROM campaign USING told WHERE campaign.id = told.id RETURNING campaign.id
"""


async def discard_campaign(connection: Connection, number: int, site: int) -> None:
    """Hide a campaign from everybody until it is deleted."""
    await connection.execute(DISCARD, number, site)


async def delete_discarded(connection: Connection, most: int) -> int:
    """Delete at most so many campaigns of which the worker knows, and return how many they were."""
    return len(await connection.fetch(DELETE, most))
