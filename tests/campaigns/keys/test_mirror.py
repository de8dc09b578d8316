"""Keys of the database become files: those that are new, and those that were lost."""

import asyncio

import pytest

from campaigns.keys import mirror as mirrors
from campaigns.keys.folder import KeyFolder
from campaigns.keys.mirror import Mirror, Mirrored
from campaigns.model.secrets import Purpose, parse_secrets
from tests.campaigns.operations.support import make_account, make_site, service_over
from tests.harness.waiting import until


@pytest.fixture
async def service(database):
    return service_over(database)


@pytest.fixture
async def scope(database):
    return await make_account(database)


def mirror_of(database, folder, secret="s" * 32):
    return Mirror(database, parse_secrets(secret).keys(Purpose.SEAL), KeyFolder(folder))


async def test_keys_of_all_accounts_are_written_as_they_come(database, service, scope, tmp_path):
    folder = tmp_path / "keys"
    mirror = mirror_of(database, folder)
    assert await mirror.look() == Mirrored()
    await make_site(scope, service, vapid_key="one")
    await make_site(await make_account(database), service, vapid_key="two")
    assert (await mirror.look()).written == 2
    assert (await mirror.look()).written == 0
    assert {each.name for each in folder.iterdir()} == {"one.pem", "two.pem"}


async def test_what_was_deleted_is_written_again(database, service, scope, tmp_path):
    await make_site(scope, service, vapid_key="one")
    mirror = mirror_of(database, tmp_path)
    await mirror.look()
    async with database.connection() as connection:
        await connection.execute("UPDATE vapid_key SET changed_at = now() - interval '1 day'")
    await make_site(scope, service, vapid_key="two")
    await mirror.look()
    (tmp_path / "one.pem").unlink()
    assert (await mirror.look()).written == 1


async def test_a_key_that_cannot_be_opened_keeps_none_of_the_others(database, service, scope, tmp_path):
    await make_site(scope, service, vapid_key="one")
    async with database.connection() as connection:
        await connection.execute("UPDATE vapid_key SET sealed = '\\x00'")
    await make_site(scope, service, vapid_key="two")
    assert await mirror_of(database, tmp_path).look() == Mirrored(written=1, failed=1)
    assert [each.name for each in tmp_path.iterdir()] == ["two.pem"]


async def test_it_runs_until_it_is_stopped(database, service, scope, tmp_path, monkeypatch):
    monkeypatch.setattr(mirrors, "LOOK_SECONDS", 0.02)
    stop = asyncio.Event()
    folder = tmp_path / "keys"
    folder.write_text("in the way")
    async with asyncio.timeout(60):
        running = asyncio.create_task(mirror_of(database, folder).run(stop))
        await make_site(scope, service, vapid_key="one")
        folder.unlink()
        await until((folder / "one.pem").exists, "the key is written once the folder can be")
        await make_site(scope, service, vapid_key="two")
        await until((folder / "two.pem").exists, "a new key is written")
        stop.set()
        await running
