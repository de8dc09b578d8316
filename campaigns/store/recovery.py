"""A database that was restored from a backup: whether it is one, and entering what it has missed.

Numbers that it has given since then may be in Kafka, in browsers and in customers' code, so that none of them
may be given again.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from campaigns.model.begun import Restored
from campaigns.model.campaign import Campaign, CampaignStatus
from campaigns.model.ids import LaunchId
from campaigns.model.recovery import SmallSend
from campaigns.model.target import target_tree
from campaigns.store.campaigns import read_campaign
from campaigns.store.database import Connection
from campaigns.store.launches import LOCK_ZONES
from worker.records.control import CampaignControl

MARGIN = 1_000_000
"""Numbers that are passed over where nobody knows how many have been given."""

NUMBERED = ("account", "site", "credential", "attribute", "segment", "template", "campaign", "launch")
"""Tables whose ids are drawn; those of `outbox` and `former_zone` are, too."""

LAST_NUMBER = """
SELECT greatest(
    (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM launch_id_seq),
    (SELECT max(id) FROM launch)
)
"""
NONCES = "SELECT id, nonce FROM launch WHERE id = ANY($1::bigint[])"
FIND = "SELECT EXISTS (SELECT FROM recovery WHERE reached IS NULL)"
REACHED = "SELECT coalesce(max(reached), 0) FROM recovery"
LOCK = "LOCK TABLE recovery IN SHARE ROW EXCLUSIVE MODE"
MARK = """
INSERT INTO recovery DEFAULT VALUES ON CONFLICT (one) DO UPDATE SET found_at = now(), reached = NULL
"""
UNMARK = """
INSERT INTO recovery (reached) VALUES ($1) ON CONFLICT (one) DO UPDATE SET reached = excluded.reached
"""
MOVE_ON = """
SELECT setval(name::regclass, greatest(nextval(name::regclass), $2) + $3)
FROM pg_get_serial_sequence($1, 'id') AS name
"""
# Nothing of it is written: it was made since the restore, and launchers wait.
RENUMBER_LAUNCH = """
WITH moved AS (
    UPDATE launch SET id = drawn.number, slot = drawn.number % 16
    FROM nextval(pg_get_serial_sequence('launch', 'id')) AS drawn (number)
    WHERE id = $1 AND nonce = $2 AND cursor < 0 AND written = 0
    RETURNING id, slot
)
UPDATE outbox SET launch = moved.id, relay = moved.slot FROM moved WHERE outbox.launch = $1
"""
# Of a campaign that is gone, a launch without one remains, for what is counted of it.
ENTER = """
INSERT INTO launch (id, slot, nonce, site, campaign, moment, content, target, start_at, local_time,
    stretch_time, ttl, ends_at, urgency, topic, track_clicks, targeted, translations, zone, last_due_at,
    created_at, wanted_at, zone_mark)
SELECT $1::bigint, $1::bigint % 16, $2, site.id, (SELECT id FROM campaign WHERE id = $4 AND site = $3), $5,
    $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $8, $8,
    CASE WHEN $9::timestamp IS NOT NULL THEN nextval(pg_get_serial_sequence('former_zone', 'id')) END
FROM site WHERE site.id = $3
ON CONFLICT DO NOTHING
RETURNING campaign
"""
QUEUE = """
UPDATE campaign SET status = 'queued', updated_at = now()
WHERE id = $1 AND status IN ('draft', 'scheduled', 'refused') AND recurrence IS NULL
"""
# Its content is not known any more; whoever clicks on it finds the site.
ENTER_SEND = """
INSERT INTO launch (id, slot, nonce, site, moment, content, target, start_at, ttl, targeted, written, job,
    state, written_at, last_due_at, created_at, wanted_at)
SELECT $1::bigint, $1::bigint % 16, $2, site.id, $4, jsonb_build_object('title', site.name, 'url', site.url),
    '{"all": true}', $4, 0, $5, $5, $6, 'written', $4, $4, $4, $4
FROM site WHERE site.id = $3
ON CONFLICT DO NOTHING
RETURNING id
"""
CONTROL = """
UPDATE launch SET wanted = $3, wanted_at = $4, shift = $5, control_due = true
WHERE id = $1 AND nonce = $2 AND state <> 'done' AND wanted <> 'cancelled'
    AND (wanted_at < $4 OR wanted_at = $4 AND wanted <> $3)
RETURNING campaign
"""
STEER = """
UPDATE campaign SET updated_at = now(), next_at = NULL,
    status = CASE $2::text WHEN 'running' THEN 'sending' ELSE $2::text END
WHERE id = $1 AND status IN ('queued', 'sending', 'paused', 'scheduled', 'draft', 'recurring')
    AND ($2::text <> 'running' OR recurrence IS NULL)
