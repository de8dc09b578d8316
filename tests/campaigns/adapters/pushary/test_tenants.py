"""Every call, asked for what is another account's, or another site's: not there, and nothing is written."""

from typing import Any

import pytest

from campaigns.adapters.pushary.routes import ROUTES
from campaigns.model.scope import Permission
from tests.campaigns.adapters.pushary.support import NOTICE, PusharyApi
from tests.campaigns.operations.support import contents

DRAFT = {"name": "Autumn", **NOTICE}
BODIES: dict[str, dict[str, Any]] = {
    "send": NOTICE,
    "changeSubscriber": {"tags": ["mine"]},
    "createCampaign": DRAFT,
    "changeCampaign": {"name": "Mine"},
    "createTemplate": {**DRAFT, "name": "Mine"},
    "changeTemplate": {"name": "Mine"},
}
ABOUT_OBJECTS = [route for route in ROUTES if route.parameters and "flow" not in route.parameters]


@pytest.fixture
async def theirs(api) -> dict[str, str]:
    came = await api.subscriber()
    campaign = (await api.call("POST", "/campaigns", DRAFT))["id"]
    template = (await api.call("POST", "/templates", DRAFT))["id"]
    return {
        "subscriber": f"sub_{came.number}",
        "campaign": campaign,
        "template": template,
        "flow": "flow_1",
    }


def asked(route, ids):
    return route.method, route.path.format(**ids), BODIES.get(route.name, b"")


def test_there_is_a_body_for_every_call_that_takes_one():
    assert {route.name for route in ROUTES if route.request is not None} == BODIES.keys()


@pytest.mark.parametrize("route", ABOUT_OBJECTS, ids=lambda route: route.name)
async def test_nobody_meets_what_is_anothers(api, database, theirs, route):
    stranger = PusharyApi(database)
    await stranger.join()
    neighbour = await api.key(*Permission, site=await api.add_site())
    before = await contents(database)
    for token in (stranger.token, neighbour):
        assert (await api.ask(*asked(route, theirs), token=token)).answer.status == 404
    assert await contents(database) == before


@pytest.mark.parametrize("route", ABOUT_OBJECTS, ids=lambda route: route.name)
async def test_the_owner_does(api, theirs, route):
    status = (await api.ask(*asked(route, theirs))).answer.status
    assert status == (400 if route.name in {"pauseCampaign", "resumeCampaign"} else route.status)


async def test_nobody_lists_or_reaches_what_is_anothers(api, database, theirs):
    stranger = PusharyApi(database)
    await stranger.join()
    for path in ("/subscribers", "/campaigns", "/templates"):
        assert len((await api.call("GET", path))["data"]) == 1
        assert (await stranger.call("GET", path))["data"] == []
    assert (await stranger.call("POST", "/send", {**NOTICE, "subscriberIds": [theirs["subscriber"]]}))[
        "sent"
    ] == 0


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_nobody_is_let_in_without_a_key_or_without_the_scope(api, theirs, route):
    assert (await api.ask(*asked(route, theirs), token=None)).answer.status == 401
    others = {*Permission} - {route.permission, Permission.ADMIN}
    limited = await api.key(*others, site=api.site)
    assert (await api.ask(*asked(route, theirs), token=limited)).answer.status == 403
