import re

import pytest

from campaigns.model.ids import Kind
from campaigns.model.platforms import platform_spelling, read_platform_id
from campaigns.model.scope import Permission
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushwoosh.support import PUSHWOOSH, keys
from tests.campaigns.operations.support import contents

SOON = "2026-11-21 18:30"  # NOW is 09:00 UTC of that day


async def send(api, **message):
    """Send one message; return its campaign's row."""
    response = await api.done("createMessage", application=api.application, notifications=[message])
    [code] = response["Messages"]
    return await row_of(api, code)


async def row_of(api, code):
    assert re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{8}-[0-9A-F]{8}", code)
    number = read_platform_id(PUSHWOOSH, Kind.CAMPAIGN, code)
    [row] = await api.fetch("SELECT * FROM campaign WHERE id = $1", number)
    return row


async def refused(api, **message):
    before = await contents(api.database)
    text = await api.refused("createMessage", application=api.application, notifications=[message])
    assert await contents(api.database) == before
    return text


async def test_a_message_is_launched_at_once(api):
    await api.subscribe("w-1")
    row = await send(api, send_date="now", content="Hello", link=f"{SHOP}/new", title="Sale")
    assert (row["status"], row["adapter"], row["target"]) == ("queued", "pushwoosh", {"all": True})
    assert row["content"] == {"title": "Sale", "url": f"{SHOP}/new", "body": "Hello"}
    [launch] = await api.fetch("SELECT targeted FROM launch WHERE campaign = $1", row["id"])
    assert launch["targeted"] == 1


async def test_what_is_not_said_is_the_sites(api):
    row = await send(api, content="Hello")
    assert row["content"] == {"title": "shop.example", "url": SHOP, "body": "Hello"}


async def test_each_part_of_a_notification(api):
    row = await send(
        api,
        content="Hello",
        title="lost",
        chrome_title="Sale",
        chrome_icon=f"{SHOP}/i.png",
        chrome_image=f"{SHOP}/p.png",
        chrome_gcm_ttl=3600,
        chrome_duration=0,
        chrome_button_text1="Buy",
        chrome_button_url1=f"{SHOP}/buy",
        chrome_button_text2="Look",
        chrome_root_params={"renotify_hours": 1},
        data={"sku": 7},
        link=SHOP,
        minimize_link=0,
        ios_badges=3,
    )
    assert row["content"] == {
        "title": "Sale",
        "url": SHOP,
        "body": "Hello",
        "icon": f"{SHOP}/i.png",
        "image": f"{SHOP}/p.png",
        "actions": [
            {"action": "button-1", "title": "Buy", "url": f"{SHOP}/buy"},
            {"action": "button-2", "title": "Look", "url": SHOP},
        ],
        "require_interaction": True,
        "data": {"sku": 7, "pushwoosh_root": {"renotify_hours": 1}},
    }
    assert row["ttl"] == 3600


async def test_content_by_language(api):
    row = await send(api, content={"en": "Hello", "de": "Hallo"}, title={"default": "Shop", "DE": "Laden"})
    assert (row["content"]["body"], row["content"]["title"]) == ("Hello", "Shop")
    assert row["translations"]["de"] == {"title": "Laden", "url": SHOP, "body": "Hallo"}
    assert row["translations"]["en"]["title"] == "Shop"


async def test_placeholders_become_variables(api):
    await api.subscribe("w-1", tags={"Name": "ada"})
    row = await send(api, content="Hi {Name|UPPERCASE|you}, {First Name|CapitalizeFirst|} {no} {x|y")
    assert row["content"]["body"] == (
        "Hi {{__upper__Name|you}}, {{__first__First_x20_Name|{First Name|CapitalizeFirst|} }} {no} {x|y"
    )
    assert row["target"] == {"all": True}


