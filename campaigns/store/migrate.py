"""The schema: numbered files of SQL, each applied once, and whether a release works with what it finds.

A file begins with `-- oldest release: 0.3.0`: the oldest one that works with the schema once the file is
applied. It is applied in one transaction. Or it consists of statements that cannot run in one, such as CREATE
INDEX CONCURRENTLY: each then follows a line `-- concurrently`, and must bear to be repeated, because a file
that broke off begins anew.
"""

import asyncio
import re
from importlib.metadata import version
from importlib.resources import files
from typing import NamedTuple

import asyncpg

from campaigns.store.database import Connection, connect

OLDEST_POSTGRESQL = 15
LOCK_SECONDS = 5
"""How long a statement may wait for a table's lock, while everybody else queues behind it.

Statements that run concurrently may wait longer: nobody queues behind them."""

_SESSION_LOCK = 5_733_427_318_902_017  # any number that nobody else uses
_LOCK_POLL_SECONDS = 0.2
_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_HEADER = re.compile(r"-- oldest release: (?P<release>\d+\.\d+\.\d+)\n")
_CONCURRENTLY = re.compile(r"^-- concurrently$", re.MULTILINE)

CREATE = """
CREATE TABLE IF NOT EXISTS migration (
    number          integer PRIMARY KEY,
    name            text NOT NULL,
    oldest_release  text NOT NULL,
    applied_at      timestamptz NOT NULL DEFAULT now()
)
"""
EXISTS = "SELECT to_regclass('migration') IS NOT NULL"
APPLIED = "SELECT number, name, oldest_release FROM migration ORDER BY number"
RECORD = "INSERT INTO migration (number, name, oldest_release) VALUES ($1, $2, $3)"


class SchemaError(Exception):
    """The schema and this release do not fit together; the message says what to do."""


class Migration(NamedTuple):
    """A file of SQL.

    Attributes:
        concurrent: Whether each statement runs by itself, not all in one transaction.
    """

    number: int
    name: str
    oldest_release: str
    statements: tuple[str, ...]
    concurrent: bool


def own_migrations() -> list[Migration]:
    """Read the files of this release, in order."""
    folder = files("campaigns.store").joinpath("migrations")
    found = [parse(file.name, file.read_text()) for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted(found, key=lambda migration: migration.number)


def parse(file_name: str, text: str) -> Migration:
    """Read a file.

    Raises:
        ValueError: Its name or its form is not what it should be.
    """
    named, header = _NAME.fullmatch(file_name), _HEADER.match(text)
    if named is None or header is None:
        raise ValueError(f"{file_name} should be NNNN_name.sql, and begin with '-- oldest release: 0.0.0'")
    first, *concurrent = _CONCURRENTLY.split(text[header.end() :])
    if concurrent and _without_comments(first):
        raise ValueError(f"{file_name}: nothing can stand beside statements that run concurrently")
    return Migration(
        int(named["number"]),
        named["name"],
        header["release"],
        tuple(concurrent or [first]),
        concurrent=bool(concurrent),
    )


def _without_comments(text: str) -> str:
    return re.sub(r"--.*", "", text).strip()


async def migrate(url: str, migrations: list[Migration] | None = None) -> list[Migration]:
    """Apply what is missing, and return it. Several programs may try at once: one works, the others wait.

    Raises:
        DatabaseAwayError: The database cannot be used.
        SchemaError: The server is too old, the schema too new, or a table stays locked by somebody else.
    """
    connection = await connect(url)
    try:
        _check_server(connection)
        await _lock(connection)
        await connection.execute(CREATE)
        missing = _missing(await _applied(connection), own_migrations() if migrations is None else migrations)
        for migration in missing:
            await _apply(connection, migration)
        return missing
    finally:
        await connection.close(timeout=LOCK_SECONDS)


async def check_schema(connection: Connection) -> None:
    """Check that this release works with the schema as it is.

    Raises:
        SchemaError: It does not.
    """
    _check_server(connection)
    applied = await _applied(connection) if await connection.fetchval(EXISTS) else {}
    if _missing(applied, own_migrations()):
        raise SchemaError(
            "the database's schema is older than this release: run `pushmill campaigns migrate`"
        )


class Applied(NamedTuple):
    """What the database says of a migration."""

    name: str
    oldest_release: str


async def _applied(connection: Connection) -> dict[int, Applied]:
    rows = await connection.fetch(APPLIED)
    return {number: Applied(name, oldest_release) for number, name, oldest_release in rows}


def _missing(applied: dict[int, Applied], known: list[Migration]) -> list[Migration]:
    names = {migration.number: migration.name for migration in known}
    this = version("pushmill")
    for number, found in applied.items():
        if number in names and names[number] != found.name:
            raise SchemaError(
                f"the database's migration {number} is {found.name}, not {names[number]}: it belongs to "
                "another program, or to a changed one; name another database"
            )
        if number not in names and _parts(found.oldest_release) > _parts(this):
            raise SchemaError(
                f"the database's schema needs release {found.oldest_release} or newer, and this is {this}: "
                "upgrade it"
            )
    return [migration for migration in known if migration.number not in applied]


def _parts(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])


def _check_server(connection: Connection) -> None:
    found = connection.get_server_version().major
    if found < OLDEST_POSTGRESQL:
        raise SchemaError(f"the database is PostgreSQL {found}: {OLDEST_POSTGRESQL} or newer is needed")


async def _lock(connection: Connection) -> None:
    # Asking again and again: a statement that waits here would hold up CREATE INDEX CONCURRENTLY over there.
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _SESSION_LOCK):  # noqa: ASYNC110
        await asyncio.sleep(_LOCK_POLL_SECONDS)


async def _apply(connection: Connection, migration: Migration) -> None:
    record = (migration.number, migration.name, migration.oldest_release)
    try:
        if migration.concurrent:
            for statement in migration.statements:
                await connection.execute(statement)
            await connection.execute(RECORD, *record)
            return
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            for statement in migration.statements:
                await connection.execute(statement)
            await connection.execute(RECORD, *record)
    except asyncpg.LockNotAvailableError:
        raise SchemaError(
            f"migration {migration.number} needs a table that was locked for {LOCK_SECONDS} s: try again "
            "when long statements are over"
        ) from None
