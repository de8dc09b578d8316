"""Launches, as those see them who ask for one, pause it and read what came of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from campaigns.model.ids import LaunchId
from campaigns.model.launch import Launch, LaunchState, NewLaunch
from campaigns.model.scope import Scope
from campaigns.model.site import TrackClicks
from campaigns.model.target import parse_target, target_tree
from campaigns.store.database import Connection, Row
from campaigns.store.rows import read
from worker.records.control import State
from worker.records.job import Urgency
from worker.records.notification import Notification

# Nobody changes the zone of a subscriber until the transaction ends; the trigger on zones has the same lock.
LOCK_ZONES = "SELECT pg_advisory_xact_lock(1, ($1::bigint % 2147483647)::integer)"
# The slot follows from the number, which is drawn first: `campaigns.model.ids.slot_of`.
ADD = """
INSERT INTO launch (id, slot, nonce, site, campaign, moment, content, target, start_at, local_time,
    stretch_time, ttl, ends_at, urgency, topic, track_clicks, targeted, translations, created_at, wanted_at,
    state, written_at, last_due_at, zone, zone_mark)
SELECT number, number % 16, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17,
    $18, $19, $19, (SELECT zone FROM site WHERE id = $2),
    CASE WHEN $8::timestamp IS NOT NULL THEN nextval(pg_get_serial_sequence('former_zone', 'id')) END
FROM nextval(pg_get_serial_sequence('launch', 'id')) AS number
ON CONFLICT (campaign, moment) DO NOTHING
RETURNING *
"""
FIND = """
SELECT launch.* FROM launch JOIN site ON site.id = launch.site
WHERE launch.id = $1 AND launch.nonce = $2 AND site.account = $3 AND ($4::bigint IS NULL OR site.id = $4)
"""
OF_CAMPAIGN = "SELECT * FROM launch WHERE campaign = $1 AND site = $2 ORDER BY id"
OPEN_TO_CHANGE = """
SELECT * FROM launch WHERE campaign = $1 AND site = $2 AND state <> 'done' ORDER BY id FOR UPDATE
"""
UNTOLD = "SELECT EXISTS (SELECT FROM launch WHERE campaign = $1 AND site = $2 AND control_due)"
CONTROL = """
UPDATE launch SET wanted = $3, wanted_at = $4, shift = $5, control_due = true WHERE id = $1 AND site = $2
"""


# None of a campaign that may be resumed: without a launch it would begin anew.
DELETE = """
WITH gone AS (
    DELETE FROM launch WHERE id IN (
        SELECT launch.id FROM launch LEFT JOIN campaign ON campaign.id = launch.campaign
        WHERE launch.state = 'done' AND launch.done_at < $1
            AND (campaign.id IS NULL OR campaign.status NOT IN ('queued', 'sending', 'paused'))
        ORDER BY launch.id LIMIT $2 FOR UPDATE OF launch SKIP LOCKED
    )
    RETURNING id
), outcomes AS (
    DELETE FROM launch_count AS c USING gone WHERE c.launch = gone.id
), engaged AS (
    DELETE FROM engagement_count AS c USING gone WHERE c.launch = gone.id
)
SELECT count(*) FROM gone
"""


class _Stored(Struct):
    """Columns that are fields of a launch, as they lie in the table."""

    id: int
    nonce: str
    site: int
    campaign: int | None
    moment: datetime
    slot: int
    state: LaunchState
    wanted: State
    wanted_at: datetime
    shift: float
    content: Notification
    target: dict[str, Any]
    start_at: datetime
    local_time: datetime | None
    stretch_time: float
    ttl: int
    ends_at: datetime | None
    urgency: Urgency
    topic: str | None
    track_clicks: TrackClicks
    translations: dict[str, Notification]
    targeted: int
    written: int
    created_at: datetime
    zone_mark: int | None
    last_due_at: datetime | None
    written_at: datetime | None
    done_at: datetime | None


async def add_launch(
    connection: Connection, launch: NewLaunch, now: datetime, *, by_outbox: bool = False
) -> Launch | None:
    """Add a launch; None if the campaign has one for this moment already.

    Args:
        connection: A connection with a transaction.
        launch: What it sends.
        now: The moment.
        by_outbox: Whether a relay writes it, from the outbox. To launchers it is written then; the relay
            adds to its `written`, which has to be judged with what waits: `campaigns.model.launch.is_done`.
    """
    state = (LaunchState.WRITTEN, now) if by_outbox else (LaunchState.WRITING, None)
    if launch.local_time is not None:
        await connection.execute(LOCK_ZONES, launch.site)
    row = await connection.fetchrow(ADD, *_columns(launch), now, *state)
    return None if row is None else read_launch(row)


async def find_launch(connection: Connection, scope: Scope, launch_id: LaunchId) -> Launch | None:
    """Find a launch within a scope."""
    row = await connection.fetchrow(FIND, *launch_id, scope.account, scope.site)
    return None if row is None else read_launch(row)


async def launches_of(connection: Connection, campaign: int, site: int) -> list[Launch]:
    """List a campaign's launches, the oldest first."""
    return [read_launch(row) for row in await connection.fetch(OF_CAMPAIGN, campaign, site)]


async def open_launches(connection: Connection, campaign: int, site: int) -> list[Launch]:
    """List those of a campaign's launches that are not done, and keep them until the transaction ends."""
    return [read_launch(row) for row in await connection.fetch(OPEN_TO_CHANGE, campaign, site)]


async def has_untold_launches(connection: Connection, campaign: int, site: int) -> bool:
    """Whether the worker has still to be told what is wanted of one of a campaign's launches."""
    is_untold: bool = await connection.fetchval(UNTOLD, campaign, site)
    return is_untold


async def control_launches(connection: Connection, launches: Iterable[Launch]) -> None:
    """Write down what is wanted of launches from now on; a control record of each has then to be written."""
    for each in launches:
        await connection.execute(CONTROL, each.id, each.site, each.wanted, each.wanted_at, each.shift)


async def delete_launches(connection: Connection, before: datetime, limit: int) -> int:
    """Delete launches that were done before a moment, and what is counted of them; return how many.

    Args:
        connection: A connection.
        before: The moment.
        limit: Launches at most.
    """
    deleted: int = await connection.fetchval(DELETE, before, limit)
    return deleted


def read_launch(row: Row) -> Launch:
    """Return a row, with all of the table's columns, as a launch."""
    stored = read(row, _Stored)
    fields = {name: getattr(stored, name) for name in _Stored.__struct_fields__}
    return Launch(**fields | {"target": parse_target(stored.target)})


def _columns(launch: NewLaunch) -> tuple[object, ...]:
    return (
        *(launch.nonce, launch.site, launch.campaign, launch.moment, launch.content),
        *(target_tree(launch.target), launch.start_at, launch.local_time, launch.stretch_time, launch.ttl),
        *(launch.ends_at, launch.urgency, launch.topic, launch.track_clicks, launch.targeted),
        launch.translations,
    )
