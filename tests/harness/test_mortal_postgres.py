import tempfile
from pathlib import Path

import pytest

from campaigns.store.database import Database, DatabaseAwayError
from tests.harness.mortal_postgres import MortalPostgres


@pytest.fixture
def server():
    with tempfile.TemporaryDirectory(prefix="pushmill-postgresql-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # for root, another user runs the server
        made = MortalPostgres(Path(folder) / "server")
        made.start()
        yield made
        made.stop()


async def insert_amid_a_kill(server, database):
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO kept VALUES (8)")
        server.kill()
        await connection.execute("SELECT 1")


async def test_what_was_committed_is_there_after_a_kill_at_the_same_address(server):
    async with Database(server.url) as database:
        async with database.transaction() as connection:
            await connection.execute("CREATE TABLE kept (n integer)")
            await connection.execute("INSERT INTO kept VALUES (7)")
        first, url = server.pid, server.url
        with pytest.raises(DatabaseAwayError):
            await insert_amid_a_kill(server, database)
        server.start_again()
        assert server.url == url
        assert server.pid != first
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT array_agg(n) FROM kept") == [7]
