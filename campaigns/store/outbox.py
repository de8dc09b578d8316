"""Small sends, written down in the transaction that decides them; a relay takes them from there."""

from collections.abc import Sequence

from campaigns.model.launch import Launch
from campaigns.store.database import Connection

ADD = """
INSERT INTO outbox (relay, launch, subscriber, urgent)
SELECT $1, $2, number, $4 FROM unnest($3::bigint[]) AS number
"""


async def add_to_outbox(
    connection: Connection, launch: Launch, subscribers: Sequence[int], *, urgent: bool
) -> None:
    """Let a relay write a launch for these subscribers.

    Args:
        connection: A connection with a transaction.
        launch: What they get.
        subscribers: Their numbers.
        urgent: Whether their jobs are served first.
    """
    await connection.execute(ADD, launch.slot, launch.id, list(subscribers), urgent)
