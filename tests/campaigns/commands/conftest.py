"""What tests of commands begin with: settings that lead to a database of the test's own, and a site."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from campaigns.model.credential import digest_of
from campaigns.store.credentials import find_credential
from campaigns.store.database import Database
from worker.commands.pushmill import app


class Command:
    """Calls `pushmill campaigns`, as a user does."""

    def __call__(self, *arguments, status=0, **more) -> str:
        """Return what it prints; on standard error, if that status is no success."""
        done = self._done(*arguments, status=status, **more)
        return done.stderr if status else done.stdout

    def output(self, *arguments, status) -> str:
        """Return what it prints on standard output, whatever it ends with."""
        return self._done(*arguments, status=status).stdout

    def _done(self, *arguments, status, **more):
        done = CliRunner().invoke(app, ["campaigns", *map(str, arguments)], **more)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == status, done.output
        return done

    def json(self, *arguments, **more):
        """Return the JSON that it prints with `--json`."""
        return json.loads(self(*arguments, "--json", **more))

    def refused(self, *arguments, status=2, **more) -> str:
        """Return the only line that it ends with."""
        [line] = self(*arguments, status=status, **more).splitlines()
        assert line.startswith("pushmill: ")
        return line.removeprefix("pushmill: ")


@pytest.fixture
def pushmill(database_url, monkeypatch, tmp_path):
    """Calls commands with settings that lead to a new database, in a folder of their own."""
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_DATABASE_URL", database_url)
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_SECRET", "s" * 32)
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_PUBLIC_URL", "https://push.example")
    monkeypatch.setenv("PUSHMILL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.delenv("PUSHMILL_VAPID_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return Command()


@pytest.fixture
def added(pushmill):
    """What `sites add --json` tells of a site."""
    return pushmill.json("sites", "add", "https://shop.example", "--vapid-key", "shop")


@pytest.fixture
def credential_of(database_url):
    """Finds the credential of a token."""

    async def find(token):
        async with Database(database_url) as database, database.connection() as connection:
            return await find_credential(connection, digest_of(token))

    return lambda token: asyncio.run(find(token))
