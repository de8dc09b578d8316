"""Filters, presets, tags and applications: made, told, deleted."""

import pytest

from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.operations.support import contents

ADULTS = [["Age", "GTE", 18], ["Town", "IN", ["Ulm", "Bonn"]]]


async def test_a_filter_by_conditions(api):
    made = await api.done(
        "createFilter", name="Adults", application=api.application, conditions=ADULTS, operator="AND"
    )
    assert made == {"name": "Adults"}
    [told] = (await api.done("listFilters"))["filters"]
    assert told == {
        "name": "Adults",
        "conditions": "#Age GTE(18) AND #Town(Ulm, Bonn)",
        "application": api.application,
        "expiration_date": None,
    }


async def test_a_preset_with_empty_arrays_of_php_for_objects(api):
    empty = {"message": "Hello", "title": [], "action": {"type": "url", "options": []}, "userData": []}
    made = await api.done(
        "createPreset",
        name="Sale",
        applicationCode=api.application,
        content=empty,
        scheduling=[],
        segmentation=[],
    )
    told = (await api.done("getPreset", preset_code=made["preset_code"]))["content"]
    assert (told["message"], told["action"]["options"], told["userData"]) == ("Hello", {"url": SHOP}, None)


async def test_a_filter_by_an_expression_which_wins(api):
    expression = f'A("{api.application}", ["firefox"]) * (T("First Name", eq, "Ada") + T("Age", NOTSET))'
    await api.done("createFilter", name="Ada", filter_expression=expression, conditions=ADULTS)
    [told] = (await api.done("listFilters"))["filters"]
    assert told["conditions"] == "#browser(firefox) AND (#First Name(Ada) OR #Age NOTSET())"


async def test_a_message_to_a_filter(api):
    await api.done("createFilter", name="Adults", application=api.application, conditions=ADULTS)
    await api.subscribe("w-1", tags={"Age": 30, "Town": "Ulm"})
    await api.subscribe("w-2", tags={"Age": 3, "Town": "Ulm"})
    for platforms in (None, [11]):
        message = {"content": "Hello", "filter": "Adults", "platforms": platforms}
        await api.done("createMessage", application=api.application, notifications=[message])
        [launch] = await api.fetch("SELECT targeted FROM launch ORDER BY id DESC LIMIT 1")
        assert launch["targeted"] == 1


async def test_a_filter_is_deleted_by_its_name(api):
    await api.done("createFilter", name="Adults", application=api.application, conditions=ADULTS)
    assert await api.done("deleteFilter", name="Adults") is None
    assert await api.refused("deleteFilter", name="Adults") == "Filter not found"


async def test_a_name_that_two_applications_have_needs_the_application(api):
    _, other = await api.add_application()
    for application in (api.application, other):
        await api.done("createFilter", name="Adults", application=application, conditions=ADULTS)
    assert "several applications" in await api.refused("deleteFilter", name="Adults")
    await api.done("deleteFilter", name="Adults", application=other)
    [left] = (await api.done("listFilters"))["filters"]
    assert left["application"] == api.application


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": None}, "name must be given"),
        ({"conditions": []}, "at least one"),
        ({"expiration_date": "2027-01-01"}, "expiration_date"),
        ({"conditions": [["Born", "GTE", "3 days ago"]]}, "give a date"),
        ({"filter_expression": "T("}, "filter_expression"),
        ({"application": "AAAAA-BBBBB"}, "Application not found"),
    ],
)
async def test_a_filter_that_cannot_be(api, change, problem):
    before = await contents(api.database)
    request = {"name": "Adults", "application": api.application, "conditions": ADULTS, **change}
    assert problem in await api.refused("createFilter", **request)
    assert await contents(api.database) == before


async def test_whom_an_expression_means_is_counted(api):
    await api.subscribe("w-1", tags={"Age": 30})
    await api.subscribe("w-2", tags={"Age": 3})
    expression = f'A("{api.application}") * T("Age", GTE, 18)'
    assert await api.done("compileFilter", devices_filter=expression) == {
        "devices": 1,
        "devices_filter": expression,
    }
    assert (await api.done("compileFilter", devices_filter='T("Age", GTE, 1)'))["devices"] == 2


async def test_a_preset_is_told_listed_sent_and_deleted(api):
    content = {
        "message": {"default": "Hello {Name|UPPERCASE|you}"},
        "title": "Sale",
        "action": {"type": "url", "options": {"url": f"{SHOP}/new"}},
        "userData": {"sku": 7},
    }
    made = await api.done("createPreset", name="Sale", applicationCode=api.application, content=content)
    code = made["preset_code"]
    told = await api.done("getPreset", preset_code=code)
    assert told["content"] == {
        "message": "Hello {{__upper__Name|you}}",
        "title": "Sale",
        "action": {"type": "url", "options": {"url": f"{SHOP}/new"}},
        "userData": {"sku": 7},
    }
    assert (await api.done("listPresets", application=api.application))["presets"] == [told]
    await api.done("createMessage", application=api.application, notifications=[{"preset": code}])
    [campaign] = await api.fetch("SELECT content FROM campaign")
    assert campaign["content"]["title"] == "Sale"
    await api.done("deletePreset", preset_code=code)
    assert await api.refused("getPreset", preset_code=code) == "Preset not found"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": ""}, "name must be given"),
        ({"content": {}}, "content must be given"),
        ({"content": {"message": {"de": "Hallo", "en": "Hello"}}}, "several languages"),
        ({"content": {"message": "Hi {Name|regular}"}}, "without a default"),
        ({"content": {"message": "x", "action": {"type": "richMedia"}}}, "content.action.type"),
        ({"scheduling": {"sendRate": 100}}, "sendRate"),
        ({"segmentation": {"filter": "Adults"}}, "segmentation.filter"),
        ({"segmentation": {"platforms": [11]}}, "segmentation.platforms"),
        ({"applicationGroupCode": "x"}, "applicationGroupCode"),
    ],
)
async def test_a_preset_that_cannot_be(api, change, problem):
    before = await contents(api.database)
    request = {"name": "x", "applicationCode": api.application, "content": {"message": "x"}, **change}
    assert problem in await api.refused("createPreset", **request)
    assert await contents(api.database) == before


async def test_tags_are_listed_once_they_are_announced_or_set(api):
    await api.subscribe("w-1", tags={"First Name": "Ada"})
    assert await api.done("addTag", tag={"name": "Age", "type": 1}) == {"result": True}
    listed = {each["name"]: each["type"] for each in (await api.done("listTags"))["tags"]}
    assert listed["First Name"] == 2
    assert listed["Age"] == 6
    assert listed["First Install"] == 4


@pytest.mark.parametrize("tag", [None, {"name": ""}, {"name": "Country"}, {"name": "x", "type": 9}, {}])
async def test_a_tag_that_cannot_be(api, tag):
    assert await api.refused("addTag", tag=tag)


async def test_an_application_is_added_told_and_renamed(api):
    code = (await api.done("createApplication", title="https://new.example"))["application"]
    await api.done("updateApplication", application=code, title="New")
    told = (await api.done("getApplication", application=code))["application"]
    assert (told["code"], told["name"], told["url"]) == (code, "New", "https://new.example")
    assert len(told["vapid_key"]) == 87
    every = (await api.done("getApplications"))["applications"]
    assert [each["code"] for each in every] == [api.application, code]
    assert "title must be" in await api.refused("createApplication", title="My shop")
