"""Every call that the document has, and those of its clients besides: taken, and answered in its shape."""

import re
from typing import Any

import pytest

from campaigns.adapters.sendpulse.routes import ROUTES
from tests.campaigns.adapters.sendpulse.calls import CALLS, NEWER
from tests.campaigns.adapters.sendpulse.support import TASK
from tests.campaigns.api.support import said

EVERY = (*CALLS, *NEWER)


def name_of(call) -> str:
    return f"{call.method} {call.path.partition('?')[0]}"


@pytest.fixture
async def values(api, site) -> dict[str, Any]:
    came = await api.subscriber(site, attributes={"uname": "Ada"}, language="en-us")
    made = said(await api.ask("POST", "/push/tasks", {**TASK, "website_id": site}))
    client_id, client_secret = api.client
    return {
        "website": site,
        "subscriber": came.number,
        "task": made["id"],
        "client_id": client_id,
        "client_secret": client_secret,
    }


def filled(tree: Any, values: dict[str, Any]) -> Any:
    if isinstance(tree, dict):
        return {name: filled(item, values) for name, item in tree.items()}
    if isinstance(tree, str) and re.fullmatch(r"\{\w+\}", tree):
        return values[tree[1:-1]]
    return tree


def check(found: Any, form: Any) -> None:
    """Insist that an answer has what the document shows, of those types."""
    if isinstance(form, list):
        assert isinstance(found, list)
        assert found, "there is one to be listed"
        for each in found:
            check(each, form[0])
    elif isinstance(form, dict):
        assert form.keys() <= found.keys()
        for name, kind in form.items():
            check(found[name], kind)
    else:
        assert type(found) is form


@pytest.mark.parametrize("call", EVERY, ids=name_of)
async def test_it_is_answered_as_documented(api, values, call):
    body = filled(call.fields, values) if call.method == "POST" else b""
    handled = await api.ask(call.method, call.path.format(**values), body)
    assert handled.answer.status == 200, handled.answer.body
    assert handled.answer.media_type == "application/json"
    check(said(handled), call.answer)


def test_there_is_a_row_for_every_call_and_no_other():
    documented = {(call.method, call.path.partition("?")[0].rstrip("/")) for call in EVERY}
    assert {(route.method, route.path) for route in ROUTES} == documented


async def test_two_slashes_and_one_at_the_end_are_taken(api, site):
    task = {**TASK, "website_id": site}
    assert (await api.ask("POST", "//push/tasks", task)).answer.status == 200
    for path in ("/push/tasks/", "/push/websites/", "//push//websites//total/"):
        handled = await api.ask("GET", path)
        assert handled.answer.status == 200
        assert "Location" not in handled.answer.headers


async def test_a_query_may_be_one_json_object(api, site):
    await api.site()
    everything = said(await api.ask("GET", "/push/websites?%7B%7D"))
    assert len(everything) == 2
    second = said(await api.ask("GET", "/push/websites?%7B%22limit%22:%2010,%20%22offset%22:%201%7D"))
    assert second == everything[1:]
    assert said(await api.ask("GET", "/push/websites?limit=1&offset=1")) == second
    assert said(await api.ask("GET", "/push/websites?limit=0&offset=")) == everything


async def test_a_form_says_the_same_as_json(api, site):
    await api.subscriber(site, attributes={"uname": "Ada"})
    rows = [("filter[variable_name]", "uname"), ("filter[operator]", "or")]
    rows += [("filter[conditions][0][condition]", "likewith"), ("filter[conditions][0][value]", "a")]
    handled = await api.post_form(
        "/push/tasks", *((name, str(value)) for name, value in TASK.items()), ("website_id", str(site)), *rows
    )
    number = said(handled)["id"]
    async with api.database.connection() as connection:
        target = await connection.fetchval("SELECT target FROM campaign WHERE id = $1", number)
    [[part]] = [condition["or"] for condition in target["condition"]["and"]]
    assert part == {"field": "attribute.uname", "op": "contains", "value": "a", "ignore_case": True}
    switched = await api.post_form("/push/subscriptions/state", ("id", "1"), ("state", "0"))
    assert switched.answer.status == 404, "there is no subscriber 1, and the form was read"
