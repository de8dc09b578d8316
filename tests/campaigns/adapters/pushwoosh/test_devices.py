"""Calls from devices: as the SDK makes them, and as somebody makes them who means no good."""

import pytest

from campaigns.model.ids import Kind
from campaigns.model.platforms import platform_spelling
from campaigns.model.secrets import Purpose
from campaigns.model.tokens import recipient_token
from campaigns.store.aliases import add_alias
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushwoosh.support import PUSHWOOSH, keys
from tests.campaigns.operations.support import contents

EVIL = "https://evil.example"


async def row(api, hwid="w-1"):
    rows = await api.fetch("SELECT * FROM subscriber WHERE hwid = $1", hwid)
    return rows[0] if rows else None


# ── a browser's first visits ────────────────────────────────────────────────────────────────────────────────


async def test_the_sdk_is_told_what_to_subscribe_with(api):
    features = (await api.done_by_device("getConfig", hwid="w-1", features=["vapid_key"]))["features"]
    [key] = await api.fetch("SELECT public FROM vapid_key")
    assert len(key["public"]) == 65
    assert len(features["vapid_key"]) == 87
    assert features["subscription_prompt"] == {"use_case": "not-set"}


async def test_an_empty_array_of_php_stands_for_no_tags(api):
    await api.subscribe("w-1", tags=[])
    await api.done_by_device("setTags", hwid="w-1", tags={"Sizes": []})
    before = (await row(api))["attributes"]
    assert await api.done_by_device("setTags", hwid="w-1", tags=[]) is None
    assert (await row(api))["attributes"] == before
    status, answer = await api.device("setTags", hwid="w-1", tags=["Plan"])
    assert (status, answer["status_code"]) == (200, 210)
    assert answer["status_message"].startswith("tags ")


async def test_a_first_visit_in_the_sdk_s_own_order(api):
    hwid = f"{api.application}_6ba7b810"
    common = {"hwid": hwid, "userId": hwid, "language": "de-DE", "timezone": 3600, "v": "3.55.0"}
    assert await api.done_by_device("applicationOpen", **common) is None
    assert await api.done_by_device("setTags", **common, tags={"Plan": "gold"}) is None
    assert await api.done_by_device("unregisterDevice", **common) is None
    there = await api.done_by_device("checkDevice", **common)
    assert there == {"exist": True, "push_token_exist": False}
    assert await api.done_by_device("registerDevice", **common, **keys("a")) is None
    there = await api.done_by_device("checkDevice", **common)
    assert there == {"exist": True, "push_token_exist": True}
    known = await row(api, hwid)
    assert (known["status"], known["payload_format"], known["external_id"]) == ("active", "pushwoosh", None)
    assert (known["language"], known["zone"], known["browser"]) == ("de-de", "Etc/GMT-1", "chrome")
    assert known["attributes"] == {"Plan": "gold"}
    inbox = await api.done_by_device("getInboxMessages", **common)
    assert inbox == {"messages": [], "next": "", "deleted": [], "new_inbox": 0}


@pytest.mark.parametrize(
    ("seconds", "zone"), [(0, "Etc/GMT"), (-18000, "Etc/GMT+5"), (19800, None), (10**9, None)]
)
async def test_an_offset_becomes_a_zone(api, seconds, zone):
    await api.subscribe("w-1", timezone=seconds)
    assert (await row(api))["zone"] == zone


@pytest.mark.parametrize(
    "method",
    [
        *("unregisterDevice", "deleteDevice", "applicationOpen", "registerUser", "checkDevice", "getTags"),
        *("getConfig", "getInboxMessages", "pushStat", "messageDeliveryEvent", "postEvent", "setPurchase"),
        *("pageVisit", "inboxStatus", "recordPopupFormEvent", "setBadge", "getNearestZone", "setEmailTags"),
        *("registerEmail", "registerSmsNumber"),
    ],
)
async def test_a_browser_that_nobody_knows_is_answered_and_not_kept(api, method):
    before = await contents(api.database)
    await api.done_by_device(method, hwid="nobody", userId="u-1", hash="x", event="Visit", attributes={})
    assert await contents(api.database) == before


