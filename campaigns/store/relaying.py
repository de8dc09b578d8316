"""The outbox, as its relay sees it: rows become a batch, a batch is written to Kafka, and its rows go."""

from collections import Counter
from collections.abc import Mapping, Sequence

from campaigns.model.launch import Launch
from campaigns.store.database import Connection, Row
from campaigns.store.launches import read_launch

BATCH_ROWS = 500
URGENT_ROWS = 1_000

STAMPED = "SELECT min(batch) FROM outbox WHERE relay = $1 AND batch IS NOT NULL"
# Rows are stamped because a cursor over their ids would lose some: sequences commit out of order. A batch has
# the number of its first row, so no two have the same.
STAMP = """
WITH taken AS (
    SELECT id FROM outbox WHERE relay = $1 AND batch IS NULL AND NOT urgent
    ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE outbox SET batch = (SELECT min(id) FROM taken) WHERE id IN (SELECT id FROM taken)
RETURNING batch
"""
OF_BATCH = "SELECT id FROM outbox WHERE relay = $1 AND batch = $2"
URGENT = """
SELECT id, job FROM outbox WHERE relay = $1 AND batch IS NULL AND urgent AND job IS NOT NULL
ORDER BY id LIMIT $2
"""
# Whoever numbers the same rows at the same time waits here, and finds nothing left to number. Those of a
# launch that is gone get a number, too: nothing is written of them, and they are deleted.
NUMBER_URGENT = """
WITH taken AS (
    SELECT id, launch FROM outbox WHERE relay = $1 AND batch IS NULL AND urgent AND job IS NULL
    ORDER BY id LIMIT $2 FOR UPDATE
), counted AS (
    SELECT launch, count(*) AS count FROM taken GROUP BY launch
), drawn AS (
    UPDATE launch SET job = job + counted.count FROM counted WHERE launch.id = counted.launch
    RETURNING launch.id, launch.job - counted.count AS first
), numbered AS (
    SELECT id, launch, row_number() OVER (PARTITION BY launch ORDER BY id) - 1 AS place FROM taken
)
UPDATE outbox SET job = coalesce(drawn.first, 0) + numbered.place
FROM numbered LEFT JOIN drawn ON drawn.id = numbered.launch WHERE outbox.id = numbered.id
"""
RECIPIENTS = """
SELECT o.launch, o.variables, o.id AS outbox_row, s.id, s.endpoint, s.p256dh, s.auth, s.vapid_key,
    s.payload_format, s.language, s.platform, s.attributes
FROM outbox AS o JOIN launch ON launch.id = o.launch
JOIN subscriber AS s ON s.id = o.subscriber AND s.site = launch.site
WHERE o.id = ANY($1::bigint[]) AND s.status = 'active' AND launch.wanted <> 'cancelled'
    AND s.endpoint IS NOT NULL AND s.p256dh IS NOT NULL AND s.auth IS NOT NULL AND s.vapid_key IS NOT NULL
ORDER BY s.id, o.id
"""
LAUNCHES = """
SELECT launch.*, coalesce((site.defaults ->> 'sdk')::boolean, true) AS site_sdk
FROM launch JOIN site ON site.id = launch.site WHERE launch.id = ANY($1::bigint[])
"""
# Numbers that are drawn and then not used leave a gap, which harms nobody.
DRAW = "UPDATE launch SET job = job + $2 WHERE id = $1 RETURNING job - $2"
DELETE_BATCH = "DELETE FROM outbox WHERE relay = $1 AND batch = $2"
DELETE_ROWS = "DELETE FROM outbox WHERE id = ANY($1::bigint[]) RETURNING id"
WRITTEN = """
UPDATE launch SET written = written + $2, marker_offset = greatest(marker_offset, $3),
    written_at = now(), last_due_at = greatest(last_due_at, start_at)
WHERE id = $1
"""
NEWEST = "SELECT coalesce(max(marker_offset), 0) FROM launch WHERE slot = $1 AND cursor < 0"


async def stamped_batch(connection: Connection, slot: int) -> int | None:
    """Return the number of the batch that has been stamped, and not deleted; None if there is none."""
    number: int | None = await connection.fetchval(STAMPED, slot)
    return number


async def stamp_batch(connection: Connection, slot: int) -> int | None:
    """Make a batch of what waits; None if nothing does."""
    number: int | None = await connection.fetchval(STAMP, slot, BATCH_ROWS)
    return number


async def rows_of_batch(connection: Connection, slot: int, batch: int) -> list[int]:
    """Return the numbers of a batch's rows."""
    return [row["id"] for row in await connection.fetch(OF_BATCH, slot, batch)]


async def number_urgent_rows(connection: Connection, slot: int) -> dict[int, int]:
    """Return urgent rows, and the number of each one's job: the same one however often this is called.

    Args:
        connection: A connection with a transaction, which must be committed before any job is written.
        slot: The relay's.
    """
    await connection.execute(NUMBER_URGENT, slot, URGENT_ROWS)
    return {row["id"]: row["job"] for row in await connection.fetch(URGENT, slot, URGENT_ROWS)}


async def recipients_of_rows(connection: Connection, rows: Sequence[int]) -> list[Row]:
    """Return the recipients of rows, without those who have unsubscribed or whose launch is cancelled."""
    return await connection.fetch(RECIPIENTS, list(rows))


async def launches_of_rows(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[Launch, bool]]:
    """Return launches by number, and whether their site's service worker is ours."""
    rows = await connection.fetch(LAUNCHES, list(numbers))
    return {row["id"]: (read_launch(row), row["site_sdk"]) for row in rows}


async def draw_jobs(connection: Connection, launch: int, count: int) -> int:
    """Draw numbers for so many jobs of a launch, and return the first."""
    first: int = await connection.fetchval(DRAW, launch, count)
    return first


async def newest_batch_offset(connection: Connection, slot: int) -> int:
    """Return the offset of the newest marker of a slot's relay that has been kept; 0 if there is none."""
    offset: int = await connection.fetchval(NEWEST, slot)
    return offset


async def delete_batch(
    connection: Connection, slot: int, batch: int, written: Mapping[int, int], offset: int
) -> None:
    """Delete a batch that is in Kafka, and count it; does nothing if that has been done.

    Args:
        connection: A connection with a transaction.
        slot: The relay's.
        batch: The batch's number.
        written: Recipients that were written, by launch.
        offset: Where its marker is.
    """
    if int((await connection.execute(DELETE_BATCH, slot, batch)).rpartition(" ")[2]):
        await _count(connection, written, offset)


async def delete_rows(connection: Connection, rows: Sequence[int], written: Mapping[int, int]) -> None:
    """Delete urgent rows, and count those that were written; a row that is gone has been counted.

    Args:
        connection: A connection with a transaction.
        rows: All that were looked at.
        written: Of those that are in Kafka the launch.
    """
    deleted = [row["id"] for row in await connection.fetch(DELETE_ROWS, list(rows))]
    await _count(connection, Counter(written[row] for row in deleted if row in written), None)


async def _count(connection: Connection, written: Mapping[int, int], offset: int | None) -> None:
    for launch, count in sorted(written.items()):
        await connection.execute(WRITTEN, launch, count, offset)
