"""Truepush's calls as its document has them: each is served, to its owner alone, and takes no nonsense."""

import pytest

from campaigns.model.scope import Permission
from campaigns.model.site import Defaults
from tests.campaigns.adapters.platform import BROKEN, is_served, routes_of, wrong_bodies
from tests.campaigns.adapters.truepush.calls import CALLS, FAILURES
from tests.campaigns.adapters.truepush.support import DAILY, SHOWN, TruepushApi
from tests.campaigns.api.support import said
from tests.campaigns.operations.support import contents

ROUTES = routes_of("truepush")
ABOUT_OBJECTS = [route for route in ROUTES if route.parameters and route.parameters != ("page",)]
LISTS = [route for route in ROUTES if route.parameters == ("page",)]


def test_every_documented_call_is_a_row_and_there_are_no_others():
    assert {(call.name, call.method, call.path) for call in CALLS} == {
        (route.name, route.method, route.path) for route in ROUTES
    }
    assert all(is_served(call) for call in CALLS)
    assert {call.name for call in CALLS} == FAILURES.keys()


async def body_for(api: TruepushApi, name: str) -> dict[str, object]:
    match name:
        case "createCampaign":
            return dict(SHOWN)
        case "createTemplate":
            return {"name": "Mine", **SHOWN}
        case "createTrigger":
            return {"name": "Mine", "type": "repeated", "timings": DAILY, "templateId": await api.template()}
    return {"status": "inactive"}


@pytest.mark.parametrize("call", [call for call in CALLS if call.required], ids=lambda call: call.name)
async def test_what_is_of_another_type_is_refused_and_nothing_is_kept(api: TruepushApi, database, call):
    good = await body_for(api, call.name)
    path = call.path.removeprefix("/api/v1/").format(trigger=await api.trigger())
    before = await contents(database)
    for wrong, body in wrong_bodies(call, good):
        assert await api.bad(call.method, path, body), wrong
    for raw in BROKEN:
        await api.bad(call.method, path, raw)
    assert await contents(database) == before
    await api.done(call.method, path, good)


async def objects_of(api: TruepushApi) -> dict[str, str]:
    return {
        "campaign": await api.campaign(scheduled=True, timings={"date": "22-11-2026", "time": "10:00"}),
        "segment": await api.segment(),
        "template": await api.template(),
        "trigger": await api.trigger(),
    }


@pytest.mark.parametrize("route", ABOUT_OBJECTS, ids=lambda route: route.name)
async def test_what_is_anothers_is_not_there(api: TruepushApi, database, route):
    path = route.path.removeprefix("/api/v1/").format(**await objects_of(api))
    body = {"status": "inactive"} if route.request else b""
    owner = api.token
    sibling = await api.add_site()
    stranger = await TruepushApi(database).onboard()
    before = await contents(database)
    for token in (stranger, sibling):
        await api.failed(route.name, route.method, path, body, token=token)
    assert await contents(database) == before
    await api.done(route.method, path, body, token=owner)


@pytest.mark.parametrize("given", ["5f8d407ad11b5a2c2c524f63", "1", "x", "%7f", "%00", "x" * 300])
async def test_what_is_no_id_is_not_there(api: TruepushApi, given):
    for route in ABOUT_OBJECTS:
        path = route.path.removeprefix("/api/v1/").format(**dict.fromkeys(route.parameters, given))
        body = {"status": "inactive"} if route.request else b""
        await api.failed(route.name, route.method, path, body)


