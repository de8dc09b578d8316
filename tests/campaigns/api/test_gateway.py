import asyncio

import pytest
from structlog.testing import capture_logs

from campaigns.adapters.refusals import Reason, RefusedError
from tests.campaigns.api.support import KEY, READER, SHOP, World, said


@pytest.fixture
def world():
    return World()


async def test_a_request_is_matched_let_in_and_answered(world):
    handled = await world.ask("GET", "/v1/sites/site_7?limit=3")
    assert handled.answer.status == 200
    assert handled.answer.media_type == "application/json"
    assert said(handled) == {"id": "site_7", "title": "1 3"}
    assert (handled.adapter, handled.route) == ("own", "/v1/sites/{site}")


async def test_a_route_has_its_own_status(world):
    assert (await world.ask("POST", "/v1/notices", {"title": "a"})).answer.status == 201
    gone = await world.ask("DELETE", "/v1/sites/site_7")
    assert (gone.answer.status, gone.answer.body, gone.answer.media_type) == (204, b"", "")


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/v1/nothing", 404, Reason.UNKNOWN_PATH),
        ("GET", "/v1/sites/7", 404, Reason.NOT_FOUND),
        ("GET", "/v1/sites/site_7/", 404, Reason.UNKNOWN_PATH),
        ("PUT", "/v1/sites/site_7", 405, Reason.METHOD_NOT_ALLOWED),
        ("POST", "/twice", 404, Reason.UNKNOWN_PATH),
    ],
)
async def test_what_is_not_there_is_a_problem(world, method, path, status, reason):
    handled = await world.ask(method, path)
    assert handled.answer.status == status
    assert handled.answer.media_type == "application/problem+json"
    assert said(handled)["type"] == f"/docs#{reason}"
    assert said(handled)["status"] == status


async def test_a_wrong_method_names_the_right_ones(world):
    handled = await world.ask("PUT", "/v1/sites/site_7")
    assert handled.answer.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"


async def test_labels_are_never_paths(world):
    assert (await world.ask("GET", "/v1/secret")).route == "unknown"
    assert (await world.ask("GET", "/v1/sites/secret")).route == "/v1/sites/{site}"
    assert (await world.ask("GET", "/v1/sites/site_1", token=None)).route == "/v1/sites/{site}"


@pytest.mark.parametrize("token", [None, "", "pm_wrong"])
async def test_who_shows_no_credential_is_told_so(world, token):
    handled = await world.ask("GET", "/v1/sites/site_7", token=token)
    assert handled.answer.status == 401
    assert handled.answer.headers["WWW-Authenticate"] == "Bearer"
    assert "wrong" not in handled.answer.body.decode()


async def test_a_credential_that_lacks_the_scope_is_refused(world):
    assert (await world.ask("GET", "/v1/sites/site_7", token=READER)).answer.status == 200
    refused = await world.ask("POST", "/v1/notices", {"title": "a"}, token=READER)
    assert refused.answer.status == 403
    assert world.service.made == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"title": 7}, {"field": "title", "problem": "expected `str`, got `int`"}),
        ({}, {"field": "title", "problem": "is missing"}),
        ([], {"field": "", "problem": "expected `object`, got `array`"}),
        (
            {"title": "a", "tilte": "b"},
            {"field": "tilte", "problem": "is not known here; correct its spelling, or leave it out"},
        ),
    ],
)
async def test_a_bad_body_is_told_by_field(world, body, problem):
    handled = await world.ask("POST", "/v1/notices", body)
    assert handled.answer.status == 400
    assert said(handled)["errors"] == [problem]


@pytest.mark.parametrize("body", [b"", b"{", b'{"title": "\xff"}', b'{"title": "a"}{}'])
async def test_what_is_not_json_is_refused(world, body):
    handled = await world.ask("POST", "/v1/notices", body)
    assert handled.answer.status == 400
    assert said(handled)["type"] == "/docs#malformed"


@pytest.mark.parametrize("text", ["\\u0000", "x\\\\\\u0000", "\\\\\\\\\\u0000"])
async def test_a_text_with_a_nul_is_refused(world, text):
    handled = await world.ask("POST", "/v1/notices", f'{{"title": "{text}"}}'.encode())
    assert (handled.answer.status, said(handled)["type"]) == (400, "/docs#malformed")


async def test_a_text_may_speak_of_a_nul(world):
    handled = await world.ask("POST", "/v1/notices", b'{"title": "\\\\u0000"}')
    assert said(handled)["title"] == "\\u0000"


async def test_a_query_with_a_nul_is_refused(world):
    assert (await world.ask("GET", "/v1/sites/site_7?limit=%00")).answer.status == 400


async def test_a_body_may_be_nested_as_deep_as_it_likes(world):
    assert (await world.ask("POST", "/v1/notices", b"[" * 100_000)).answer.status == 400


@pytest.mark.parametrize("query", ["limit=x", "limits=3"])
async def test_a_bad_query_is_refused(world, query):
    handled = await world.ask("GET", f"/v1/sites/site_7?{query}")
    assert handled.answer.status == 400
    assert said(handled)["errors"][0]["field"] == query.partition("=")[0]


