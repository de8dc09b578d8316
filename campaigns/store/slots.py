"""Slots: who may write the launches of each, and until when. Their times are the database's own."""

from campaigns.store.database import Connection

# Of those that have something to write, one that nobody holds; whoever asks at the same time takes another.
TAKE = """
UPDATE slot SET holder = $1, until = now() + make_interval(secs => $2)
WHERE number = (
    SELECT number FROM slot
    WHERE (until IS NULL OR until < now()) AND (
        EXISTS (SELECT FROM launch WHERE launch.slot = slot.number AND launch.state = 'writing')
        OR EXISTS (SELECT FROM outbox WHERE outbox.relay = slot.number)
    )
    ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING number
"""
RENEW = """
UPDATE slot SET until = now() + make_interval(secs => $3) WHERE number = $1 AND holder = $2 RETURNING number
"""
HELD = "SELECT EXISTS (SELECT FROM slot WHERE until > now())"
RELEASE = "UPDATE slot SET holder = NULL, until = NULL WHERE number = $1 AND holder = $2"


async def take_slot(connection: Connection, holder: str, seconds: float) -> int | None:
    """Become the holder of a slot that has something to write, for so long; None if all of them are held."""
    number: int | None = await connection.fetchval(TAKE, holder, seconds)
    return number


async def renew_slot(connection: Connection, number: int, holder: str, seconds: float) -> bool:
    """Hold a slot for so long from now on; False if somebody else does."""
    return await connection.fetchval(RENEW, number, holder, seconds) is not None


async def release_slot(connection: Connection, number: int, holder: str) -> None:
    """Leave a slot to whoever wants it."""
    await connection.execute(RELEASE, number, holder)


async def is_held(connection: Connection) -> bool:
    """Whether anybody holds any slot."""
    held: bool = await connection.fetchval(HELD)
    return held