async def test_whoever_lacks_a_tag_without_a_default_is_not_sent_to(api):
    await api.subscribe("w-1", tags={"Name": "ada"})
    await api.subscribe("w-2")
    row = await send(api, content="Hi {Name|regular}")
    assert row["content"]["body"] == "Hi {{Name}}"
    assert row["target"] == {"condition": {"field": "attribute.Name", "op": "set"}}
    [launch] = await api.fetch("SELECT targeted FROM launch WHERE campaign = $1", row["id"])
    assert launch["targeted"] == 1
    named = await send(api, content="Hi {Name|regular}", devices=["w-1", "w-2"])
    [launch] = await api.fetch("SELECT targeted FROM launch WHERE campaign = $1", named["id"])
    assert launch["targeted"] == 1


async def test_values_that_are_given_take_the_place_of_tags(api):
    row = await send(
        api,
        content="{Sum|dollar|0} {Name|lowercase}",
        dynamic_content_placeholders={"Sum": 1200, "Name": "A"},
    )
    assert row["content"]["body"] == "$1,200 a"
    assert row["target"] == {"all": True}


# ── when ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "start_at"),
    [
        ({"send_date": SOON}, "2026-11-21T18:30:00+00:00"),
        ({"send_date": SOON, "ignore_user_timezone": True}, "2026-11-21T18:30:00+00:00"),
        ({"send_date": SOON, "timezone": "Europe/Berlin"}, "2026-11-21T17:30:00+00:00"),
        ({"send_date": f"{SOON}:00"}, "2026-11-21T18:30:00+00:00"),
    ],
)
async def test_a_message_waits_for_its_time(api, fields, start_at):
    row = await send(api, content="Hello", **fields)
    assert (row["status"], row["start_at"].isoformat()) == ("scheduled", start_at)


async def test_a_time_of_each_device(api):
    row = await send(api, content="Hello", send_date="2026-11-23 18:30", ignore_user_timezone=False)
    assert (row["status"], row["local_time"].isoformat()) == ("scheduled", "2026-11-23T18:30:00")


@pytest.mark.parametrize("send_date", ["now", "NOW", "", "2026-11-20 10:00"])
async def test_a_time_that_has_passed_is_now(api, send_date):
    row = await send(api, content="Hello", send_date=send_date)
    assert (row["status"], row["start_at"]) == ("queued", None)


async def test_a_rate_spreads_a_message(api):
    for number in range(3):
        await api.subscribe(f"w-{number}")
    row = await send(api, content="Hello", send_rate=100)
    [launch] = await api.fetch("SELECT stretch_time FROM launch WHERE campaign = $1", row["id"])
    assert (row["rate"], launch["stretch_time"]) == (100, 0.03)


# ── to whom ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_named_devices_by_hwid_and_by_token(api):
    one = await api.subscribe("w-1")
    two = await api.subscribe("w-2")
    await api.subscribe("w-3")
    names = ["w-1", "https://fcm.googleapis.com/fcm/send/w-2", "nobody"]
    row = await send(api, content="Hello", devices=names, users=["u-9"])
    assert row["target"] == {"subscribers": [f"sub_{number}" for number in sorted((one, two))]}


async def test_devices_that_nobody_knows_are_nobody(api):
    await api.subscribe("w-1")
    row = await send(api, content="Hello", devices=["nobody"])
    [launch] = await api.fetch("SELECT targeted FROM launch WHERE campaign = $1", row["id"])
    assert launch["targeted"] == 0


async def test_users(api):
    row = await send(api, content="Hello", users=["u-1", "u-2", "u-1"])
    assert row["target"] == {"external_ids": ["u-1", "u-2"]}


async def test_conditions(api):
    conditions = [["Age", "GTE", 18], ["Town", "IN", ["Ulm", "Bonn"]]]
    row = await send(api, content="Hello", conditions=conditions)
    assert row["target"]["condition"]["and"] == [
        {"field": "attribute.Age", "op": "ge", "value": 18},
        {"field": "attribute.Town", "op": "in", "value": ["Ulm", "Bonn"]},
    ]
    either = await send(api, content="Hello", conditions=conditions, conditions_operator="OR")
    assert [*either["target"]["condition"]] == ["or"]