async def test_a_body_must_be_of_the_routes_type(world):
    handled = await world.ask("POST", "/v1/notices", {"title": "a"}, content_type="text/xml")
    assert handled.answer.status == 415
    plain = await world.ask("POST", "/v1/open", b"a", content_type="Text/Plain;charset=UTF-8", token=None)
    assert plain.answer.body == b"a"


@pytest.mark.parametrize(
    ("title", "status", "reason"),
    [
        ("missing", 404, Reason.NOT_FOUND),
        ("conflict", 409, Reason.CONFLICT),
        ("invalid", 400, Reason.INVALID),
        ("away", 503, Reason.UNAVAILABLE),
        ("bug", 500, Reason.INTERNAL),
        ("deep", 400, Reason.MALFORMED),
    ],
)
async def test_what_an_operation_says_is_put_into_http(world, title, status, reason):
    with capture_logs():
        handled = await world.ask("POST", "/v1/notices", {"title": title})
    assert handled.answer.status == status
    assert said(handled)["type"] == f"/docs#{reason}"
    assert ("Retry-After" in handled.answer.headers) is (status == 503)


async def test_fields_that_an_operation_refuses_are_named(world):
    handled = await world.ask("POST", "/v1/notices", {"title": "invalid"})
    assert said(handled)["errors"] == [{"field": "content.title", "problem": "is empty"}]


async def test_a_bug_is_logged_by_its_route(world):
    with capture_logs() as logs:
        await world.ask("POST", "/v1/sites/site_7/notices", {"title": "bug"})
    assert [(line["log_level"], line["route"]) for line in logs] == [("error", "/v1/sites/{site}/notices")]
    assert "site_7" not in str({name: value for name, value in logs[0].items() if name != "exc_info"})


async def test_a_body_that_is_too_large_is_refused_after_the_login():
    world = World()

    async def read() -> bytes:
        raise RefusedError(Reason.TOO_LARGE, "Too much.")

    assert (await world.ask("POST", "/v1/notices", read=read)).answer.status == 413
    assert (await world.ask("POST", "/v1/notices", read=read, token=None)).answer.status == 401


async def test_a_request_that_takes_too_long_is_cancelled():
    world = World(time_limit=0.05)
    with capture_logs() as logs:
        handled = await world.ask("POST", "/v1/notices", {"title": "slow"})
    assert handled.answer.status == 503
    assert "Retry-After" in handled.answer.headers
    assert [line["event"] for line in logs] == ["a request took too long; rolled back"]


# ── rates ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_answer_says_what_is_left(world):
    handled = await world.ask("GET", "/v1/sites/site_7")
    assert handled.answer.headers["RateLimit-Limit"] == "1000"
    assert handled.answer.headers["RateLimit-Remaining"] == "999"
    assert 0 <= int(handled.answer.headers["RateLimit-Reset"]) <= 60


async def test_a_credential_has_so_many_requests_a_minute():
    world = World()
    statuses = [(await world.ask("GET", "/v1/sites/site_7", token=READER)).answer.status for _ in range(601)]
    assert statuses == [200] * 600 + [429]
    refused = await world.ask("GET", "/v1/sites/site_7", token=READER)
    assert 0 < int(refused.answer.headers["Retry-After"]) <= 60
    assert refused.answer.headers["RateLimit-Limit"] == "600"
    assert refused.answer.headers["RateLimit-Remaining"] == "0"
    assert said(refused)["type"] == "/docs#too-many-requests"
    assert (await world.ask("GET", "/v1/sites/site_7", token=KEY)).answer.status == 200


async def test_an_address_has_so_many_requests_without_a_credential(world):
    async def status(address: str) -> int:
        handled = await world.ask("POST", "/v1/open", token=None, address=address, content_type="text/plain")
        return handled.answer.status

    assert {await status("192.0.2.1") for _ in range(1200)} == {200}
    assert await status("192.0.2.1") == 429
    assert await status("192.0.2.2") == 200


async def test_an_address_asks_only_so_often_what_a_page_may_do(world):
    async def status() -> int:
        asks = {"origin": SHOP, "access_control_request_method": "POST"}
        handled = await world.ask("OPTIONS", "/v1/open", token=None, address="192.0.2.1", **asks)
        return handled.answer.status

    assert {await status() for _ in range(1200)} == {204}
    assert await status() == 429


# ── pages of other origins ──────────────────────────────────────────────────────────────────────────────────


async def test_a_page_of_the_site_may_read_the_answer(world):
    handled = await world.ask("POST", "/v1/open", token=None, origin=SHOP, content_type="text/plain")
    assert handled.answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert handled.answer.headers["Vary"] == "Origin"


async def test_a_page_of_the_site_may_read_a_refusal(world):
    handled = await world.ask("POST", "/v1/open", token=None, origin=SHOP, content_type="text/xml")
    assert handled.answer.status == 415
    assert handled.answer.headers["Access-Control-Allow-Origin"] == SHOP


async def test_a_page_of_the_site_may_read_when_to_try_again(world):
    async def ask():
        return await world.ask("POST", "/v1/open", token=None, origin=SHOP, content_type="text/plain")

    for _ in range(1201):
        handled = await ask()
    assert handled.answer.status == 429
    assert handled.answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert handled.answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert int(handled.answer.headers["Retry-After"]) > 0