"""
RECURS = """
SELECT campaign.* FROM campaign JOIN launch ON launch.campaign = campaign.id
WHERE launch.id = $1 AND launch.nonce = $2 AND campaign.status = ANY($3::text[]) AND recurrence IS NOT NULL
FOR UPDATE OF campaign
"""
WAITING = "SELECT DISTINCT l.id, l.nonce FROM outbox AS o JOIN launch AS l ON l.id = o.launch"
TAKE_OUT = """
WITH sent AS (
    DELETE FROM outbox WHERE launch = $1 AND subscriber = ANY($2::bigint[]) RETURNING id
)
UPDATE launch SET written = written + (SELECT count(*) FROM sent), job = greatest(job, $3) WHERE id = $1
"""
# A batch is known by the number of its first row, and those of the time that is lost are in Kafka.
RENUMBER = "UPDATE outbox SET id = DEFAULT, batch = NULL"


async def last_launch_number(connection: Connection) -> int:
    """Return the highest number of a launch that has been given; 0 or less if none has."""
    number: int = await connection.fetchval(LAST_NUMBER)
    return number


async def nonces_of(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Return the nonces of those of these launches that there are."""
    return {row["id"]: row["nonce"] for row in await connection.fetch(NONCES, list(numbers))}


async def needs_recovery(connection: Connection) -> bool:
    """Whether it has been found that the database is older than what Kafka has."""
    found: bool = await connection.fetchval(FIND)
    return found


async def reached(connection: Connection) -> int:
    """Return up to which launch's number everything has been entered that Kafka has; 0 if never."""
    number: int = await connection.fetchval(REACHED)
    return number


async def compare_alone(connection: Connection) -> None:
    """Let nobody else who asks for the same go on until the transaction ends.

    Numbers that somebody draws are seen at once, and what is written down only once that is committed.
    """
    await connection.execute(LOCK)


async def mark_older(connection: Connection, highest_launch: int, highest_batch: int) -> None:
    """Write down that the database is older, and give no number again that is in Kafka.

    The connection must have a transaction.
    """
    await connection.execute(MARK)
    await move_on(connection, "launch", highest_launch)
    await move_on(connection, "outbox", highest_batch)


async def move_on(connection: Connection, table: str, highest: int = 0) -> None:
    """Draw the next id of a table far behind any that may have been given; `highest` was."""
    await connection.execute(MOVE_ON, table, highest, MARGIN)


async def give_another_number(connection: Connection, launch: LaunchId) -> None:
    """Let a launch, of which nothing is written, have another number: its own is that of one in Kafka."""
    await connection.execute(RENUMBER_LAUNCH, *launch)


async def enter_launch(connection: Connection, restored: Restored) -> bool:
    """Enter a launch as it began, and let its campaign not begin again; whether it could be entered.

    One that recurs is left as it is: it has no other launch for the same moment.

    It cannot if its site is not there, or if another launch has its number or its moment.
    """
    new = restored.new
    if new.local_time is not None:
        await connection.execute(LOCK_ZONES, new.site)
    row = await connection.fetchrow(
        ENTER,
        *(*restored.launch_id, new.site, new.campaign, new.moment, new.content, target_tree(new.target)),
        *(new.start_at, new.local_time, new.stretch_time, new.ttl, new.ends_at, new.urgency, new.topic),
        *(new.track_clicks, new.targeted, new.translations, restored.zone, restored.last_due_at),
    )
    if row is not None and row["campaign"] is not None:
        await connection.execute(QUEUE, row["campaign"])
    return row is not None


async def enter_send(connection: Connection, launch: LaunchId, send: SmallSend, at: datetime) -> bool:
    """Enter a small send, so that what came of it is counted; whether it could be entered."""
    columns = (*launch, send.site, at, len(send.recipients), send.next_job)
    return await connection.fetchval(ENTER_SEND, *columns) is not None


async def keep_control(connection: Connection, launch: LaunchId, control: CampaignControl) -> bool:
    """Want of a launch, and of its campaign, what the worker was told later than the backup knows."""
    row = await connection.fetchrow(CONTROL, *launch, control.state, control.at, control.shift)
    if row is not None and row["campaign"] is not None:
        await connection.execute(STEER, row["campaign"], control.state)
    return row is not None


async def campaign_that_recurs(
    connection: Connection, launch: LaunchId, statuses: Iterable[CampaignStatus]
) -> Campaign | None:
    """Find a launch's campaign, to change it, if it recurs and is in one of these statuses."""
    row = await connection.fetchrow(RECURS, *launch, list(statuses))
    return None if row is None else read_campaign(row)


async def launches_waiting(connection: Connection) -> set[LaunchId]:
    """Return the launches of which something waits in the outbox."""
    return {LaunchId(*row) for row in await connection.fetch(WAITING)}


async def take_out(connection: Connection, sent: Mapping[LaunchId, SmallSend]) -> None:
    """Delete from the outbox who is in Kafka already, and give what is left numbers of its own."""
    for launch, send in sorted(sent.items()):
        await connection.execute(TAKE_OUT, launch.number, _sorted(send.recipients), send.next_job)
    await connection.execute(RENUMBER)


async def end_recovery(connection: Connection, highest_launch: int) -> None:
    """Let everything go on: what Kafka has up to this launch has been entered, or cannot be."""
    await connection.execute(UNMARK, highest_launch)


def _sorted(numbers: Collection[int]) -> list[int]:
    return sorted(numbers)
