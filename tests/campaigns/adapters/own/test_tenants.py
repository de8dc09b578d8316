"""Every route, asked for what is another account's, or another site's: not found, and nothing is written."""

from typing import Any

import pytest

from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.routes import Route
from campaigns.api.routes import routes
from campaigns.model.scope import Permission
from tests.campaigns.adapters.own.support import HELLO, PUBLIC_URL, SHOP, OwnApi, subscription
from tests.campaigns.operations.support import contents

ROUTES = [route for route in routes(PUBLIC_URL) if route.adapter is OWN and route.permission is not None]
ABOUT_OBJECTS = [route for route in ROUTES if route.parameters]
CONDITION = {"field": "tag", "op": "set"}
TO_ALL = {"all": True}

LAUNCH = "launch_1_aaaaaaaa"

BODIES: dict[str, dict[str, Any]] = {
    "createSite": {"url": SHOP},
    "changeSite": {"name": "Mine"},
    "createCredential": {"scopes": ["read"]},
    "changeSubscriber": {"tags": ["mine"]},
    "createSegment": {"name": "Mine", "condition": CONDITION},
    "changeSegment": {"name": "Mine"},
    "previewSegment": {"condition": CONDITION},
    "createTemplate": {"name": "Mine", "content": HELLO},
    "changeTemplate": {"name": "Mine"},
    "createCampaign": {"name": "Mine", "content": HELLO, "target": TO_ALL},
    "changeCampaign": {"name": "Mine"},
    "testCampaign": {"target": TO_ALL},
    "send": {"content": HELLO, "target": TO_ALL},
}
"""A body for each route that takes one; with the owner's key, it would be accepted."""


async def objects_of(api: OwnApi) -> dict[str, str]:
    """Make one object of each kind; return their ids by the parameters of paths."""
    site = (await api.make("/v1/sites", {"url": SHOP, "open_identity": True}))["id"]
    page = {"token": None, "origin": SHOP}
    joined = await api.make(f"/v1/sites/{site}/subscribers", {"subscription": subscription(site)}, **page)
    segment = await api.make(f"/v1/sites/{site}/segments", {"name": "Theirs", "condition": CONDITION})
    template = await api.make(f"/v1/sites/{site}/templates", {"name": "Theirs", "content": HELLO})
    credential = await api.make("/v1/credentials", {"scopes": ["read"], "site": site})
    campaign = await api.make(f"/v1/sites/{site}/campaigns", BODIES["createCampaign"])
    sent = await api.make(f"/v1/sites/{site}/send", BODIES["send"])
    return {
        "site": site,
        "subscriber": joined["id"],
        "credential": credential["id"],
        "segment": segment["id"],
        "template": template["id"],
        "campaign": campaign["id"],
        "launch": sent["launch"],
    }


def filled(route: Route, ids: dict[str, str]) -> str:
    return route.path.format(**{name: ids[name] for name in route.parameters})


def test_there_is_a_body_for_every_route_that_takes_one():
    assert {route.name for route in ROUTES if route.request is not None} == BODIES.keys()


@pytest.mark.parametrize("route", ABOUT_OBJECTS, ids=lambda route: route.name)
async def test_nobody_meets_what_is_anothers(api: OwnApi, database, route: Route):
    theirs = await objects_of(api)
    account, _ = await api.log_in()
    own_site = int((await api.make("/v1/sites", {"url": SHOP}))["id"].removeprefix("site_"))
    async with database.connection() as connection:
        same_account = await connection.fetchval("SELECT account FROM site WHERE id = $1", own_site)
    _, stranger = await api.log_in(account=account)
    _, neighbour = await api.log_in(account=same_account, site=own_site)
    before = await contents(database)
    body = BODIES.get(route.name, b"")
    for token in (stranger, neighbour):
        handled = await api.ask(route.method, filled(route, theirs), body, token=token)
        assert handled.answer.status == 404, handled.answer.body
    assert await contents(database) == before


@pytest.mark.parametrize("route", ABOUT_OBJECTS, ids=lambda route: route.name)
async def test_the_owner_does(api: OwnApi, route: Route):
    handled = await api.ask(route.method, filled(route, await objects_of(api)), BODIES.get(route.name, b""))
    # A draft can be neither paused nor resumed.
    assert handled.answer.status in {
        route.status,
        409 if "pause" in route.name or "resume" in route.name else 0,
    }


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_nobody_is_let_in_without_a_key_or_without_the_scope(api: OwnApi, route: Route):
    ids = {"site": "site_1", "subscriber": "sub_1", "segment": "seg_1", "template": "tmpl_1"}
    path = filled(route, {**ids, "credential": "cred_1", "campaign": "camp_1", "launch": LAUNCH})
    body = BODIES.get(route.name, b"")
    assert (await api.ask(route.method, path, body, token=None)).answer.status == 401
    others = {*Permission} - {route.permission, Permission.ADMIN}
    _, limited = await api.log_in(*others)
    assert (await api.ask(route.method, path, body, token=limited)).answer.status == 403
