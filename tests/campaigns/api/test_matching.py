import pytest

from campaigns.adapters.own.adapter import OWN, OwnAdapter
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Route
from campaigns.api.matching import Table


class OtherAdapter(OwnAdapter):
    name = "other"
    prefixes = ("/push", "//push")


OTHER = OtherAdapter()


async def handle(_call: object) -> None:
    return None


def route(method: str, path: str, adapter: OwnAdapter = OWN, *, loose: bool = False) -> Route:
    return Route(
        adapter=adapter,
        name=f"{method} {path}",
        method=method,
        path=path,
        handle=handle,
        summary="",
        loose=loose,
    )


TABLE = Table(
    [
        route("GET", "/v1/sites/{site}"),
        route("PATCH", "/v1/sites/{site}"),
        route("POST", "/v1/sites/preview"),
        route("GET", "/v1/sites/preview/{segment}"),
        route("POST", "/v1/sites/{site}/segments"),
        route("GET", "/v1/launches/{launch}"),
        route("POST", "//push/tasks", OTHER),
        route("GET", "/push/tasks", OTHER),
        route("GET", "/push/sites/{site}/total", OTHER, loose=True),
        route("GET", "/push/sites", OTHER, loose=True),
        route("GET", "/"),
    ],
    OWN,
)


@pytest.mark.parametrize(
    ("method", "path", "template", "values"),
    [
        ("GET", "/v1/sites/site_7", "/v1/sites/{site}", ("site_7",)),
        ("HEAD", "/v1/sites/site_7", "/v1/sites/{site}", ("site_7",)),
        ("POST", "/v1/sites/preview", "/v1/sites/preview", ()),
        ("GET", "/v1/sites/preview", "/v1/sites/{site}", ("preview",)),
        ("POST", "/v1/sites/preview/segments", "/v1/sites/{site}/segments", ("preview",)),
        ("POST", "//push/tasks", "//push/tasks", ()),
        ("GET", "/push/sites", "/push/sites", ()),
        ("GET", "//push///sites/", "/push/sites", ()),
        ("GET", "/push/sites/site_7/total//", "/push/sites/{site}/total", ("site_7",)),
        ("GET", "/", "/", ()),
    ],
)
def test_what_is_in_the_table_is_found(method, path, template, values):
    match = TABLE.match(method, path)
    assert (match.route.path, match.values) == (template, values)


@pytest.mark.parametrize(
    ("method", "path", "reason"),
    [
        ("GET", "/v1/sites", Reason.UNKNOWN_PATH),
        ("GET", "/v1/sites/", Reason.UNKNOWN_PATH),
        ("GET", "//v1/sites/site_7", Reason.UNKNOWN_PATH),
        ("GET", "/v1/sites//segments", Reason.UNKNOWN_PATH),
        ("GET", "/V1/sites/site_7", Reason.UNKNOWN_PATH),
        ("GET", "", Reason.UNKNOWN_PATH),
        ("GET", "*", Reason.UNKNOWN_PATH),
        ("POST", "/v1/sites/site_7", Reason.METHOD_NOT_ALLOWED),
        ("POST", "/push/tasks", Reason.METHOD_NOT_ALLOWED),
        ("GET", "/push/tasks/", Reason.UNKNOWN_PATH),
        ("POST", "//push/sites/", Reason.METHOD_NOT_ALLOWED),
        ("GET", "//", Reason.UNKNOWN_PATH),
    ],
)
def test_what_is_not_in_the_table_is_refused(method, path, reason):
    with pytest.raises(RefusedError) as caught:
        TABLE.match(method, path)
    assert caught.value.refusal.reason is reason


def test_the_methods_of_every_route_with_this_path_are_allowed():
    with pytest.raises(RefusedError) as caught:
        TABLE.match("DELETE", "/v1/sites/preview")
    assert caught.value.refusal.headers == {"Allow": "POST, GET, PATCH, HEAD, OPTIONS"}


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/v1/sites/site_7", {"site": 7}),
        ("/v1/sites/site%5F7", {"site": 7}),
        ("/v1/launches/launch_9_abcdefgh", {"launch": (9, "abcdefgh")}),
    ],
)
def test_parameters_are_read_by_their_type(path, parameters):
    assert TABLE.match("GET", path).parameters() == parameters


@pytest.mark.parametrize(
    "text", ["7", "site_07", "camp_7", "site_%FF", "site_7%2F", "site_99999999999999999"]
)
def test_what_no_id_can_be_is_not_found(text):
    with pytest.raises(RefusedError) as caught:
        TABLE.match("GET", f"/v1/sites/{text}").parameters()
    assert caught.value.refusal.reason is Reason.NOT_FOUND
    assert text not in caught.value.refusal.detail


@pytest.mark.parametrize(
    ("path", "adapter"),
    [("/push/nothing", OTHER), ("//push", OTHER), ("/v1/x", OWN), ("*", OWN), ("/", OWN)],
)
def test_an_unknown_path_is_answered_by_whose_it_would_be(path, adapter):
    assert TABLE.adapter(path) is adapter


def test_no_route_is_there_twice():
    with pytest.raises(ValueError, match=r"GET /v1/\{site\} is in the table twice"):
        Table([route("GET", "/v1/{site}"), route("GET", "/v1/{site}")], OWN)
