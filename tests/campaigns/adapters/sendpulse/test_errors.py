"""Every documented error from what causes it, and nothing kept of a request that is refused."""

from typing import Any

import msgspec
import pytest

from campaigns.adapters.sendpulse.routes import ROUTES
from tests.campaigns.adapters.sendpulse.support import TASK, SendPulseApi, code
from tests.campaigns.api.support import said
from tests.campaigns.operations.support import contents

NO_PICTURE = {"name": "a.svg", "data": "PHN2Zy8+"}


async def refused(api: SendPulseApi, fields: dict[str, Any], path: str = "/push/tasks") -> tuple[int, int]:
    before = await contents(api.database)
    found = code(await api.ask("POST", path, fields))
    assert await contents(api.database) == before
    return found


@pytest.mark.parametrize("name", ["title", "body", "ttl", "website_id"])
async def test_8_empty_data(api, site, name):
    task = {**TASK, "website_id": site}
    for value in ("", None):
        assert await refused(api, {**task, name: value}) == (400, 8)
    del task[name]
    assert await refused(api, task) == (400, 8)


@pytest.mark.parametrize("send_date", ["2020-01-01 10:00:00", "21.11.2026", "2099-01-01 10:00:00", 7])
async def test_799_wrong_send_date(api, site, send_date):
    assert await refused(api, {**TASK, "website_id": site, "send_date": send_date}) == (400, 799)


@pytest.mark.parametrize(
    "fields",
    [
        {"ttl": -1},
        {"ttl": 86_401},
        {"ttl": "soon"},
        {"stretch_time": -1},
        {"link": "shop"},
        {"filter": {"variable_name": "nothing", "operator": "or", "conditions": [{}]}},
        {"filter_gender": "f"},
        {"buttons": [{"text": "x"}]},
        {"icon": NO_PICTURE},
        {"title": 7},
        {"title": "x" * 70_000},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_800_invalid_operation(api, site, fields):
    assert await refused(api, {**TASK, "website_id": site, **fields}) == (400, 800)


async def test_802_no_campaign(api, site):
    for task in ("999", "x", "-1", "9" * 30):
        assert code(await api.ask("GET", f"/push/tasks/{task}")) == (404, 802)


async def test_what_else_is_not_there(api):
    assert code(await api.ask("GET", "/push/websites/999/variables")) == (404, 800)
    assert code(await api.ask("POST", "/push/subscriptions/state", {"id": 999, "state": 1})) == (404, 800)
    assert await refused(api, {**TASK, "website_id": 999}) == (404, 800)
    assert code(await api.ask("GET", "/push/nothing")) == (404, 404)
    assert code(await api.ask("DELETE", "/push/tasks")) == (405, 405)
    assert (await api.ask("GET", "/push/nothing")).adapter == "sendpulse"


@pytest.mark.parametrize("body", [b"x", b"[1]", b'{"title": "\\u0000"}'])
async def test_what_is_not_json_is_refused(api, body):
    assert code(await api.ask("POST", "/push/tasks", body)) == (400, 400)


async def test_too_many_requests(api, site):
    client = await api.credential("read")
    async with api.database.connection() as connection:
        await connection.execute("UPDATE credential SET rate = 2")
    token = await api.access_token(client)
    path = "/push/websites/total"
    assert [(await api.ask("GET", path, token=token)).answer.status for _ in range(2)] == [200, 200]
    handled = await api.ask("GET", path, token=token)
    assert code(handled) == (429, 2020202020)
    assert int(handled.answer.headers["Retry-After"]) > 0
    assert not [name for name in handled.answer.headers if "ratelimit" in name.lower()]


@pytest.mark.parametrize(
    "query", ["limit=-1", "offset=-1", "offset=99999999999", "limit=x", "from=x", "website_id=x"]
)
async def test_a_list_that_cannot_be_is_refused(api, query):
    status, _ = code(await api.ask("GET", f"/push/tasks?{query}"))
    assert status in {400, 404}


# ── wrong types, for every field of every call ──────────────────────────────────────────────────────────────

WRONG: tuple[Any, ...] = (
    *(
        True,
        1.5,
        -7,
        10**30,
        10**400,
        "\ud7ff" * 9,
        "'; DROP TABLE site",
        [1],
        [[]],
        {"a": {"b": 1}},
        "{",
        "[",
    ),
)
FIELDS = [
    (route, name)
    for route in ROUTES
    if route.request is not None
    for name in route.request.__struct_encode_fields__
    if name != "unknown"
]


@pytest.mark.parametrize(("route", "name"), FIELDS, ids=[f"{route.name}.{name}" for route, name in FIELDS])
async def test_no_wrong_type_is_a_mistake_of_ours(api, site, route, name):
    right = {**TASK, "website_id": site, "grant_type": "client_credentials", "id": 1, "state": 0}
    for value in WRONG:
        body = msgspec.json.encode({**right, name: value if value != 10**400 else 0})
        if value == 10**400:
            body = body.replace(b'"%s":0' % name.encode(), b'"%s":1%s' % (name.encode(), b"0" * 400))
        handled = await api.ask("POST", route.path, body)
        assert handled.answer.status in {200, 400, 401, 404, 429}, (value, handled.answer.body)
        if handled.answer.status != 200:
            assert said(handled).keys() >= {"message", "error_code"}
