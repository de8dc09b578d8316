"""What `pushmill try` finds again, and what it makes anew."""

import msgspec
import pytest

from campaigns.demo.surroundings import Administration
from campaigns.demo.trial import Kept, prepare
from campaigns.model.scope import Permission
from crypto.vapid import load_vapid_key
from tests.campaigns.adapters.own.support import OwnApi
from tests.campaigns.store.support import scope_of

FIRST = Kept(secret="s" * 32)


@pytest.fixture
async def acting(database):
    api = OwnApi(database)
    account, _ = await api.log_in(Permission.ADMIN)
    return Administration(api.service, scope_of(account))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "keys").mkdir()
    return tmp_path


def kept_in(folder):
    return msgspec.json.decode((folder / "kept.json").read_bytes(), type=Kept)


async def test_the_site_and_its_key_are_found_again(folder, acting):
    first = await prepare(folder, FIRST, acting)
    assert kept_in(folder) == Kept(secret=FIRST.secret, site=first.site)
    assert (folder / "kept.json").stat().st_mode & 0o777 == 0o600
    [pem] = (folder / "keys").iterdir()
    assert load_vapid_key(pem.read_bytes()).public_text == first.vapid_public_key
    assert pem.stat().st_mode & 0o777 == 0o600
    pem.chmod(0o644)
    second = await prepare(folder, kept_in(folder), acting)
    assert (second.site, second.vapid_public_key) == (first.site, first.vapid_public_key)
    assert second.key != first.key
    assert pem.stat().st_mode & 0o777 == 0o600


async def test_without_the_key_another_site_is_made(folder, acting):
    first = await prepare(folder, FIRST, acting)
    for pem in (folder / "keys").iterdir():
        pem.unlink()
    second = await prepare(folder, kept_in(folder), acting)
    assert second.site != first.site
    assert kept_in(folder).site == second.site


async def test_without_the_database_another_site_is_made(folder, acting):
    told = await prepare(folder, Kept(secret=FIRST.secret, site="site_999"), acting)
    assert kept_in(folder).site == told.site != "site_999"


def test_what_is_kept_does_not_show_its_secret():
    assert FIRST.secret not in repr(FIRST)