async def test_platforms_narrow_whatever_else_is_asked(api):
    await api.subscribe("w-1", device_type=11)
    firefox = {"device_type": 12, "given": {"user_agent": "nothing known"}}
    await api.done_by_device("registerDevice", hwid="w-2", **firefox, **keys("w-2"))
    row = await send(api, content="Hello", platforms=[12, 3], devices=["w-1", "w-2"])
    assert row["target"]["condition"] == {"field": "browser", "op": "in", "value": ["firefox"]}
    [launch] = await api.fetch("SELECT targeted FROM launch WHERE campaign = $1", row["id"])
    assert launch["targeted"] == 1
    everyone = await send(api, content="Hello", platforms=[10, 11, 12])
    assert everyone["target"] == {"all": True}


async def test_an_expression_and_its_application(api):
    text = f'A("{api.application}", ["CHROME"]) * T("Age", GTE, 18)'
    response = await api.done("createTargetedMessage", devices_filter=text, content="Hello", send_date="now")
    row = await row_of(api, response["MessageCode"])
    assert row["site"] == api.site
    assert row["target"]["condition"]["and"][1] == {"field": "attribute.Age", "op": "ge", "value": 18}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('T("Age", GTE, 18)', "names no application"),
        ('A("AAAAA-BBBBB")', "Application not found"),
        ('A("00000-00001") + A("00000-00002")', "several applications"),
        ("A(", "double quotes"),
        (None, "must be a text"),
    ],
)
async def test_an_expression_that_cannot_be_sent_to(api, text, problem):
    assert problem in await api.refused("createTargetedMessage", devices_filter=text, content="Hello")


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"content": None}, "content must be given"),
        ({"content": ""}, "content must be given"),
        ({"content": 7}, "content"),
        ({"content": "{{ name }}"}, "Liquid"),
        ({"content": "{Name|shout|you}"}, "format"),
        ({"link": "http://shop.example"}, "url"),
        ({"send_date": "tomorrow"}, "send_date must be"),
        ({"send_date": "0001-01-01 00:00"}, "send_date must be"),
        ({"send_date": SOON, "timezone": "Mars/Base"}, "timezone"),
        ({"send_rate": 99}, "send_rate must be from 100 to 1000"),
        ({"send_rate": 1001}, "send_rate"),
        ({"platforms": [1, 3]}, "Please select at least one platform"),
        ({"platforms": [99]}, "platforms"),
        ({"devices": [""]}, "devices"),
        ({"devices": [f"w-{n}" for n in range(1001)]}, "devices"),
        ({"users": ["u" * 256]}, "users"),
        ({"filter": "Nobody"}, "Filter not found"),
        ({"filter": "x", "conditions": [["Age", "EQ", 1]]}, "filter must be left out"),
        ({"conditions": [["Age", "ABOUT", 1]]}, "operators"),
        ({"conditions": [["Age"]]}, "must be [tag, operator, operand]"),
        ({"conditions": [["Age", "EQ", 1]], "conditions_operator": "XOR"}, "AND or OR"),
        ({"preset": "AAAAA-BBBBB", "content": None}, "Preset not found"),
        ({"capping_days": 3}, "limit how often"),
        ({"template_bindings": {"a": 1}}, "Liquid"),
        ({"data": [1]}, "data must be an object"),
        ({"chrome_gcm_ttl": -1}, "ttl"),
    ],
)
async def test_what_cannot_be_is_told_and_nothing_is_sent(api, change, problem):
    assert problem in await refused(api, **{"content": "Hello", **change})


async def test_an_empty_array_of_php_is_an_empty_object(api):
    objects = ("title", "chrome_title", "data", "dynamic_content_placeholders", "chrome_root_params")
    row = await send(api, content="Hello", firefox_root_params=[], **{name: [] for name in objects})
    assert row["content"] == {"title": "shop.example", "url": SHOP, "body": "Hello"}
    row = await send(api, content=[], title="Sale", data="[]")
    assert row["content"] == {"title": "Sale", "url": SHOP}
    assert "content" in await refused(api, content=[])
    assert "dynamic_content_placeholders" in await refused(api, content="x", dynamic_content_placeholders=[1])


