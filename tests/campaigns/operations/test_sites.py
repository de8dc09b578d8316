import msgspec
import pytest

from campaigns.model.problems import ConflictError, ForbiddenError, InvalidError, NotFoundError
from campaigns.model.scope import Permission
from campaigns.model.secrets import Purpose, identity_name, unseal, vapid_key_name
from campaigns.model.site import Defaults
from campaigns.operations.sites import (
    SiteChanges,
    SiteDraft,
    create_site,
    edit_site,
    get_public_site,
    get_site,
    get_sites,
    one_site,
)
from campaigns.store.vapid_keys import find_vapid_key
from crypto.vapid import generate_vapid_key, load_vapid_key
from tests.campaigns.operations.support import contents, make_account, make_site


async def test_a_site_gets_a_key_whose_private_half_is_sealed(database, scope, service):
    added = await make_site(scope, service)
    site = added.site
    assert (site.name, site.origins, site.zone) == ("shop.example", ("https://shop.example",), "UTC")
    assert site.vapid_key.startswith("shop-example-")
    async with database.connection() as connection:
        key = await find_vapid_key(connection, scope.account, site.vapid_key)
    pem = unseal(service.secrets.keys(Purpose.SEAL), vapid_key_name(site.vapid_key), key.sealed)
    assert load_vapid_key(pem).public_text == added.public_key
    assert b"PRIVATE" not in key.sealed


async def test_a_key_that_browsers_are_subscribed_with_is_taken_over(scope, service):
    pair = generate_vapid_key()
    added = await make_site(scope, service, private_key=pair.to_pem(), vapid_key="shop")
    assert (added.public_key, added.site.vapid_key) == (pair.public_text, "shop")
    with pytest.raises(ConflictError, match="shop"):
        await make_site(scope, service, vapid_key="shop")
    with pytest.raises(InvalidError) as raised:
        await make_site(scope, service, private_key=b"secret")
    assert [each.field for each in raised.value.problems] == ["private_key"]
    assert "secret" not in str(raised.value)


async def test_a_secret_to_prove_identities_with_is_told_once(scope, service):
    added = await make_site(scope, service)
    assert len(added.identity_secret) == 43
    sealed = added.site.identity_secret
    opened = unseal(service.secrets.keys(Purpose.SEAL), identity_name(scope.account), sealed)
    assert opened.decode() == added.identity_secret
    assert (await get_site(scope, service, added.site.id)).identity_secret is None
    assert (await make_site(scope, service, open_identity=True)).site.identity_secret is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "http://shop.example"}, "url"),
        ({"zone": "Mars"}, "zone"),
        ({"origins": ("x",)}, "origins[0]"),
        ({"name": ""}, "name"),
        ({"vapid_key": "../x"}, "vapid_key"),
    ],
)
async def test_what_is_wrong_with_a_site_is_refused_and_nothing_is_kept(
    database, scope, service, fields, field
):
    before = await contents(database)
    with pytest.raises(InvalidError) as raised:
        await make_site(scope, service, **fields)
    assert field in [each.field for each in raised.value.problems]
    assert await contents(database) == before


async def test_a_site_is_changed_where_it_is_said(scope, service, site):
    changed = await edit_site(scope, service, site.id, SiteChanges(name="Other", defaults=Defaults(ttl=60)))
    assert changed.site == msgspec.structs.replace(site, name="Other", defaults=Defaults(ttl=60))
    assert await get_site(scope, service, site.id) == changed
    with pytest.raises(InvalidError):
        await edit_site(scope, service, site.id, SiteChanges(zone="Mars"))


async def test_sites_are_listed_a_page_at_a_time(scope, service):
    made = [(await make_site(scope, service)).site for _ in range(3)]
    first = await get_sites(scope, service, 0, 2)
    assert [each.site for each in first.items] == made[:2]
    second = await get_sites(scope, service, first.next, 2)
    assert ([each.site for each in second.items], second.next) == (made[2:], None)


async def test_a_credential_may_be_for_one_site_without_saying_so(database, scope, service):
    with pytest.raises(InvalidError):
        await one_site(scope, service)
    first = (await make_site(scope, service)).site.id
    await make_site(await make_account(database), service)
    assert await one_site(scope, service) == first
    second = (await make_site(scope, service)).site.id
    with pytest.raises(InvalidError):
        await one_site(scope, service)
    assert await one_site(msgspec.structs.replace(scope, site=second), service) == second


async def test_a_browser_may_know_a_sites_key(service, site):
    assert (await get_public_site(service, site.id)).site == site
    with pytest.raises(NotFoundError):
        await get_public_site(service, site.id + 1)


async def test_only_a_credential_for_sites_may_add_one(database, service, site, scope):
    reader = await make_account(database, Permission.READ)
    with pytest.raises(ForbiddenError):
        await create_site(reader, service, SiteDraft(url="https://shop.example"))
    limited = msgspec.structs.replace(scope, site=site.id)
    with pytest.raises(NotFoundError):
        await create_site(limited, service, SiteDraft(url="https://shop.example"))


@pytest.mark.parametrize("url", ["http://shop.example", "shop.example", "https://"])
async def test_a_url_that_is_none_is_one_problem(scope, service, url):
    with pytest.raises(InvalidError) as raised:
        await make_site(scope, service, url=url)
    assert [problem.field for problem in raised.value.problems] == ["url"]
