"""Each error of the platform's overview, from its cause and in its shape."""

import msgspec
import pytest

from campaigns.adapters.pushwoosh.routes import MESSAGES_A_MINUTE
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushwoosh.support import keys
from tests.campaigns.api.support import said


async def test_a_token_that_nobody_has(api):
    api.token = "x" * 40
    assert await api.refused("getApplications") == "Invalid API Token: Account not found"


async def test_no_token(api):
    status, answer = await api.post("getApplications", b'{"request": {}}')
    assert (status, answer) == (
        200,
        {"status_code": 210, "status_message": "API token or application is not set", "response": None},
    )


@pytest.mark.parametrize("form", ["{}", "Token {}", "Api {}", "Bearer {}"])
async def test_a_token_in_a_header_is_one_too(api, form):
    status, _ = await api.post("getApplications", b'{"request": {}}', authorization=form.format(api.token))
    assert status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"{}", b'{"request": 7}', b"\xff", b"[" * 9999])
@pytest.mark.parametrize("method", ["createMessage", "setTags"])
async def test_what_is_no_request_is_a_bad_one(api, body, method):
    handled = await api.ask("POST", f"/json/1.3/{method}", body, token=api.token)
    answer = said(handled)
    assert (handled.answer.status, answer["status_code"]) in {(400, 400), (200, 210)}
    assert answer["response"] is None
    if body != b'{"request": 7}':
        assert answer["status_code"] == 400


async def test_a_text_that_cannot_be_kept_is_a_bad_request(api):
    status, answer = await api.post("setTags", b'{"request": {"hwid": "a\\u0000"}}')
    assert (status, answer["status_code"]) == (400, 400)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/json/1.3/nothing", 404),
        ("POST", "/json/1.2/createMessage", 404),
        ("GET", "/json/1.3/createMessage", 405),
    ],
)
async def test_a_path_that_there_is_not_is_refused_in_the_platform_s_words(api, method, path, status):
    handled = await api.ask(method, path)
    assert handled.answer.status == status
    assert said(handled)["status_code"] == status
    assert handled.adapter == "pushwoosh"
    if status == 404:
        assert said(handled)["status_message"] == "Resource not found"


async def test_too_many_messages(api):
    async with api.database.connection() as connection:
        await connection.execute("UPDATE credential SET rate = NULL")
    body = {"request": {"auth": api.token, "application": "", "notifications": []}}
    encoded = msgspec.json.encode(body)
    for _ in range(MESSAGES_A_MINUTE):
        status, _ = await api.post("createMessage", encoded)
        assert status == 200
    handled = await api.ask("POST", "/json/1.3/createMessage", encoded, token=None)
    assert (handled.answer.status, said(handled)["status_code"]) == (429, 429)
    assert int(handled.answer.headers["Retry-After"]) > 0
    status, answer = await api.call("getApplications")
    assert (status, answer["status_code"]) == (200, 200), "only messages are limited so"


async def test_who_guesses_tokens_is_stopped(api):
    api.token = "x" * 40
    for _ in range(10):
        await api.refused("getApplications")
    status, answer = await api.call("getApplications")
    assert (status, answer["status_code"]) == (429, 429)


async def test_a_conflict_is_told_inside(api):
    await api.subscribe("w-1", "a")
    status, answer = await api.device("registerDevice", hwid="w-1", **keys("b"))
    assert (status, answer["status_code"]) == (200, 210)
    assert "hwid" in answer["status_message"]


async def test_whatever_the_body_is_called_it_is_json(api):
    body = msgspec.json.encode({"request": {"auth": api.token, "application": api.application}})
    for media_type in (
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "",
        "application/json",
    ):
        status, answer = await api.post("getApplication", body, content_type=media_type)
        assert (status, answer["status_code"]) == (200, 200)
    assert answer["response"]["application"]["url"] == SHOP


async def test_fields_that_only_decorate_are_counted(api):
    counted = []
    api.gateway._count_ignored = lambda adapter, fields: counted.append((adapter, fields))
    message = {"content": "x", "ios_badges": 3, "android_icon": "x", "minimize_link": 1, "wp_type": None}
    await api.done("createMessage", application=api.application, notifications=[message])
    assert counted == [("pushwoosh", 3)]
