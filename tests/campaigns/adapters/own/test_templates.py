from tests.campaigns.adapters.own.support import HELLO
from tests.campaigns.api.support import said


async def test_a_template_is_made_read_changed_listed_and_deleted(api, site):
    made = await api.make(f"/v1/sites/{site}/templates", {"name": "Hello", "content": HELLO})
    assert (made["site"], made["name"], made["content"]) == (site, "Hello", HELLO)
    path = f"/v1/templates/{made['id']}"
    assert await api.get(path) == made
    changed = await api.ask("PATCH", path, {"content": {**HELLO, "title": "Bye"}})
    assert said(changed)["content"]["title"] == "Bye"
    assert [each["id"] for each in (await api.get(f"/v1/sites/{site}/templates"))["data"]] == [made["id"]]
    assert (await api.ask("DELETE", path)).answer.status == 204
    assert (await api.ask("GET", path)).answer.status == 404


async def test_content_that_cannot_be_sent_is_told_by_field(api, site):
    body = {"name": "Hello", "content": {"title": "", "url": "http://shop.example"}}
    handled = await api.ask("POST", f"/v1/sites/{site}/templates", body)
    assert handled.answer.status == 400
    assert {each["field"] for each in said(handled)["errors"]} == {"content.title", "content.url"}