async def test_registering_again_is_the_same_device(api):
    same = keys("a")
    for _ in range(2):
        await api.done_by_device("registerDevice", hwid="w-1", **same)
    assert len(await api.fetch("SELECT 1 FROM subscriber")) == 1


async def test_a_page_that_lost_its_storage_is_the_same_device(api):
    same = keys("a")
    await api.done_by_device("registerDevice", hwid="w-1", tags={"Old": 1}, **same)
    await api.done_by_device("setTags", hwid="w-2", tags={"New": 2})
    await api.done_by_device("registerDevice", hwid="w-2", **same)
    [known] = await api.fetch("SELECT * FROM subscriber")
    assert (known["hwid"], known["attributes"]) == ("w-2", {"Old": 1, "New": 2})


async def test_whoever_unsubscribes_is_gone_and_may_come_again(api):
    await api.subscribe("w-1", "a")
    await api.done_by_device("unregisterDevice", hwid="w-1")
    [known] = await api.fetch("SELECT * FROM subscriber")
    assert (known["status"], known["endpoint"], known["hwid"]) == ("unsubscribed", None, None)
    assert await api.done_by_device("unregisterDevice", hwid="w-1") is None
    await api.subscribe("w-1", "b")
    assert (await row(api))["status"] == "active"


async def test_a_device_is_erased(api):
    await api.subscribe("w-1")
    await api.done_by_device("deleteDevice", hwid="w-1")
    assert await api.fetch("SELECT 1 FROM subscriber") == []
    assert await api.fetch("SELECT 1 FROM subscriber_endpoint") == []


# ── tags and users ──────────────────────────────────────────────────────────────────────────────────────────


async def test_tags_are_set_changed_and_told(api):
    first = {"Name": "Ada", "Age": 30, "VIP": True, "Likes": ["a", "b"], "First Name": "A", "Country": "DE"}
    assert await api.done_by_device("setTags", hwid="w-1", tags=first) == {"skipped": ["Country"]}
    changes = {
        "Name": None,
        "Age": {"operation": "increment", "value": 2},
        "Likes": {"operation": "append", "value": ["b", "c"]},
        "New": {"operation": 1, "values": ["x"]},
    }
    assert await api.done_by_device("setTags", hwid="w-1", tags=changes) is None
    removed = {"Likes": {"operation": "remove", "value": "a"}}
    await api.done_by_device("setTags", hwid="w-1", tags=removed)
    told = (await api.done_by_device("getTags", hwid="w-1"))["result"]
    assert told == {"Age": 32, "VIP": True, "Likes": ["b", "c"], "New": ["x"], "First Name": "A"}


@pytest.mark.parametrize(
    "tags",
    [
        {"x": {"operation": "shout", "value": 1}},
        {"x": {"operation": True, "value": 1}},
        {"x": {"operation": "increment", "value": "1"}},
        {"x": {"operation": "increment", "value": 2**70}},
        {"x": [[1]]},
        {"x": {"operation": "set", "value": {"a": 1}}},
        {"": 1},
        {" ": 1},
        {"n" * 65: 1},
        {"x": "y" * 9000},
        {f"n{n}": 1 for n in range(201)},
        {"x": 2**70},
        7,
        None,
    ],
)
async def test_tags_that_cannot_be_are_refused(api, tags):
    before = await contents(api.database)
    status, answer = await api.device("setTags", hwid="w-1", tags=tags)
    assert (status, answer["status_code"]) == (200, 210), answer
    assert await contents(api.database) == before


async def test_a_user_is_noted_where_the_site_believes_it(api):
    await api.subscribe("w-1")
    await api.done_by_device("registerUser", hwid="w-1", userId="u-1", ts_offset=3600)
    assert (await row(api))["external_id"] == "u-1"
    await api.subscribe("w-2", userId="u-2")
    assert (await row(api, "w-2"))["external_id"] == "u-2"


