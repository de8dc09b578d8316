"""PushPilot's calls as its document has them: each is served, to its owner alone, and takes no nonsense."""

import pytest

from campaigns.model.ids import Kind
from campaigns.model.platforms import Alias
from campaigns.model.scope import Permission
from campaigns.operations.aliases import take_over
from tests.campaigns.adapters.platform import BROKEN, is_served, routes_of, wrong_bodies
from tests.campaigns.adapters.pushpilot.calls import CALLS
from tests.campaigns.adapters.pushpilot.support import CAMPAIGNS, SHOWN, PushPilotApi
from tests.campaigns.api.support import said
from tests.campaigns.operations.support import contents

ROUTES = routes_of("pushpilot")
ABOUT_CAMPAIGNS = [route for route in ROUTES if route.parameters]
BODIES = {"createCampaign": {"websiteId": "{site}", "name": "Mine"}}
CHANGE = {"name": "Mine"}


def failure_of(handled):
    body = said(handled)
    assert body["success"] is False
    assert {*body["error"]} <= {"code", "message", "details"}
    return body["error"]


def test_every_documented_call_is_a_row_and_there_are_no_others():
    assert {(call.name, call.method, call.path) for call in CALLS} == {
        (route.name, route.method, route.path) for route in ROUTES
    }
    assert all(is_served(call) for call in CALLS)


