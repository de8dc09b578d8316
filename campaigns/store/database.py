"""Connections to PostgreSQL: how long each may take, how jsonb is read, and one error for a lost database.

Knows no table.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from campaigns.store.place import place_of

# asyncpg's classes are generic for type checkers alone.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
"""What every function of a table takes first."""

Row: TypeAlias = asyncpg.Record

STATEMENT_SECONDS = 30.0
IDLE_IN_TRANSACTION_SECONDS = 10.0
CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 5.0
"""How much longer than a statement may take its answer is waited for: a silent network has no other bound."""

_LOST = "the connection to the database was lost"
_JSONB_VERSION = b"\x01"
_decode_json = msgspec.json.Decoder().decode
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, a statement that took too long
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionRollbackError,  # a deadlock: whoever tries again gets through
    TimeoutError,
    ConnectionError,
)
_NOT_CONNECTED = (
    *_AWAY,
    OSError,
    asyncpg.InvalidAuthorizationSpecificationError,  # a wrong password, too
    asyncpg.InvalidCatalogNameError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a database that takes no connections, for maintenance
)


class DatabaseAwayError(Exception):
    """The database cannot be used right now; the message says why, in one line.

    It names host, port and database where none can be reached, never the user or the password.
    """


class OvertakenError(Exception):
    """Somebody else has just added the same: nothing may be kept of this transaction, which begins again."""


class DatabaseUrlError(ValueError):
    """The database's URL cannot be read; the message does not repeat it, because it may hold a password."""


if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection


class _Pooled(_Connection):
    """A connection whose session nobody changes; so nothing is put back as it was, which is a round trip."""

    def get_reset_query(self) -> str:
        """Return nothing: see asyncpg's `Connection.reset`, which still rolls a transaction back."""
        return ""


class Database:
    """A pool of connections, made as they are needed: the database may be away when the program starts.

    Args:
        url: `postgresql://user:password@host:port/name`, with libpq's parameters.
        size: Connections at most.
        statement_seconds: How long a statement may take.
    """

    def __init__(self, url: str, *, size: int = 10, statement_seconds: float = STATEMENT_SECONDS) -> None:
        self._url = url
        self._size = size
        self._statement_seconds = statement_seconds
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def __aenter__(self) -> Self:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._size,
            timeout=CONNECT_SECONDS,
            command_timeout=self._statement_seconds + _ANSWER_SECONDS,
            server_settings=server_settings(self._statement_seconds),
            init=prepare,
            connection_class=_Pooled,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), CONNECT_SECONDS)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pool.terminate()

    @property
    def connections(self) -> dict[str, int]:
        """How many connections are idle and in use, by these words."""
        pool = self._open_pool()
        idle = pool.get_idle_size()
        return {"idle": idle, "used": pool.get_size() - idle}

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection on which each statement is a transaction of its own.

        Raises:
            DatabaseAwayError: There is none, or it was lost meanwhile.
            DatabaseUrlError: The URL cannot be read.
        """
        pool = self._open_pool()
        try:
            connection = await pool.acquire(timeout=CONNECT_SECONDS)
        except _NOT_CONNECTED as error:
            raise _out_of_reach(error, self._url) from error
        except ValueError:
            raise _unreadable_url() from None
        try:
            yield connection
        except asyncpg.InternalClientError as error:  # the server has ended it, and has yet to close it
            connection.terminate()
            raise DatabaseAwayError(_LOST) from error
        except asyncpg.InterfaceError as error:
            if not _is_lost(connection):
                raise
            raise DatabaseAwayError(_LOST) from error
        except _AWAY as error:
            raise DatabaseAwayError(_reason(error)) from error
        except asyncpg.PostgresError as error:
            _forget_values(error)
            raise
        finally:
            await _give_back(pool, connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection with a transaction: committed at the end, rolled back after any exception.

        Raises:
            DatabaseAwayError: As for `connection`; nothing was written, unless it was lost as it committed.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection

    def _open_pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._pool is None:
            raise AssertionError("must be used inside `async with`")
        return self._pool


def server_settings(statement_seconds: float) -> dict[str, str]:
    """What the server is told about each connection."""
    return {
        "application_name": "pushmill",
        "statement_timeout": f"{statement_seconds * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS * 1000:.0f}",
        "timezone": "UTC",
    }


async def prepare(connection: Any) -> None:
    """Let a new connection read and write jsonb as what `msgspec` decodes and encodes."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open a connection outside of any pool, without bounds on statements.

    Raises:
        DatabaseAwayError: The database does not answer, or refuses.
        DatabaseUrlError: The URL cannot be read.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except _NOT_CONNECTED as error:
        raise _out_of_reach(error, url) from error
    except ValueError:
        raise _unreadable_url() from None
    await prepare(connection)
    return connection


def _out_of_reach(error: BaseException, url: str) -> DatabaseAwayError:
    reason = _reason(error)
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):  # its words name the user
        way = "correct user or password, or the server's pg_hba.conf"
        reason = f"the database cannot be used: it does not let this user in; {way}"
    return DatabaseAwayError(f"{reason} ({place_of(url)})")


def _unreadable_url() -> DatabaseUrlError:
    return DatabaseUrlError(
        "the database's URL cannot be read; it should be postgresql://USER:PASSWORD@HOST:PORT/NAME, with "
        "characters such as @ and / of the password percent-encoded"
    )


async def _give_back(pool: "asyncpg.Pool[asyncpg.Record]", connection: PoolConnectionProxy) -> None:
    """Return a connection to the pool, which drops it if it cannot be used again: what was done is done."""
    with suppress(*_AWAY, asyncpg.InterfaceError, asyncpg.InternalClientError):
        await pool.release(connection)


def _is_lost(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back for that
        return True


def _forget_values(error: asyncpg.PostgresError) -> None:
    """Take out of an error what it quotes: whoever logs it would log somebody's endpoint or external id.

    PostgreSQL quotes rows in the detail (`Key (value)=(…) already exists`), and values that it cannot read in
    the message itself (SQLSTATE class 22); so does asyncpg of an argument that does not fit its parameter.
    """
    error.detail = None
    if isinstance(error, asyncpg.DataError):
        error.args = (f"a value cannot be used (SQLSTATE {error.sqlstate})",)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "the database does not answer in time"
    words = str(error) or type(error).__name__
    return f"the database cannot be used: {' '.join(words.split())}"


def _encode_jsonb(value: object) -> bytes:
    return _JSONB_VERSION + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    return _decode_json(data[1:])