async def test_of_several_messages_all_are_sent_or_none(api):
    both = [{"content": "One"}, {"content": "Two"}]
    response = await api.done("createMessage", application=api.application, notifications=both)
    assert len(response["Messages"]) == 2
    before = await contents(api.database)
    wrong = [{"content": "One"}, {"content": "Two", "link": "nowhere"}]
    await api.refused("createMessage", application=api.application, notifications=wrong)
    assert await contents(api.database) == before


async def test_a_message_with_a_word_of_its_own_is_sent_once(api):
    message = {"content": "Hello", "transactionId": "6e22a9af"}
    request = {"application": api.application, "notifications": [message]}
    first = await api.done("createMessage", **request)
    assert await api.done("createMessage", **request) == first
    assert len(await api.fetch("SELECT 1 FROM campaign")) == 1
    other = [{**message, "content": "Bye"}]
    assert "new one" in await api.refused("createMessage", application=api.application, notifications=other)
    some = [message, {"content": "Bye"}]
    assert "every message" in await api.refused("createMessage", **{**request, "notifications": some})
    text = f'A("{api.application}")'
    targeted = {"devices_filter": text, "content": "Hello", "transactionId": "6e22a9af"}
    code = await api.done("createTargetedMessage", **targeted)
    assert await api.done("createTargetedMessage", **targeted) == code
    assert len(await api.fetch("SELECT 1 FROM campaign")) == 2


async def test_of_an_application_there_must_be_one(api):
    message = [{"content": "Hello"}]
    assert await api.refused("createMessage", notifications=message) == "No application or group code given"
    for code in ("AAAAA-BBBBB", "nonsense", "FFFFF-FFFFF"):
        text = await api.refused("createMessage", application=code, notifications=message)
        assert text == "Application not found"


# ── what becomes of it ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_is_told(api):
    response = await api.done(
        "createMessage",
        application=api.application,
        notifications=[
            {"content": {"de": "Hallo"}, "send_date": SOON, "platforms": [11], "campaign": "Fall"}
        ],
    )
    [code] = response["Messages"]
    message = (await api.done("getMessageDetails", message=code))["message"]
    assert message["code"] == code
    assert (message["status"], message["send_date"]) == ("waiting", "2026-11-21 18:30:00")
    assert message["content"] == {"default": "Hallo", "de": "Hallo"}
    assert (message["platforms"], message["campaign"]) == ([11], "Fall")


async def test_a_message_that_waits_is_cancelled(api):
    response = await api.done(
        "createMessage", application=api.application, notifications=[{"content": "x", "send_date": SOON}]
    )
    [code] = response["Messages"]
    assert await api.done("deleteMessage", message=code) is None
    assert (await api.done("getMessageDetails", message=code))["message"]["status"] == "cancelled"


async def test_a_message_that_has_been_sent_is_forgotten(api):
    row = await send(api, content="Hello")
    await api.fetch("UPDATE launch SET state = 'done', done_at = now() WHERE campaign = $1", row["id"])
    await api.fetch("UPDATE campaign SET status = 'done' WHERE id = $1", row["id"])
    code = platform_spelling(PUSHWOOSH, Kind.CAMPAIGN, row["id"])
    assert await api.done("deleteMessage", message=code) is None
    assert await api.refused("getMessageDetails", message=code) == "Message not found"


@pytest.mark.parametrize("method", ["getMessageDetails", "deleteMessage", "getMsgStats"])
@pytest.mark.parametrize("code", ["0000-00000000-0000FFFF", "nonsense", ""])
async def test_a_message_that_there_is_not(api, method, code):
    assert await api.refused(method, message=code) == "Message not found"


async def test_whoever_may_only_read_sends_nothing(api):
    _, api.token = await api.log_in(Permission.READ, account=api.account)
    status, answer = await api.call(
        "createMessage", application=api.application, notifications=[{"content": "x"}]
    )
    assert (status, answer["status_code"]) == (403, 403)
    assert answer["status_message"] == "Token restrictions forbid this operation."
