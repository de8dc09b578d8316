from tests.campaigns.adapters.own.support import SHOP, subscription
from tests.campaigns.api.support import said

NEWS = {
    "and": [{"field": "tag", "op": "eq", "value": "news"}, {"field": "attribute.age", "op": "gt", "value": 6}]
}


async def test_a_segment_is_made_read_changed_listed_and_deleted(api, site):
    made = await api.make(f"/v1/sites/{site}/segments", {"name": "News", "condition": NEWS})
    assert (made["site"], made["name"], made["condition"]) == (site, "News", NEWS)
    assert await api.get(f"/v1/segments/{made['id']}") == made
    changed = await api.ask("PATCH", f"/v1/segments/{made['id']}", {"name": "Other"})
    assert (said(changed)["name"], said(changed)["condition"]) == ("Other", NEWS)
    assert [each["id"] for each in (await api.get(f"/v1/sites/{site}/segments"))["data"]] == [made["id"]]
    assert (await api.ask("DELETE", f"/v1/segments/{made['id']}")).answer.status == 204
    assert (await api.ask("GET", f"/v1/segments/{made['id']}")).answer.status == 404


async def test_a_preview_counts(api, site):
    for name, age in (("a", 5), ("b", 7), ("c", 9)):
        given = {"subscription": subscription(name), "tags": ["news"], "attributes": {"age": age}}
        await api.make(f"/v1/sites/{site}/subscribers", given, token=None, origin=SHOP)
    preview = await api.make(f"/v1/sites/{site}/segments/preview", {"condition": NEWS})
    assert preview == {"count": 2, "exact": True}
    assert await api.get(f"/v1/sites/{site}/attributes") == {"data": [{"name": "age", "type": "number"}]}


async def test_what_is_no_condition_is_told_by_its_path(api, site):
    bad = {"and": [NEWS["and"][0], {"field": "tag", "op": "likes", "value": "x"}]}
    handled = await api.ask("POST", f"/v1/sites/{site}/segments", {"name": "Bad", "condition": bad})
    assert handled.answer.status == 400
    assert said(handled)["errors"][0]["field"].startswith("condition.and[1]")


async def test_a_name_is_taken_once(api, site):
    body = {"name": "News", "condition": NEWS}
    await api.make(f"/v1/sites/{site}/segments", body)
    assert (await api.ask("POST", f"/v1/sites/{site}/segments", body)).answer.status == 409