@pytest.mark.parametrize("call", [call for call in CALLS if call.optional], ids=lambda call: call.name)
async def test_what_is_of_another_type_is_refused_and_nothing_is_kept(api: PushPilotApi, database, call):
    campaign = await api.create()
    good = api.body() if call.required else {"notification": SHOWN}
    path = call.path.format(campaign=campaign["id"])
    before = await contents(database)
    for wrong, body in wrong_bodies(call, good):
        handled = await api.ask(call.method, path, body)
        assert handled.answer.status == 400, wrong
        failure_of(handled)
    for raw in BROKEN:
        handled = await api.ask(call.method, path, raw)
        assert handled.answer.status == 400, raw[:20]
    assert await contents(database) == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"description": "x" * 256}, "description"),
        ({"notification": {"body": "x"}}, "notification.title"),
        ({"notification": {**SHOWN, "title": 5}}, "notification.title"),
        ({"notification": {**SHOWN, "url": "shop"}}, "notification.url"),
        ({"notification": {**SHOWN, "actions": {}, "buttons": 5}}, "notification.actions"),
        ({"notification": {**SHOWN, "actions": [5]}}, "notification.actions[0]"),
        (
            {"notification": {**SHOWN, "actions": [{"url": "https://a.example"}]}},
            "notification.actions[0].title",
        ),
        ({"notification": {**SHOWN, "more": "x" * 70_000}}, "notification"),
        ({"frequency": "every day"}, "frequency"),
        ({"frequency": "* * * * *"}, "frequency"),
        ({"startAt": "tomorrow"}, "startAt"),
        ({"startAt": "2026-11-20T23:59:59Z"}, "startAt"),
        ({"startAt": "9999-12-31T23:59:59-10:00"}, "startAt"),
        ({"startAt": "2026-11-22T00:00:00Z", "endsAt": "2026-11-21T23:00:00Z"}, "endsAt"),
        ({"options": {"segment": "vip"}}, "options.segment"),
        ({"options": {"filters": {"cities": ["Berlin"]}}}, "options.filters.cities"),
        ({"options": {"filters": {"countries": ["Germany"]}}}, "options.filters.countries[0]"),
        ({"options": {"filters": {"platforms": ["watch"]}}}, "options.filters.platforms[0]"),
        ({"options": {"filters": {"browsers": ["netscape"]}}}, "options.filters.browsers"),
        ({"options": {"queryParams": {"utm_source": 5}}}, "options.queryParams[...]"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_told_by_the_name_it_has_here(api: PushPilotApi, database, fields, field):
    before = await contents(database)
    handled = await api.ask("POST", CAMPAIGNS, api.body(**fields))
    assert handled.answer.status == 400
    assert [each["field"] for each in failure_of(handled)["details"]][:1] == [field]
    assert await contents(database) == before


@pytest.mark.parametrize("route", ABOUT_CAMPAIGNS, ids=lambda route: route.name)
async def test_another_accounts_campaign_is_not_there(api: PushPilotApi, database, route):
    path = route.path.format(campaign=(await api.create())["id"])
    neighbour = await api.credential(Permission.ADMIN, site=None)
    theirs = api.token
    sibling = await api.add_site() and await api.credential(Permission.ADMIN, site=api.site)
    stranger = await PushPilotApi(database).onboard()
    api.token = theirs
    before = await contents(database)
    body = CHANGE if route.request else b""
    for token in (stranger, sibling):
        handled = await api.ask(route.method, path, body, token=token)
        assert handled.answer.status == 404
        failure_of(handled)
    assert await contents(database) == before
    assert (await api.ask(route.method, path, body, token=neighbour)).answer.status != 404


async def test_another_accounts_website_is_not_there(api: PushPilotApi, database):
    other = PushPilotApi(database)
    await other.onboard()
    campaign = await api.create()
    before = await contents(database)
    for site in (str(other.site), "web123", "", "\x7f"):
        handled = await api.ask("POST", CAMPAIGNS, {**api.body(), "websiteId": site})
        assert handled.answer.status == 404
    path = f"{CAMPAIGNS}/{campaign['id']}/copy?websiteId={other.site}"
    assert (await api.ask("POST", path)).answer.status == 404
    assert await contents(database) == before


@pytest.mark.parametrize("campaign", ["camp123", "0", "-1", "99999999999999999999", "%00", "x" * 300])
async def test_what_is_no_campaign_is_not_there(api: PushPilotApi, campaign):
    for route in ABOUT_CAMPAIGNS:
        path = route.path.format(campaign=campaign)
        handled = await api.ask(route.method, path, CHANGE if route.request else b"")
        assert handled.answer.status == 404, (route.name, campaign)
        failure_of(handled)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_nobody_is_let_in_without_a_key_or_without_the_scope(api: PushPilotApi, route):
    path = route.path.format(campaign="1")
    for token in (None, "pm_unknown"):
        handled = await api.ask(route.method, path, CHANGE, token=token)
        assert (handled.answer.status, failure_of(handled)["code"]) == (401, "unauthenticated")
    limited = await api.credential(*({*Permission} - {route.permission, Permission.ADMIN}))
    handled = await api.ask(route.method, path, CHANGE, token=limited)
    assert (handled.answer.status, failure_of(handled)["code"]) == (403, "forbidden")
    _, own = await api.log_in()
    assert (await api.ask(route.method, path, CHANGE, token=own)).answer.status == 401


async def test_too_many_requests_say_when_to_come_again(api: PushPilotApi):
    for _ in range(600):
        handled = await api.ask("GET", "/pushpilot/nothing", token=None)
    assert handled.answer.status == 404
    statuses = [(await api.ask("GET", f"{CAMPAIGNS}/1")).answer.status for _ in range(600)]
    assert {*statuses} == {404}
    handled = await api.ask("GET", f"{CAMPAIGNS}/1")
    assert (handled.answer.status, failure_of(handled)["code"]) == (429, "too-many-requests")
    assert int(handled.answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/x", 404), ("DELETE", "/websites", 405)])
async def test_unknown_paths_are_refused_in_its_form(api: PushPilotApi, method, path, status):
    handled = await api.ask(method, f"/pushpilot{path}")
    assert handled.answer.status == status
    failure_of(handled)


async def test_ids_that_a_customers_code_holds_are_known_and_said(api: PushPilotApi):
    alias = Alias(api.kind, "web123")
    await take_over(api.scope, api.service, Kind.SITE, api.site, [alias])
    made = await api.create(websiteId="web123")
    assert made["websiteId"] == "web123"
    assert (await api.act(made, "copy?websiteId=web123"))["websiteId"] == "web123"
    [website] = (await api.tell("GET", "/pushpilot/websites"))["data"]["websites"]
    assert website["id"] == "web123"