async def test_a_page_of_elsewhere_may_not(world):
    handled = await world.ask(
        "POST", "/v1/open", token=None, origin="https://evil.example", content_type="text/plain"
    )
    assert handled.answer.status == 403
    assert "Access-Control-Allow-Origin" not in handled.answer.headers


async def test_a_browser_that_asks_first_is_told_who_may(world):
    asks = {"access_control_request_method": "POST", "access_control_request_headers": "content-type"}
    allowed = await world.ask("OPTIONS", "/v1/open", token=None, origin=SHOP, **asks)
    assert allowed.answer.status == 204
    assert allowed.answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert allowed.answer.headers["Access-Control-Allow-Headers"] == "content-type"
    refused = await world.ask("OPTIONS", "/v1/open", token=None, origin="https://evil.example", **asks)
    assert "Access-Control-Allow-Methods" not in refused.answer.headers
    closed = await world.ask("OPTIONS", "/v1/notices", token=None, origin=SHOP, **asks)
    assert "Access-Control-Allow-Origin" not in closed.answer.headers


# ── repeats ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_repeat_is_answered_as_the_first_time(world):
    first = await world.ask("POST", "/v1/notices", {"title": "a"}, idempotency_key="k1")
    again = await world.ask("POST", "/v1/notices", {"title": "a"}, idempotency_key="k1")
    assert world.service.made == ["a"]
    assert (again.answer.status, again.answer.body) == (first.answer.status, first.answer.body)
    assert again.answer.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.answer.headers


async def test_a_platform_may_have_its_key_in_the_body(world):
    body = {"title": "a", "count": 1}
    first = await world.ask("POST", "/v1/repeated", body)
    again = await world.ask("POST", "/v1/repeated", body, idempotency_key="is not asked for")
    assert (again.answer.body, world.service.made) == (first.answer.body, ["a"])
    await world.ask("POST", "/v1/repeated", {"title": "a"})
    assert world.service.made == ["a", "a"], "without a word of its own, it is another request"


async def test_the_same_key_with_another_request_is_refused(world):
    await world.ask("POST", "/v1/notices", {"title": "a"}, idempotency_key="k1")
    other = await world.ask("POST", "/v1/notices", {"title": "b"}, idempotency_key="k1")
    assert other.answer.status == 422
    assert world.service.made == ["a"]


async def test_the_same_body_for_another_object_is_another_request(world):
    await world.ask("POST", "/v1/sites/site_1/notices", {"title": "a"}, idempotency_key="k1")
    other = await world.ask("POST", "/v1/sites/site_2/notices", {"title": "a"}, idempotency_key="k1")
    assert other.answer.status == 422


async def test_keys_are_of_one_credential_and_one_route(world):
    world.credentials.update([*World().credentials.items()])
    for path, token in (("/v1/notices", KEY), ("/v1/sites/site_1/notices", KEY)):
        handled = await world.ask("POST", path, {"title": "a"}, token=token, idempotency_key="k1")
        assert handled.answer.status == 201
    assert len(world.service.made) == 2


async def test_a_refusal_is_not_kept(world):
    refused = await world.ask("POST", "/v1/notices", {"title": "conflict"}, idempotency_key="k1")
    assert refused.answer.status == 409
    assert world.kept == {}
    assert world.service.made == []
    again = await world.ask("POST", "/v1/notices", {"title": "a"}, idempotency_key="k1")
    assert again.answer.status == 201


async def test_a_repeat_while_the_first_is_running_is_refused(world):
    first = asyncio.create_task(world.ask("POST", "/v1/notices", {"title": "slow"}, idempotency_key="k1"))
    await world.service.running.wait()
    second = await world.ask("POST", "/v1/notices", {"title": "slow"}, idempotency_key="k1")
    assert (second.answer.status, said(second)["type"]) == (409, "/docs#in-progress")
    world.service.go_on.set()
    assert (await first).answer.status == 201
    assert world.service.made == ["slow"]


async def test_a_key_is_free_again_after_a_day(world):
    await world.ask("POST", "/v1/notices", {"title": "a"}, idempotency_key="k1")
    world.now = world.now.replace(day=22, hour=8, minute=59)
    await world.ask("POST", "/v1/notices", {"title": "a"}, idempotency_key="k1")
    assert len(world.service.made) == 1
    world.now = world.now.replace(hour=9, minute=1)
    await world.ask("POST", "/v1/notices", {"title": "a"}, idempotency_key="k1")
    assert len(world.service.made) == 2


@pytest.mark.parametrize("key", ["", "k" * 256, "k\ufffd", "k\x07"])
async def test_a_key_is_short_and_plain(world, key):
    handled = await world.ask("POST", "/v1/notices", {"title": "a"}, idempotency_key=key)
    assert handled.answer.status == 400
    assert world.service.made == []


async def test_only_a_post_is_kept(world):
    await world.ask("GET", "/v1/sites/site_7", idempotency_key="k1")
    assert world.kept == {}
