import pytest

from campaigns.adapters.own.adapter import OWN
from campaigns.api.limits import OPEN
from campaigns.api.matching import Table
from campaigns.api.openapi import document
from campaigns.api.routes import ADAPTERS, routes
from tests.campaigns.api.support import World, said

URL = "https://push.example"
ROUTES = routes(URL)
OWN_ROUTES = [route for route in ROUTES if route.adapter is OWN]
SITE = "/v1/sites/{site}"
CAMPAIGN = "/v1/campaigns/{campaign}"

CONTRACT = {
    "/v1/sites": "GET POST",
    SITE: "GET PATCH",
    "/v1/credentials": "GET POST",
    "/v1/credentials/{credential}": "DELETE",
    f"{SITE}/subscribers": "GET POST",
    f"{SITE}/subscribers/unsubscribe": "POST",
    "/v1/subscribers/{subscriber}": "GET PATCH DELETE",
    f"{SITE}/segments": "GET POST",
    f"{SITE}/segments/preview": "POST",
    "/v1/segments/{segment}": "GET PATCH DELETE",
    f"{SITE}/attributes": "GET",
    f"{SITE}/templates": "GET POST",
    "/v1/templates/{template}": "GET PATCH DELETE",
    f"{SITE}/campaigns": "GET POST",
    CAMPAIGN: "GET PATCH DELETE",
    **{f"{CAMPAIGN}/{word}": "POST" for word in ("launch", "pause", "resume", "cancel", "copy", "test")},
    f"{CAMPAIGN}/statistics": "GET",
    "/v1/launches/{launch}/statistics": "GET",
    f"{SITE}/send": "POST",
    "/v1/events": "POST",
    "/c/{token}/{button}": "GET",
    "/i/{hash}": "GET",
    "/sdk/{file}": "GET",
    "/openapi.json": "GET",
    "/docs": "GET",
}


def test_the_own_table_is_the_contracts():
    found: dict[str, set[str]] = {}
    for route in OWN_ROUTES:
        found.setdefault(route.path, set()).add(route.method)
    assert found == {path: {*methods.split()} for path, methods in CONTRACT.items()}


def test_every_route_can_be_matched():
    table = Table(ROUTES, OWN)
    for route in ROUTES:
        path = route.path.replace("{", "x").replace("}", "x")
        assert table.match(route.method, path).route is route


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_row_is_complete(route):
    assert {*route.parameters} <= route.adapter.parameters.keys()
    assert route.summary.endswith(".")
    assert route.limit is None or route.limit in OPEN
    assert not (route.permission and route.limit), "who shows a credential is limited by it"
    assert route.status in {200, 201, 204, 302}
    assert (route.status == 204) <= (route.answer is None)


@pytest.mark.parametrize("rows", ADAPTERS)
def test_no_name_is_there_twice(rows):
    names = [route.name for route in rows]
    assert len({*names}) == len(names)


def test_no_path_that_browsers_ask_for_looks_like_an_advertisement():
    for route in ROUTES:
        if route.permission is None and route.adapter is OWN:  # platforms' own paths are as they are
            assert "push" not in route.path


def test_the_document_has_every_route():
    described = document(OWN_ROUTES, URL)
    found = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert found == {(route.method, route.path) for route in OWN_ROUTES}


def test_pushpilots_paths_may_begin_elsewhere():
    moved = Table(routes(URL, "/other/pilot"), OWN)
    assert moved.match("GET", "/other/pilot/websites").route.name == "listWebsites"
    assert moved.adapter("/other/pilot/nothing").name == "pushpilot"
    assert moved.adapter("/pushpilot/websites") is OWN
    assert len(moved.routes) == len(ROUTES)


TEXT = "There is nothing at this path."
RESOURCE = {"status_code": 404, "status_message": "Resource not found", "response": None}
SENDPULSE = {"error_code": 404, "message": TEXT}
NEWER = {"code": 5, "message": "Resource not found", "details": []}
NOWHERE: dict[str, tuple[str, object]] = {
    "/": (
        "own",
        {"type": "/docs#unknown-path", "title": "Not Found", "status": 404, "detail": TEXT, "errors": []},
    ),
    "/api/v1/server": ("pushary", {"error": "Not Found", "message": TEXT}),
    "/pushpilot/": (
        "pushpilot",
        {"success": False, "error": {"code": "unknown-path", "message": TEXT}},
    ),
    "/json/": ("pushwoosh", RESOURCE),
    **dict.fromkeys(
        ("/api/v2/", "/messaging/v2/", "/api/journey/", "/api/v3/journeygateway"), ("pushwoosh", NEWER)
    ),
    **dict.fromkeys(("/push/", "//push/", "/oauth/", "//oauth/"), ("sendpulse", SENDPULSE)),
    "/api/v1/": (
        "truepush",
        {"status_code": 404, "status": "ERROR", "message": TEXT, "data": "UNKNOWN-PATH"},
    ),
}
"""By prefix: whose paths begin with it, and what is answered where it has none."""


def test_every_prefix_is_in_the_table_of_what_is_not_there():
    assert {prefix for route in ROUTES for prefix in route.adapter.prefixes} == NOWHERE.keys()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("prefix", NOWHERE)
async def test_a_path_that_there_is_not_is_answered_in_its_platforms_form(prefix, method):
    name, body = NOWHERE[prefix]
    handled = await World(ROUTES).ask(method, f"{prefix}/nothing/here", token=None)
    assert (handled.answer.status, handled.adapter, handled.route) == (404, name, "unknown")
    assert said(handled) == body