async def test_nobody_is_believed_where_users_prove_who_they_are(api):
    _, closed = await api.add_application(open_identity=False)
    for method in ("registerDevice", "registerUser"):
        await api.done_by_device(method, application=closed, hwid="w-1", userId="victim", **keys("a"))
    assert (await row(api))["external_id"] is None


# ── weak authentication ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_hwid_takes_over_no_subscription_that_works(api):
    await api.subscribe("w-1", "victim")
    before = await contents(api.database)
    status, answer = await api.device("registerDevice", hwid="w-1", **keys("attacker"))
    assert (status, answer["status_code"]) == (200, 210)
    assert await contents(api.database) == before


async def test_nor_does_an_endpoint_with_other_keys(api):
    await api.subscribe("w-1", "victim")
    before = await contents(api.database)
    status, answer = await api.device("registerDevice", hwid="w-9", **keys("victim"))
    assert (status, answer["status_code"]) == (200, 210)
    assert await contents(api.database) == before


async def test_nor_one_that_was_switched_off(api):
    await api.subscribe("w-1", "victim")
    await api.fetch("UPDATE subscriber SET status = 'off'")
    before = await contents(api.database)
    _, answer = await api.device("registerDevice", hwid="w-1", **keys("attacker"))
    assert answer["status_code"] == 210
    assert await contents(api.database) == before


async def test_a_subscription_that_is_gone_is_replaced(api):
    await api.subscribe("w-1", "old")
    await api.fetch("UPDATE subscriber SET status = 'expired'")
    await api.subscribe("w-1", "new")
    assert (await row(api))["endpoint"].endswith("/new")


async def test_nothing_is_told_or_changed_by_a_user_s_name(api):
    await api.subscribe("w-1", userId="u-1", tags={"Secret": 1})
    before = await contents(api.database)
    assert await api.done_by_device("getTags", userId="u-1") == {"result": {}}
    skipped = await api.done_by_device("setTags", userId="u-1", tags={"Secret": 2})
    assert skipped == {"skipped": ["Secret"]}
    assert (await api.done_by_device("getInboxMessages", userId="u-1"))["messages"] == []
    assert await contents(api.database) == before


async def test_another_site_s_page_may_not_call(api):
    await api.subscribe("w-1")
    before = await contents(api.database)
    for method in ("registerDevice", "unregisterDevice", "deleteDevice", "setTags", "registerUser"):
        status, answer = await api.device(
            method, hwid="w-1", given={"origin": EVIL}, tags={"x": 1}, userId="u", **keys("b")
        )
        assert (status, answer["status_code"]) == (403, 403), method
    assert await contents(api.database) == before


async def test_a_hwid_of_another_application_is_nobody(api):
    await api.subscribe("w-1")
    _, other = await api.add_application()
    there = await api.done_by_device("checkDevice", application=other, hwid="w-1")
    assert there == {"exist": False, "push_token_exist": False}
    await api.done_by_device("deleteDevice", application=other, hwid="w-1")
    assert await row(api) is not None


async def test_no_account_gets_another_s_devices_by_taking_over_its_code(api):
    stranger, _ = await api.log_in()
    theirs, _ = await api.add_application(account=stranger)
    async with api.database.transaction() as connection:
        await add_alias(
            connection, stranger, platform=PUSHWOOSH, kind="site", text=api.application, number=theirs
        )
    await api.subscribe("w-1")
    assert (await row(api))["site"] == api.site


async def test_a_code_that_was_taken_over_leads_to_the_site(api):
    async with api.database.transaction() as connection:
        await add_alias(
            connection, api.account, platform=PUSHWOOSH, kind="site", text="1DC69-73EDB", number=api.site
        )
    await api.done_by_device("registerDevice", application="1DC69-73EDB", hwid="w-1", **keys("a"))
    assert (await row(api))["site"] == api.site


