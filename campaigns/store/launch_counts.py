"""What has been counted of launches: outcomes, and what browsers reported."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from campaigns.model.launch import Launch, LaunchState
from campaigns.model.statistics import Counts, Engagement
from campaigns.store.database import Connection, Row

OUTCOMES = """
SELECT launch, status, sum(count)::bigint AS count, sum(attempted)::bigint AS attempted, max(until) AS until
FROM launch_count WHERE launch = ANY($1::bigint[]) GROUP BY launch, status
"""
ENGAGEMENT = """
SELECT launch, kind, sum(first)::bigint AS first, sum(total)::bigint AS total
FROM engagement_count WHERE launch = ANY($1::bigint[]) GROUP BY launch, kind
"""

NAMES = {
    "shown": "shown",
    "clicked": "clicks",
    "button_0": "button_0",
    "button_1": "button_1",
    "dismissed": "dismissed",
}
"""By the kind of an event in the table, its name in statistics."""


async def counts_of(
    connection: Connection, launches: Sequence[Launch]
) -> tuple[list[Counts], datetime | None]:
    """Return what has been counted of each of these launches, and up to when."""
    numbers = [launch.id for launch in launches]
    outcomes = await connection.fetch(OUTCOMES, numbers)
    engagement = await connection.fetch(ENGAGEMENT, numbers)
    counts = [
        Counts(
            targeted=launch.targeted,
            written=launch.written,
            by_status={row["status"]: row["count"] for row in _of(outcomes, launch)},
            attempted=sum(row["attempted"] for row in _of(outcomes, launch)),
            unsubscribed=sum(
                row["first"] for row in _of(engagement, launch) if row["kind"] == "unsubscribed"
            ),
            engagement={
                NAMES[row["kind"]]: Engagement(row["first"], row["total"])
                for row in _of(engagement, launch)
                if row["kind"] in NAMES
            },
            is_done=launch.state is LaunchState.DONE,
        )
        for launch in launches
    ]
    return counts, max((row["until"] for row in outcomes), default=None)


def _of(rows: Iterable[Row], launch: Launch) -> list[Row]:
    return [row for row in rows if row["launch"] == launch.id]
