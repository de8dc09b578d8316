"""What is to be forgotten when a new Kafka stands where another one was: offsets, and what was on its way."""

from datetime import datetime

from campaigns.store.database import Connection

# One whose outcomes have all come may not have been looked at since.
OPEN = """
SELECT count(*) FROM launch
WHERE state = 'writing' OR state = 'written' AND (
    EXISTS (SELECT FROM outbox WHERE outbox.launch = launch.id)
    OR written > (SELECT coalesce(sum(count), 0) FROM launch_count AS c WHERE c.launch = launch.id)
)
"""
# They may have been in Kafka, or not: nobody will know, so they count as written.
COUNT_OUTBOX = """
UPDATE launch SET written = written + waiting.count
FROM (SELECT launch, count(*) AS count FROM outbox GROUP BY launch) AS waiting
WHERE launch.id = waiting.launch
"""
DROP_OUTBOX = "DELETE FROM outbox"
DROP_OFFSETS = "DELETE FROM collector_offset"
FREE_SLOTS = "UPDATE slot SET holder = NULL, until = NULL"
END_LAUNCHES = """
UPDATE launch SET state = 'done', done_at = $1, control_due = false WHERE state <> 'done' RETURNING id
"""
DROP_MARKERS = "UPDATE launch SET marker_offset = NULL WHERE marker_offset IS NOT NULL"
# A recurring one stays so, and a scheduled one has no launch yet.
END_CAMPAIGNS = """
UPDATE campaign SET status = 'done', updated_at = $2
WHERE id IN (SELECT campaign FROM launch WHERE id = ANY($1::bigint[]))
    AND status IN ('queued', 'sending', 'paused')
"""


async def begin_on_new_kafka(connection: Connection, now: datetime) -> int:
    """End every launch as it stands, and forget all offsets; return how many were not complete.

    Their recipients without an outcome are unknown from then on. Nobody else may work on the database.

    Args:
        connection: A connection with a transaction.
        now: The moment.
    """
    still_open: int = await connection.fetchval(OPEN)
    ended = [row["id"] for row in await connection.fetch(END_LAUNCHES, now)]
    await connection.execute(END_CAMPAIGNS, ended, now)
    for statement in (COUNT_OUTBOX, DROP_OUTBOX, DROP_OFFSETS, DROP_MARKERS, FREE_SLOTS):
        await connection.execute(statement)
    return still_open
