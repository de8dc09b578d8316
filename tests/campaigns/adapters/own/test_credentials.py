import pytest

from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.api.support import said


async def test_a_credential_works_until_it_is_revoked(api, site):
    made = await api.make("/v1/credentials", {"scopes": ["read"], "site": site, "name": "CI"})
    key = made.pop("secret")
    assert key.startswith("pm_")
    path = f"/v1/sites/{site}"
    assert (await api.ask("GET", path, token=key)).answer.status == 200
    assert (await api.ask("PATCH", path, {"name": "x"}, token=key)).answer.status == 403
    assert made in (await api.get("/v1/credentials"))["data"]
    assert (await api.ask("DELETE", f"/v1/credentials/{made['id']}")).answer.status == 204
    api.seconds += 5
    assert (await api.ask("GET", path, token=key)).answer.status == 401


async def test_a_key_for_one_site_meets_no_other(api, site):
    other = (await api.make("/v1/sites", {"url": SHOP}))["id"]
    key = (await api.make("/v1/credentials", {"scopes": ["admin"], "site": site}))["secret"]
    listed = said(await api.ask("GET", "/v1/sites", token=key))["data"]
    assert [each["id"] for each in listed] == [site]
    assert (await api.ask("GET", f"/v1/sites/{other}", token=key)).answer.status == 404


async def test_no_key_is_in_a_list(api):
    made = await api.make("/v1/credentials", {"scopes": ["read"]})
    handled = await api.ask("GET", "/v1/credentials")
    assert made["secret"] not in handled.answer.body.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["fly"]}, "scopes[0]"),
        ({"site": "7"}, "site"),
        ({"rate": 0}, "rate"),
        ({"kind": "other"}, "kind"),
    ],
)
async def test_what_cannot_be_is_told_by_field(api, change, field):
    handled = await api.ask("POST", "/v1/credentials", {"scopes": ["read"], **change})
    assert handled.answer.status == 400
    assert said(handled)["errors"][0]["field"] == field
