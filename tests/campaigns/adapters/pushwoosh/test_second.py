"""The platform's newer calls: without an envelope, and with a token in the header."""

import msgspec
import pytest

from campaigns.adapters.pushwoosh.routes import SECOND_ROUTES
from campaigns.model.scope import Permission
from tests.campaigns.adapters.pushwoosh.calls import filled
from tests.campaigns.adapters.pushwoosh.test_calls import WRONG
from tests.campaigns.adapters.pushwoosh.test_statistics import COUNTED, REPORTED
from tests.campaigns.api.support import said
from tests.campaigns.operations.support import contents

LIST = "/api/v2/messages:list"
TOTALS = "/api/v2/statistics/messages/totalsByIntervals"
CANCEL = "/messaging/v2/cancel"
NOTIFY = "/messaging/v2/notify"
METRICS = {
    "sends": 9,
    "opens": 4,
    "deliveries": 5,
    "inbox_opens": 0,
    "unshowable_sends": 0,
    "errors": 1,
}

CALLS = {
    LIST: {
        "filters": {
            "application": "<application>",
            "date_range": {"date_from": "2000-01-01", "date_to": "2100-01-01"},
        },
        "params": {"with_details": True, "with_metrics": True},
        "per_page": 10,
        "page": 0,
    },
    TOTALS: {"message_code": "<message>"},
    CANCEL: {"message_code": "<message>"},
}
"""Source: message-statistics, statistics-api-v2, messaging-api-v2 (cancel)."""


FILTERS = ("application", "platforms", "source", "campaign", "messages_codes", "date_range")


async def ask(api, path, body, **headers):
    headers = {"authorization": f"Token {api.token}", **headers}
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    handled = await api.ask("POST", path, raw, token=None, **headers)
    return handled.answer.status, said(handled)


@pytest.fixture
async def code(api):
    response = await api.done(
        "createMessage", application=api.application, notifications=[{"content": "Hello", "title": "Sale"}]
    )
    [launch] = await api.fetch("SELECT id FROM launch")
    await api.fetch(COUNTED, launch["id"])
    await api.fetch(REPORTED, launch["id"])
    return response["Messages"][0]


def call_of(api, path, code):
    return filled(CALLS[path], {"<application>": api.application, "<message>": code})


@pytest.mark.parametrize("form", ["{}", "Token {}", "Bearer {}"])
@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: {"request": body}])
async def test_messages_are_listed_with_what_came_of_them(api, code, form, wrap):
    body = wrap(call_of(api, LIST, code))
    status, answer = await ask(api, LIST, body, authorization=form.format(api.token))
    assert (status, answer["total"]) == (200, 1)
    [item] = answer["items"]
    assert (item["code"], item["status"], item["platforms"]) == (code, "pending", ["WEB"])
    assert item["push_info"]["metrics"] == [{**METRICS, "platform": "WEB"}]
    assert item["push_info"]["details"]["title"] == "Sale"


async def test_a_token_may_be_in_the_body(api, code):
    body = {"auth": api.token, **call_of(api, LIST, code)}
    status, _ = await ask(api, LIST, body, authorization="")
    assert status == 200


async def test_pages_and_days_narrow_a_list(api, code):
    body = call_of(api, LIST, code)
    status, answer = await ask(api, LIST, {**body, "page": 1})
    assert (status, answer) == (200, {"total": 1, "items": []})
    body["filters"]["date_range"] = {"date_to": "2000-01-01"}
    assert await ask(api, LIST, body) == (200, {"total": 0, "items": []})


async def test_days_may_be_the_first_and_the_last_of_all(api, code):
    body = call_of(api, LIST, code)
    body["filters"]["date_range"] = {"date_from": "0001-01-01", "date_to": "9999-12-31"}
    status, answer = await ask(api, LIST, body)
    assert (status, answer["total"]) == (200, 1)


async def test_totals_are_texts(api, code):
    status, answer = await ask(api, TOTALS, call_of(api, TOTALS, code))
    assert status == 200
    [row] = answer["metrics"]
    assert {name: row[name] for name in METRICS} == {name: str(count) for name, count in METRICS.items()}


async def test_a_message_is_cancelled_once(api, code):
    assert await ask(api, CANCEL, call_of(api, CANCEL, code)) == (200, {})
    status, answer = await ask(api, CANCEL, call_of(api, CANCEL, code))
    assert (status, answer["code"], answer["details"]) == (409, 9, [])


@pytest.mark.parametrize("path", [TOTALS, CANCEL])
async def test_a_message_that_there_is_not(api, path):
    answer = {"code": 5, "message": "Message not found", "details": []}
    assert await ask(api, path, {"message_code": "0000-00000000-0000FFFF"}) == (404, answer)


async def test_what_is_left_out_says_so(api):
    status, answer = await ask(api, NOTIFY, {"segment": {}})
    assert (status, answer["message"]) == (409, "This method is not known here.")
    status, answer = await ask(api, "/api/v3/journeygateway", {})
    assert (status, answer["code"]) == (404, 5)


@pytest.mark.parametrize("path", [*CALLS])
async def test_nobody_meets_what_is_anothers(api, code, path):
    body = call_of(api, path, code)
    _, api.token = await api.log_in()
    before = await contents(api.database)
    status, answer = await ask(api, path, body)
    assert (status, answer["code"]) == (404, 5)
    assert await contents(api.database) == before


@pytest.mark.parametrize("route", SECOND_ROUTES, ids=lambda route: route.name)
async def test_nobody_is_let_in_without_a_token_or_without_the_scope(api, route):
    assert (await ask(api, route.path, b"{}", authorization=""))[0] == 401
    assert (await ask(api, route.path, b"{}", authorization="Token nobodys"))[1]["code"] == 16
    others = {*Permission} - {route.permission, Permission.ADMIN}
    _, api.token = await api.log_in(*others)
    status, answer = await ask(api, route.path, b"{}")
    assert (status, answer["code"]) == (403, 7)


@pytest.mark.parametrize("path", [*CALLS])
async def test_a_field_of_a_wrong_type_is_a_bad_request(api, code, path):
    body = call_of(api, path, code)
    for name in body:
        for wrong in WRONG:
            status, answer = await ask(api, path, {**body, name: wrong})
            assert status in {200, 400, 404}, (name, wrong, answer)
            if status != 200:
                assert {*answer} == {"code", "message", "details"}


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_that_is_not_known_is_refused(api, code, name):
    body = call_of(api, LIST, code)
    for wrong in WRONG:
        body["filters"] = {**CALLS[LIST]["filters"], "application": api.application, name: wrong}
        status, answer = await ask(api, LIST, body)
        assert status in {200, 400, 404}, (name, wrong, answer)
        if name not in {"application", "date_range"} and wrong:
            assert status == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"\xff"])
async def test_what_is_no_request_is_a_bad_one(api, body):
    status, answer = await ask(api, LIST, body)
    assert (status, answer["code"]) == (400, 3)
