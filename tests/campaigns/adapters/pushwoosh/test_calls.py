"""Every documented call, as documented; with each field of a wrong type; and by strangers."""

from itertools import count

import msgspec
import pytest

from campaigns.adapters.pushwoosh.adapter import DEVICES, PUSHWOOSH
from campaigns.adapters.pushwoosh.routes import ROUTES
from campaigns.adapters.pushwoosh.second_adapter import SECOND
from campaigns.model.scope import Permission
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushwoosh.calls import (
    APPLICATION,
    DEVICE_CALLS,
    MESSAGE,
    PRESET,
    REFUSED_CALLS,
    SERVER_CALLS,
    filled,
)
from tests.campaigns.adapters.pushwoosh.support import keys
from tests.campaigns.operations.support import contents

WRONG = (7, -1, 2.5, True, "x", "", [], [1], ["x", {}], {}, {"a": 1}, {"a": {"b": []}}, 2**70, "0001-01-01")
SERVER_ROUTES = [route for route in ROUTES if route.adapter is PUSHWOOSH]


@pytest.fixture
async def codes(api):
    """Codes of an application, of a message that waits, and of a preset; there is a filter, too."""
    waiting = {"content": "x", "send_date": "2026-11-22 10:00"}
    message = await api.done("createMessage", application=api.application, notifications=[waiting])
    shown = {"message": "Hello"}
    preset = await api.done("createPreset", name="Old", applicationCode=api.application, content=shown)
    adults = [["Age", "GTE", 18]]
    await api.done("createFilter", name="Adults", application=api.application, conditions=adults)
    await api.subscribe("w-1")
    return {APPLICATION: api.application, MESSAGE: message["Messages"][0], PRESET: preset["preset_code"]}


def test_every_route_is_documented_and_every_documented_call_has_one():
    named = {each.method for each in (*SERVER_CALLS, *DEVICE_CALLS)} | {*REFUSED_CALLS}
    assert {route.name for route in ROUTES if route.adapter is not SECOND} == named


@pytest.mark.parametrize("documented", SERVER_CALLS, ids=lambda each: each.method)
async def test_a_server_calls_as_documented(api, codes, documented):
    response = await api.done(documented.method, **filled(documented.request, codes))
    assert response is None if documented.response is None else {*documented.response} <= response.keys()


@pytest.mark.parametrize("documented", DEVICE_CALLS, ids=lambda each: each.method)
async def test_a_device_calls_as_documented(api, codes, documented):
    subscription = keys("w-2") if documented.method == "registerDevice" else {}
    request = {**filled(documented.request, codes), **({"hwid": "w-2"} if subscription else {})}
    response = await api.done_by_device(documented.method, **request, **subscription)
    assert response is None if documented.response is None else {*documented.response} <= response.keys()


@pytest.mark.parametrize("method", REFUSED_CALLS)
async def test_what_is_left_out_says_so(api, method):
    ask = api.device if method in {"getPopupFormContent", "multiRegisterDevice"} else api.call
    status, answer = await ask(method, application=api.application)
    assert (status, answer["status_code"], answer["response"]) == (200, 210, None)


def variants(request):
    """A request with each of its fields wrong in many ways, those of a message in it, too."""
    for name in request:
        for wrong in WRONG:
            yield {**request, name: wrong}
    for message in request.get("notifications", []):
        for name in (*message, "transactionId"):  # with one, only the first would be done
            for wrong in WRONG:
                yield {**request, "notifications": [{**message, name: wrong}]}
    for outer in ("content", "tag"):
        for name in request.get(outer, {}) if isinstance(request.get(outer), dict) else ():
            for wrong in WRONG:
                yield {**request, outer: {**request[outer], name: wrong}}


@pytest.mark.parametrize("documented", [*SERVER_CALLS, *DEVICE_CALLS], ids=lambda each: each.method)
async def test_a_field_of_a_wrong_type_is_refused_and_changes_nothing(api, codes, documented):
    by_device = documented in DEVICE_CALLS
    addresses = count()
    given = {"hwid": "w-2", **keys("w-2")} if documented.method == "registerDevice" else {}
    before = await contents(api.database)
    for request in variants({**filled(documented.request, codes), **given}):
        body = msgspec.json.encode({"request": request if by_device else {"auth": api.token, **request}})
        number = next(addresses)
        status, answer = await api.post(
            documented.method, body, address=f"198.51.{number // 250}.{number % 250 + 1}", origin=SHOP
        )
        assert status in {200, 400}, answer
        assert answer["status_code"] in {200, 210, 400}, (request, answer)
        if answer["status_code"] != 200:
            assert answer["response"] is None
            assert answer["status_message"]
            assert await contents(api.database) == before, request
        before = await contents(api.database)


@pytest.mark.parametrize("documented", SERVER_CALLS, ids=lambda each: each.method)
async def test_nobody_meets_what_is_anothers(api, codes, documented):
    request = filled(documented.request, codes)
    _, stranger = await api.log_in()
    theirs, _ = await api.add_application()
    _, neighbour = await api.log_in(account=api.account, site=theirs)
    named = {*codes.values()} & _texts(request)
    before = await contents(api.database)
    for api.token in (stranger, neighbour):
        status, answer = await api.call(documented.method, **request)
        assert status == 200
        if named:
            assert answer["status_code"] == 210, answer
            assert answer["status_message"].endswith("not found"), answer
            assert await contents(api.database) == before
        else:
            assert not {*codes.values()} & {*_texts(answer)}


def _texts(tree):
    text = msgspec.json.encode(tree).decode()
    for sign in '"()\\,{}[] ':
        text = text.replace(sign, "\n")
    return {part.removeprefix("message.") for part in text.split()}


@pytest.mark.parametrize("route", SERVER_ROUTES, ids=lambda route: route.name)
async def test_nobody_is_let_in_without_a_token_or_without_the_scope(api, route):
    body = b'{"request": {"notifications": [], "message": "x", "request_id": "x", "devices_filter": ""}}'
    status, answer = await api.post(route.name, body)
    assert (status, answer["status_code"]) == (200, 210)
    assert answer["status_message"] == "API token or application is not set"
    others = {*Permission} - {route.permission, Permission.ADMIN}
    _, api.token = await api.log_in(*others)
    status, answer = await api.call(route.name)
    assert (status, answer["status_code"]) == (403, 403)


def test_devices_show_no_token_of_servers():
    assert all(route.permission is None for route in ROUTES if route.adapter is DEVICES)
    assert all(route.permission is not None for route in SERVER_ROUTES)