async def test_campaigns_and_triggers_are_different_things(api: TruepushApi):
    made = await objects_of(api)
    await api.failed("cancelCampaign", "PUT", f"cancelCampaign/{made['trigger']}")
    await api.failed("deleteTrigger", "DELETE", f"deleteTrigger/{made['campaign']}")
    await api.failed("triggerStatus", "PUT", f"triggerStatus/{made['campaign']}", {"status": "inactive"})


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.name)
async def test_a_page_is_a_number_from_1_and_one_without_rows_is_not_there(api: TruepushApi, route):
    path = route.path.removeprefix("/api/v1/")
    for page in ("0", "-1", "x", "1.5", "9" * 30, "²", "01", "00", "+1", " 1"):
        assert await api.bad(route.method, path.format(page=page)) == ["page"]
    for page in ("1", "999999999"):
        await api.failed(route.name, "GET", path.format(page=page))
    await objects_of(api)
    assert len((await api.done("GET", path.format(page=1)))["data"]) >= 1
    await api.failed(route.name, "GET", path.format(page=2))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_nobody_is_let_in_without_a_token_or_without_the_scope(api: TruepushApi, route):
    path = route.path.format(**dict.fromkeys(route.parameters, "1"))
    missing = {
        "status_code": 401,
        "status": "ERROR",
        "message": "No token provided.",
        "data": "TOKEN-NOT-FOUND",
    }
    for token in (None, "", "pm_unknown"):
        assert await api.tell(route.method, path, status=401, token=token) == missing
    limited = await api.credential(*({*Permission} - {route.permission, Permission.ADMIN}), site=api.site)
    found = await api.tell(route.method, path, status=403, token=limited)
    assert (found["status_code"], found["data"]) == (403, "FORBIDDEN")


async def test_a_token_needs_no_scheme(api: TruepushApi):
    token = api.token
    assert (
        await api.ask("GET", "/api/v1/listTrigger/1", token=None, authorization=token)
    ).answer.status == 200
    assert (await api.ask("GET", "/api/v1/listTrigger/1", token=token)).answer.status == 200


async def test_too_many_requests_are_told_as_documented(api: TruepushApi):
    for _ in range(600):
        await api.ask("GET", "/api/v1/listTrigger/1")
    handled = await api.ask("GET", "/api/v1/listTrigger/1")
    assert handled.answer.status == 429
    assert int(handled.answer.headers["Retry-After"]) > 0
    assert said(handled) == {
        "status_code": 429,
        "status": "ERROR",
        "message": "API Usage Limit Exceeded",
        "data": "API-LIMIT-EXCEEDED",
    }


async def test_a_database_that_is_away_is_told_as_documented(api: TruepushApi, monkeypatch):
    await api.ask("GET", "/api/v1/listTrigger/1")
    monkeypatch.setattr(api.database, "_pool", None)
    handled = await api.ask("GET", "/api/v1/listTrigger/1")
    assert handled.answer.status in {500, 503}
    assert {**said(handled), "status_code": 500} == {
        "status_code": 500,
        "status": "ERROR",
        "message": "Internal Server Error",
        "data": "DB-ERROR",
    }


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "x", 404), ("GET", "createCampaign", 405)])
async def test_unknown_paths_are_refused_in_its_form(api: TruepushApi, method, path, status):
    found = await api.tell(method, f"/api/v1/{path}", status=status)
    assert (found["status_code"], found["status"]) == (status, "ERROR")


async def test_a_trigger_may_be_made_with_a_slash_at_the_end(api: TruepushApi):
    await api.done("POST", "createTrigger/", await body_for(api, "createTrigger"))


async def test_a_site_may_have_empty_answers_as_http_does(database):
    api = TruepushApi(database)
    await api.onboard(defaults=Defaults(empty_204=True))
    handled = await api.ask("GET", "/api/v1/listTrigger/1")
    assert (handled.answer.status, handled.answer.body, handled.answer.media_type) == (204, b"", "")
    await api.trigger()
    assert (await api.done("GET", "listTrigger/1"))["data"]


async def test_a_token_of_several_sites_names_none(api: TruepushApi):
    token = await api.credential(Permission.ADMIN)
    await api.done("POST", "createCampaign", SHOWN, token=token)
    await api.add_site()
    assert await api.bad("POST", "createCampaign", SHOWN, token=token) == ["site"]
