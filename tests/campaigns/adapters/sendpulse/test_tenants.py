"""Every call, asked for what is another account's, or another site's: not there, and nothing is written."""

from typing import Any

import pytest

from campaigns.adapters.sendpulse.routes import ROUTES
from campaigns.model.scope import Permission
from tests.campaigns.adapters.sendpulse.support import TASK, api_over, code
from tests.campaigns.api.support import said
from tests.campaigns.operations.support import contents

CLOSED = [route for route in ROUTES if route.permission is not None]
BODIES: dict[str, dict[str, Any]] = {
    "createTask": {**TASK, "website_id": "{website}"},
    "createCampaign": {**TASK, "website_id": "{website}"},
    "changeState": {"id": "{subscriber}", "state": 0},
}
NAME_NOTHING = {"listTasks", "countWebsites", "listWebsites"}
ABOUT_OBJECTS = [route for route in CLOSED if route.name not in NAME_NOTHING]


def asked(route, ids):
    body = {
        name: value.format(**ids) if isinstance(value, str) else value
        for name, value in BODIES.get(route.name, {}).items()
    }
    return route.method, route.path.format(**ids), body or b""


@pytest.fixture
async def theirs(api, site):
    came = await api.subscriber(site)
    task = said(await api.ask("POST", "/push/tasks", {**TASK, "website_id": site}))["id"]
    return {"website": str(site), "subscriber": str(came.number), "task": str(task)}


def test_there_is_a_body_for_every_call_that_takes_one():
    assert {route.name for route in CLOSED if route.request is not None} == BODIES.keys()


@pytest.mark.parametrize("route", ABOUT_OBJECTS, ids=lambda route: route.name)
async def test_nobody_meets_what_is_anothers(api, database, theirs, route):
    stranger = api_over(database)
    await stranger.join()
    await stranger.site()
    neighbour = await api.access_token(await api.credential(*Permission, site=await api.site()))
    before = await contents(database)
    for token in (stranger.token, neighbour):
        status, _ = code(await api.ask(*asked(route, theirs), token=token))
        assert status == 404
    assert await contents(database) == before


@pytest.mark.parametrize("route", ABOUT_OBJECTS, ids=lambda route: route.name)
async def test_the_owner_does(api, theirs, route):
    assert (await api.ask(*asked(route, theirs))).answer.status == 200


async def test_nobody_lists_what_is_anothers(api, database, theirs):
    stranger = api_over(database)
    await stranger.join()
    for path in ("/push/tasks", "/push/websites"):
        assert len(said(await api.ask("GET", path))) == 1
        assert said(await stranger.ask("GET", path)) == []
    assert said(await stranger.ask("GET", "/push/websites/total")) == {"total": 0}


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: route.name)
async def test_nobody_is_let_in_without_a_token_or_without_the_scope(api, theirs, route):
    assert (await api.ask(*asked(route, theirs), token=None)).answer.status == 401
    others = {*Permission} - {route.permission, Permission.ADMIN}
    limited = await api.access_token(await api.credential(*others))
    assert (await api.ask(*asked(route, theirs), token=limited)).answer.status == 403