async def test_a_site_may_want_a_token_of_its_devices(api):
    await api.fetch("""UPDATE site SET defaults = '{"device_token": true}'""")
    _, right = await api.log_in(account=api.account, site=api.site)
    _, wrong = await api.log_in()
    for shown in ({}, {"token": "x" * 40}, {"token": wrong}):
        headers = {"authorization": f"Token {shown['token']}"} if shown else {}
        status, answer = await api.device("checkDevice", hwid="w-1", given=headers)
        assert (status, answer["status_code"]) == (401, 401)
    status, _ = await api.device("checkDevice", hwid="w-1", given={"authorization": f"Token {right}"})
    assert status == 200


# ── what came of a push ─────────────────────────────────────────────────────────────────────────────────────


async def test_deliveries_and_clicks_are_events_of_whoever_has_the_push_s_token(api):
    number = await api.subscribe("w-1")
    response = await api.done(
        "createMessage", application=api.application, notifications=[{"content": "Hello"}]
    )
    [launch] = await api.fetch("SELECT id, nonce FROM launch")
    key = api.service.secrets.keys(Purpose.RECIPIENT_TOKEN).signing
    token = recipient_token(key, launch["id"], number)
    await api.done_by_device("messageDeliveryEvent", hwid="w-1", hash=token, metaData={})
    await api.done_by_device("pushStat", hwid="w-1", hash=token)
    assert [(each.kind, each.button, each.subscriber_id) for each in api.written] == [
        ("shown", None, f"sub_{number}"),
        ("clicked", None, f"sub_{number}"),
    ]
    assert api.written[0].launch_id == f"launch_{launch['id']}_{launch['nonce']}"
    assert response["Messages"]


@pytest.mark.parametrize("given", ["", "x", "A" * 34, None])
async def test_a_push_of_another_service_is_passed_over(api, given):
    assert await api.done_by_device("pushStat", hwid="w-1", hash=given) is None
    assert api.written == []


async def test_what_cannot_be_written_is_told(api):
    await test_deliveries_and_clicks_are_events_of_whoever_has_the_push_s_token(api)
    [launch] = await api.fetch("SELECT id FROM launch")
    key = api.service.secrets.keys(Purpose.RECIPIENT_TOKEN).signing
    api.kafka_is_away = True
    status, answer = await api.device("pushStat", hwid="w-1", hash=recipient_token(key, launch["id"], 7))
    assert (status, answer["status_code"]) == (503, 503)


# ── the browser's own questions ─────────────────────────────────────────────────────────────────────────────


async def test_a_page_may_call_with_credentials(api):
    handled = await api.ask(
        "OPTIONS",
        "/json/1.3/registerDevice",
        token=None,
        origin=SHOP,
        access_control_request_method="POST",
        access_control_request_headers="authorization",
    )
    headers = handled.answer.headers
    assert handled.answer.status == 204
    assert headers["Access-Control-Allow-Origin"] == SHOP
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert headers["Access-Control-Allow-Headers"] == "authorization"


async def test_a_page_may_read_the_answer(api):
    handled = await api.ask(
        "POST",
        "/json/1.3/getConfig",
        {"request": {"application": api.application, "hwid": "w-1"}},
        token=None,
        origin=SHOP,
    )
    assert handled.answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert handled.answer.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize(
    "change",
    [
        {"hwid": None},
        {"hwid": ""},
        {"hwid": "x" * 256},
        {"hwid": 7},
        {"application": None},
        {"application": "AAAAA-BBBBB"},
        {"push_token": None},
        {"push_token": "https://localhost/x"},
        {"push_token": "not a URL"},
        {"public_key": "AAAA"},
        {"auth_token": None},
        {"device_type": 3},
        {"device_type": "eleven"},
        {"tags": [1]},
        {"userId": "u" * 256},
    ],
)
async def test_a_device_that_cannot_be_is_refused(api, change):
    before = await contents(api.database)
    status, answer = await api.device("registerDevice", **{"hwid": "w-1", **keys("a"), **change})
    assert (status, answer["status_code"], answer["response"]) == (200, 210, None), answer
    assert answer["status_message"]
    assert await contents(api.database) == before


def test_a_spelling_is_five_and_five():
    assert platform_spelling(PUSHWOOSH, Kind.SITE, 7) == "00000-00007"
