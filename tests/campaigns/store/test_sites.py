"""Sites: written and read as they are, and never another account's."""

import msgspec
import pytest

from campaigns.model.site import Defaults, TrackClicks
from campaigns.store.accounts import add_account
from campaigns.store.sites import find_any_site, find_site, list_sites, replace_site
from tests.campaigns.store.support import make_site, scope_of

CHANGED = {
    "url": "https://new.example",
    "origins": ("https://new.example", "https://m.new.example"),
    "redirect_origins": ("https://go.example",),
    "name": "New",
    "zone": "Europe/Berlin",
    "identity_secret": b"sealed",
    "defaults": Defaults(ttl=60, stretch_time=1.5, track_clicks=TrackClicks.REDIRECT, sdk=False),
}


async def test_a_site_is_read_as_it_was_written(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        assert await find_site(connection, scope_of(site.account), site.id) == site
        assert await find_any_site(connection, site.id) == site
        changed = msgspec.structs.replace(site, **CHANGED)
        await replace_site(connection, changed)
        assert await find_site(connection, scope_of(site.account), site.id) == changed


async def test_another_account_s_site_is_not_there(database):
    async with database.transaction() as connection:
        site = await make_site(connection)
        other = await add_account(connection, "Another")
        assert await find_site(connection, scope_of(other), site.id) is None
        assert await list_sites(connection, scope_of(other), -1, 10) == []
        await replace_site(connection, msgspec.structs.replace(site, account=other, name="Stolen"))
        assert await find_site(connection, scope_of(site.account), site.id) == site


async def test_a_scope_of_one_site_covers_no_other(database):
    async with database.transaction() as connection:
        one = await make_site(connection)
        two = await make_site(connection, one.account)
        scope = scope_of(one.account, two.id)
        assert await find_site(connection, scope, one.id) is None
        assert await list_sites(connection, scope, -1, 10) == [two]


@pytest.mark.parametrize("limit", [1, 2, 10])
async def test_sites_are_listed_page_by_page(database, limit):
    async with database.transaction() as connection:
        first = await make_site(connection)
        sites = [first] + [await make_site(connection, first.account) for _ in range(2)]
        found, after = [], -1
        while page := await list_sites(connection, scope_of(first.account), after, limit):
            found += page
            after = page[-1].id
        assert found == sites
