import pytest

from campaigns.model.ids import Kind
from campaigns.model.platforms import Alias
from campaigns.operations.aliases import take_over
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.truepush.support import SHOWN, TruepushApi
from tests.campaigns.operations.support import contents


async def test_a_template_is_made_listed_and_deleted(api: TruepushApi):
    found = await api.done("POST", "createTemplate", {"name": "Hello", **SHOWN})
    word = "TEMPLATE-CREATED-SUCCESSFULLY"
    assert (found["data"], found["Data"]) == (word, word)
    message, _, number = found["message"].partition(":")
    assert message == "Template Created Successfully with id"
    listed = await api.done("GET", "listTemplate/1")
    assert listed["message"] == "Successfully fetched template data."
    assert listed["data"] == [{"_id": number, "name": "Hello"}]
    deleted = await api.done("DELETE", f"deleteTemplate/{number}")
    assert (deleted["message"], deleted["data"]) == (
        "Template Deleted Successfully",
        "TEMPLATE-DELETED-SUCCESSFULLY",
    )
    await api.failed("deleteTemplate", "DELETE", f"deleteTemplate/{number}")


async def test_a_template_whose_name_is_taken_fails(api: TruepushApi, database):
    await api.template()
    before = await contents(database)
    await api.failed("createTemplate", "POST", "createTemplate", {"name": "Hello", **SHOWN})
    assert await contents(database) == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"title": ""}, "title"),
        ({"buttons": [{"text": "", "link": SHOP}]}, "buttons[0].text"),
        ({"tags": ["x" * 5000]}, "tags[0]"),
    ],
)
async def test_what_cannot_be_is_bad_data(api: TruepushApi, database, fields, field):
    before = await contents(database)
    assert await api.bad("POST", "createTemplate", {"name": "Hello", **SHOWN, **fields}) == [field]
    assert await contents(database) == before


async def test_templates_are_listed_twenty_at_a_time(api: TruepushApi):
    made = [await api.template(f"Template {number}") for number in range(21)]
    first, second = [(await api.done("GET", f"listTemplate/{page}"))["data"] for page in (1, 2)]
    assert [each["_id"] for each in [*first, *second]] == made
    assert len(first) == 20


async def test_segments_are_listed_and_deleted(api: TruepushApi):
    made = [await api.segment(name) for name in ("One", "Two")]
    listed = await api.done("GET", "listSegment/1")
    assert listed["message"] == "Successfully fetched Segment data."
    assert listed["data"] == [{"_id": made[0], "name": "One"}, {"_id": made[1], "name": "Two"}]
    deleted = await api.done("DELETE", f"deleteSegment/{made[0]}")
    assert (deleted["message"], deleted["data"]) == (
        "Segment Deleted Successfully",
        "SEGMENT-DELETED-SUCCESSFULLY",
    )
    await api.failed("deleteSegment", "DELETE", f"deleteSegment/{made[0]}")


async def test_ids_that_a_customers_code_holds_are_known_and_said(api: TruepushApi):
    taken_over = "5f8d407ad11b5a2c2c524f63"
    number = int(await api.segment(), 16)
    await take_over(api.scope, api.service, Kind.SEGMENT, number, [Alias(api.kind, taken_over)])
    assert (await api.done("GET", "listSegment/1"))["data"] == [{"_id": taken_over, "name": "News"}]
    await api.campaign(segment=taken_over)
    await api.done("DELETE", f"deleteSegment/{taken_over}")
