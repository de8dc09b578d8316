"""A site with all that hangs on it, in whatever table: counted, and deleted."""

from msgspec import Struct

from campaigns.store.database import Connection
from campaigns.store.rows import read

CONTENTS = """
SELECT
    (SELECT coalesce(sum(count), 0)::bigint FROM subscriber_count WHERE site = $1) AS subscribers,
    (SELECT count(*) FROM campaign WHERE site = $1) AS campaigns,
    (SELECT count(*) FROM segment WHERE site = $1) AS segments,
    (SELECT count(*) FROM template WHERE site = $1) AS templates,
    (SELECT count(*) FROM credential WHERE site = $1) AS credentials
"""
# A cancelled launch is over once workers have been told: what comes of it then is passed over.
OPEN = """
SELECT EXISTS (
    SELECT FROM launch
    WHERE site = $1 AND state <> 'done' AND (state = 'writing' OR wanted <> 'cancelled' OR control_due)
)
"""
LOCK = "SELECT FROM site WHERE id = $1 FOR UPDATE"
"""Whoever adds what refers to it has to hold its key."""

ENGAGEMENT = """
DELETE FROM engagement AS e USING launch AS l
WHERE l.site = $1 AND e.launch = l.id AND e.month = date_trunc('month', l.created_at, 'UTC')::date
"""
OUTBOX = "DELETE FROM outbox WHERE launch IN (SELECT id FROM launch WHERE site = $1)"
COUNTS = "DELETE FROM launch_count WHERE launch IN (SELECT id FROM launch WHERE site = $1)"
ENGAGED = "DELETE FROM engagement_count WHERE launch IN (SELECT id FROM launch WHERE site = $1)"
OUTCOMES = "DELETE FROM job_outcome WHERE launch IN (SELECT id FROM launch WHERE site = $1)"
UNNUMBERED = "DELETE FROM unnumbered_outcome WHERE launch IN (SELECT id FROM launch WHERE site = $1)"
ALIASES = """
DELETE FROM alias AS a USING site AS s WHERE s.id = $1 AND a.account = s.account AND (
    (a.kind = 'site' AND a.id = $1)
    OR (a.kind = 'segment' AND a.id IN (SELECT id FROM segment WHERE site = $1))
    OR (a.kind = 'template' AND a.id IN (SELECT id FROM template WHERE site = $1))
    OR (a.kind = 'campaign' AND a.id IN (SELECT id FROM campaign WHERE site = $1))
)
"""
SUBSCRIBERS = "DELETE FROM subscriber WHERE site = $1"
ENDPOINTS = "DELETE FROM subscriber_endpoint WHERE site = $1"
KEYS = "DELETE FROM subscriber_key WHERE site = $1"
COUNTED = "DELETE FROM subscriber_count WHERE site = $1"
SITE = "DELETE FROM site WHERE id = $1"
"""With what refers to it: campaigns, launches, segments, templates, attributes, credentials."""

ORDER = (
    *(ENGAGEMENT, OUTBOX, COUNTS, ENGAGED, OUTCOMES, UNNUMBERED, ALIASES),
    *(SUBSCRIBERS, ENDPOINTS, KEYS, COUNTED, SITE),
)


class SiteContents(Struct, frozen=True):
    """How much there is of a site.

    Attributes:
        subscribers: Of every status.
        campaigns: Of every status.
        segments: Conditions.
        templates: Contents.
        credentials: For this site alone.
    """

    subscribers: int
    campaigns: int
    segments: int
    templates: int
    credentials: int


async def site_contents(connection: Connection, site: int) -> SiteContents:
    """Count what hangs on a site."""
    [row] = await connection.fetch(CONTENTS, site)
    return read(row, SiteContents)


async def has_open_launches(connection: Connection, site: int) -> bool:
    """Whether anything is still written for a site, or workers have to be told of it."""
    found: bool = await connection.fetchval(OPEN, site)
    return found


async def lock_site(connection: Connection, site: int) -> None:
    """Let nothing be added to a site until the transaction ends; whoever has begun to is waited for."""
    await connection.execute(LOCK, site)


async def delete_site(connection: Connection, site: int) -> None:
    """Delete a site, and all that hangs on it; in a transaction that has locked it."""
    for statement in ORDER:
        await connection.execute(statement, site)
