"""Accounts: whose everything is."""

from campaigns.store.database import Connection

ADD = "INSERT INTO account (name, zone) VALUES ($1, $2) RETURNING id"
ZONE = "SELECT zone FROM account WHERE id = $1"
FIRST = "SELECT id FROM account ORDER BY id LIMIT 1"
LOCK = "LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE"


async def add_account(connection: Connection, name: str, zone: str = "UTC") -> int:
    """Add an account, and return its number."""
    number: int = await connection.fetchval(ADD, name, zone)
    return number


async def zone_of_account(connection: Connection, number: int) -> str:
    """Return the time zone in which an account's wall times are meant."""
    zone: str = await connection.fetchval(ZONE, number)
    return zone


async def first_account(connection: Connection) -> int:
    """Return the account that commands work for: the oldest one, made if there is none."""
    number: int | None = await connection.fetchval(FIRST)
    if number is not None:
        return number
    async with connection.transaction():
        await connection.execute(LOCK)
        number = await connection.fetchval(FIRST)
        return await add_account(connection, "default") if number is None else number
