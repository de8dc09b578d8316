from datetime import timedelta
from hashlib import sha256

import msgspec
import pytest

from campaigns.model.ids import read_launch
from campaigns.model.secrets import Purpose
from campaigns.model.tokens import recipient_token
from tests.campaigns.adapters.own.support import SHOP, OwnApi, subscription
from tests.campaigns.api.support import NOW, Handled, said

BUTTONS = [{"action": "buy", "title": "Buy", "url": f"{SHOP}/buy?plan={{{{plan|none}}}}"}]
CONTENT = {"title": "Hello", "url": f"{SHOP}/{{{{plan}}}}", "actions": BUTTONS}


class Pushed:
    """A push that a browser has got: its token, and who it was for."""

    def __init__(self, token: str, launch: str, subscriber: str) -> None:
        self.token = token
        self.launch = launch
        self.subscriber = subscriber


@pytest.fixture
async def pushed(api: OwnApi, site: str) -> Pushed:
    given = {"subscription": subscription(), "attributes": {"plan": "gold & blue"}}
    one = (await api.make(f"/v1/sites/{site}/subscribers", given, token=None, origin=SHOP))["id"]
    body = {"content": CONTENT, "target": {"all": True}, "track_clicks": "redirect"}
    launch = (await api.make(f"/v1/sites/{site}/send", body))["launch"]
    key = api.service.secrets.keys(Purpose.RECIPIENT_TOKEN).signing
    read = read_launch(launch)
    assert read is not None
    return Pushed(recipient_token(key, read.number, int(one.removeprefix("sub_"))), launch, one)


async def report(api: OwnApi, *events: dict[str, object], kind: str = "text/plain") -> Handled:
    return await api.ask(
        "POST", "/v1/events", {"events": list(events)}, token=None, content_type=kind, origin=SHOP
    )


def event(pushed: Pushed, kind: str = "shown", **more: object) -> dict[str, object]:
    return {"t": pushed.token, "kind": kind, "button": None, "at": "2026-11-21T09:00:00Z", **more}


@pytest.mark.parametrize("kind", ["text/plain", "text/plain;charset=UTF-8", "application/json"])
async def test_what_a_browser_reports_goes_to_kafka(api, site, pushed, kind):
    handled = await report(api, event(pushed), event(pushed, "clicked", button=1), kind=kind)
    assert handled.answer.status == 204
    assert handled.answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert [msgspec.to_builtins(each) for each in api.written] == [
        {
            "v": 1,
            "site_id": site,
            "launch_id": pushed.launch,
            "subscriber_id": pushed.subscriber,
            "kind": kind_of,
            "button": button,
            "at": "2026-11-21T09:00:00Z",
            "received_at": "2026-11-21T09:00:00Z",
        }
        for kind_of, button in (("shown", None), ("clicked", 1))
    ]


async def test_a_time_is_kept_between_the_launch_and_now(api, pushed):
    api.now = NOW + timedelta(minutes=5)
    await report(api, event(pushed, at="2020-01-01T00:00:00Z"), event(pushed, at="2030-01-01T00:00:00Z"))
    assert [each.at for each in api.written] == [NOW, api.now]


async def test_a_token_that_is_made_up_says_nothing_and_stops_nobody(api, pushed):
    forged = {**event(pushed), "t": pushed.token[:-1] + ("A" if pushed.token[-1] != "A" else "B")}
    assert (await report(api, forged, event(pushed))).answer.status == 204
    assert len(api.written) == 1
    assert api.foreign == [1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "opened"}, "events[0].kind"),
        ({"button": 2}, "events[0].button"),
        ({"at": "now"}, "events[0].at"),
    ],
)
async def test_what_is_no_event_is_told_by_field(api, pushed, change, field):
    handled = await report(api, {**event(pushed), **change})
    assert handled.answer.status == 400
    assert said(handled)["errors"][0]["field"] == field
    assert pushed.token not in handled.answer.body.decode()


async def test_a_report_has_its_size(api, pushed):
    assert (await report(api, *[event(pushed)] * 50)).answer.status == 204
    assert (await report(api, *[event(pushed)] * 51)).answer.status == 400
    assert (await report(api, event(pushed, padding="x" * 16_384))).answer.status == 400


async def test_while_kafka_is_away_a_browser_keeps_its_report(api, pushed):
    api.kafka_is_away = True
    handled = await report(api, event(pushed))
    assert handled.answer.status == 503
    assert int(handled.answer.headers["Retry-After"]) > 0


# ── redirected clicks ───────────────────────────────────────────────────────────────────────────────────────


async def follow(api: OwnApi, pushed: Pushed, place: str = "body", method: str = "GET") -> Handled:
    return await api.ask(method, f"/c/{pushed.token}/{place}", token=None)


@pytest.mark.parametrize(
    ("place", "leads_to", "button"),
    [("body", f"{SHOP}/gold%20%26%20blue", None), ("0", f"{SHOP}/buy?plan=gold%20%26%20blue", 0)],
)
async def test_a_click_is_counted_and_led_on(api, pushed, place, leads_to, button):
    handled = await follow(api, pushed, place)
    assert (handled.answer.status, handled.answer.headers["Location"]) == (302, leads_to)
    assert handled.answer.headers["Cache-Control"] == "no-store"
    assert [(each.kind, each.button, each.subscriber_id) for each in api.written] == [
        ("clicked", button, pushed.subscriber)
    ]


async def test_a_look_at_a_link_is_no_click(api, pushed):
    assert (await follow(api, pushed, method="HEAD")).answer.status == 302
    assert api.written == []


async def test_a_click_leads_on_although_kafka_is_away(api, pushed):
    api.kafka_is_away = True
    assert (await follow(api, pushed)).answer.status == 302


async def test_a_click_leads_on_although_the_subscriber_is_gone(api, pushed):
    await api.ask("DELETE", f"/v1/subscribers/{pushed.subscriber}")
    handled = await follow(api, pushed, "0")
    assert handled.answer.headers["Location"] == f"{SHOP}/buy?plan=none"


@pytest.mark.parametrize("place", ["1", "2", "Body", ""])
async def test_a_place_that_the_push_does_not_have_leads_nowhere(api, pushed, place):
    assert (await follow(api, pushed, place)).answer.status == 404
    assert api.written == []


async def test_a_token_that_is_made_up_leads_nowhere(api):
    handled = await api.ask("GET", f"/c/{'A' * 34}/body", token=None)
    assert handled.answer.status == 404


async def test_a_path_with_a_token_is_in_no_label(api, pushed):
    assert (await follow(api, pushed)).route == "/c/{token}/{button}"


# ── pictures ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_picture_is_served_by_its_hash(api, site, database):
    body = b"\x89PNG..."
    digest = sha256(body)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO picture (hash, account, media_type, bytes) "
            "SELECT $1, id, 'image/png', $2 FROM account",
            digest.digest(),
            body,
        )
    handled = await api.ask("GET", f"/i/{digest.hexdigest()}", token=None)
    assert (handled.answer.status, handled.answer.media_type, handled.answer.body) == (200, "image/png", body)
    assert "immutable" in handled.answer.headers["Cache-Control"]
    assert handled.answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await api.ask("GET", f"/i/{'0' * 64}", token=None)).answer.status == 404
