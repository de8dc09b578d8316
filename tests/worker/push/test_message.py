import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto.aes128gcm import MAX_PLAINTEXT
from crypto.errors import PayloadTooLargeError
from tests.harness.cost import growth
from tests.worker.push.messages import (
    PUSHMILL,
    SUBSCRIPTION,
    job_of,
    notification_of,
    patient,
    rendered,
    shown,
)
from worker.push.message import JSON, OCTETS, TEMPLATES_MAX_BYTES, compile_message
from worker.records.job import SendJob
from worker.records.notification import Action, Notification
from worker.records.recipient import Recipient
from worker.records.values import encode_json

# ── the shape ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_notification_goes_out_as_declarative_web_push():
    notification = Notification(
        title="Hello",
        url="https://shop.example/",
        body="b",
        icon="https://shop.example/i",
        image="https://shop.example/m",
        badge="https://shop.example/b",
        actions=[
            Action("buy", "Buy", "https://shop.example/1", "https://shop.example/2"),
            Action("x", "X", "https://y/"),
        ],
        tag="promo",
        lang="en",
        dir="ltr",
        silent=False,
        renotify=True,
        require_interaction=True,
        timestamp=datetime(2026, 11, 21, 9, tzinfo=UTC),
        data={"any": {"thing": [1, 2.5, None, True, "x"]}},
        vibrate=[200, 100.5, 0],
        app_badge=3,
    )
    assert json.loads(rendered(job_of(notification, mutable=True))) == {
        "web_push": 8030,
        "mutable": True,
        "app_badge": 3,
        "notification": {
            "title": "Hello",
            "navigate": "https://shop.example/",
            "body": "b",
            "icon": "https://shop.example/i",
            "image": "https://shop.example/m",
            "badge": "https://shop.example/b",
            "actions": [
                {
                    "action": "buy",
                    "title": "Buy",
                    "navigate": "https://shop.example/1",
                    "icon": "https://shop.example/2",
                },
                {"action": "x", "title": "X", "navigate": "https://y/"},
            ],
            "tag": "promo",
            "lang": "en",
            "dir": "ltr",
            "silent": False,
            "renotify": True,
            "requireInteraction": True,
            "timestamp": 1_795_251_600_000,
            "vibrate": [200, 100.5, 0],
            "data": {"any": {"thing": [1, 2.5, None, True, "x"]}, "pushmill": PUSHMILL},
        },
    }


def test_what_is_not_given_is_left_out():
    assert json.loads(rendered(job_of(notification_of()))) == {
        "web_push": 8030,
        "notification": {"title": "t", "navigate": "https://shop.example/", "data": {"pushmill": PUSHMILL}},
    }


@pytest.mark.parametrize(
    "given", [{"mutable": False}, {"silent": False}, {"actions": []}, {"data": {"a": None}}]
)
def test_what_is_given_is_kept_even_if_it_says_no(given):
    [(name, value)] = given.items()
    fields = {} if name == "mutable" else given
    text = json.loads(rendered(job_of(notification_of(**fields), **({} if fields else given))))
    assert (text | text["notification"])[name] == (
        value | {"pushmill": PUSHMILL} if name == "data" else value
    )


def test_pushmills_ids_are_its_own_to_write():
    own = {"job_id": "forged", "flow": "{{name}}", "deep": {"recipient_id": "theirs"}}
    assert shown({"name": "Ada"}, data={"pushmill": own, "a": 1})["data"] == {
        "pushmill": {**PUSHMILL, "flow": "Ada", "deep": {"recipient_id": "theirs"}},
        "a": 1,
    }


@pytest.mark.parametrize("own", [None, "x", 5, ["job_id"], {}])
def test_what_holds_no_members_gives_way_to_pushmills_ids(own):
    assert shown(data={"pushmill": own})["data"] == {"pushmill": PUSHMILL}


@patient
@example(datetime(2109, 5, 15, 6, 40, 58, 697_000))  # noqa: DTZ001 - made aware below
@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_timestamps_are_whole_milliseconds(moment):
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    exact = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert shown(timestamp=moment)["timestamp"] == exact


@pytest.mark.parametrize("payload", ["", "hi {{name}}", "{{job_id}}", '{"a": "🦆"}', "\x00\n"])
def test_a_payload_goes_out_as_it_is(payload):
    job = job_of(payload=payload)
    assert compile_message(job).content_type == OCTETS
    assert rendered(job, {"name": "Ada"}) == payload.encode()
    assert compile_message(job_of(notification_of())).content_type == JSON


# ── payloads that are objects ───────────────────────────────────────────────────────────────────────────────


def test_a_payload_that_is_an_object_is_a_template():
    payload = {
        "title": "Hi {{ name | there }}",
        "{{name}}": ["{{name}}", {"to": "{{recipient_id}} of {{campaign_id}}"}, 1, 2.5, None, True],
        "url": "http://a/?q={{name}}",
        "icon": "",
        "web_push": "50 %",
    }
    message = compile_message(job_of(payload=payload))
    assert message.content_type == JSON
    text = message.render(Recipient("r:1", SUBSCRIPTION, {"name": 'Ä & "o"'}))
    assert text == encode_json(json.loads(text))  # compact
    assert json.loads(text) == {
        "title": 'Hi Ä & "o"',
        "{{name}}": ['Ä & "o"', {"to": "r:1 of c.1"}, 1, 2.5, None, True],
        "url": 'http://a/?q=Ä & "o"',
        "icon": "",
        "web_push": "50 %",
    }


def test_a_payload_holds_what_upstream_gave_and_nothing_else():
    for payload in ({}, {"data": {}}, {"notification": {"title": ""}}):
        assert json.loads(rendered(job_of(payload=payload, mutable=True))) == payload


def test_a_payload_and_a_notification_of_the_same_members_are_not_mistaken_for_each_other():
    members = {"title": "t", "url": "https://a/"}
    first = [rendered(job_of(Notification(**members))), rendered(job_of(payload=members))]
    again = [rendered(job_of(Notification(**members))), rendered(job_of(payload=members))]
    assert [json.loads(each).get("web_push") for each in first] == [8030, None]
    assert first == again


def test_payloads_of_one_form_share_what_was_compiled():
    messages = [compile_message(job_of(payload={"a": "{{name}}"})) for _ in range(2)]
    assert messages[0].placeholders[0] is messages[1].placeholders[0]


def test_an_object_payload_is_bounded_like_a_notification():
    for payload in ({"a": "x" * 4000}, {"a": "{{x|" + "y" * TEMPLATES_MAX_BYTES + "}}"}):
        assert not compile_message(job_of(payload=payload)).fits
    with pytest.raises(PayloadTooLargeError):
        rendered(job_of(payload={"a": "{{x}}"}), {"x": "x" * 4000})


# ── what is compiled once ───────────────────────────────────────────────────────────────────────────────


def test_a_job_is_compiled_to_constants_but_for_what_differs():
    message = compile_message(
        job_of(notification_of(title="Hi {{name}}", body="b", data={"c": "{{campaign_id}}"}))
    )
    assert (message.frame.count(b"%b"), len(message.placeholders)) == (2, 2)


def test_jobs_of_one_notification_share_what_was_compiled_but_not_their_ids():
    notification = notification_of(body="{{name}}", url="https://{{site_id}}.example/{{job_id}}%20{{name}}")
    common = {"v": 1, "recipients": [], "notification": notification}
    jobs = [
        SendJob(job_id=f"{n}", campaign_id=f"{n}", site_id=site, **common)
        for n, site in enumerate(("shop", "%b", "no host", "shop"))
    ]
    messages = [compile_message(job) for job in jobs]
    assert len({id(message.placeholders[-2]) for message in messages}) == 1
    sent = [json.loads(message.render(Recipient("r", SUBSCRIPTION, {"name": "Ada"}))) for message in messages]
    for number, (job, one) in enumerate(zip(jobs, sent, strict=True)):
        place = quote(job.site_id, safe="")
        assert one["notification"]["navigate"] == f"https://{place}.example/{number}%20Ada"
        ids = {"job_id": f"{number}", "campaign_id": f"{number}", "recipient_id": "r"}
        assert one["notification"]["data"]["pushmill"] == ids


@pytest.mark.parametrize("odd", ["100%", "%b%%s", '"\\', "é🦆", "a b"])
def test_an_id_is_filled_in_as_it_is(odd):
    notification = notification_of(
        body="50% {{job_id}} {{name}}", url="https://a.example/{{job_id}}?{{name}}"
    )
    job = SendJob(v=1, job_id=odd, campaign_id="c", site_id="s", recipients=[], notification=notification)
    sent = json.loads(rendered(job, {"name": "%s"}))["notification"]
    assert sent["body"] == f"50% {odd} %s"
    assert sent["navigate"] == f"https://a.example/{quote(odd, safe='')}?%25s"
    assert sent["data"]["pushmill"]["job_id"] == odd


def test_whether_it_may_be_changed_is_told_apart():
    messages = [rendered(job_of(notification_of(), mutable=mutable)) for mutable in (None, True, False, None)]
    assert [json.loads(message).get("mutable") for message in messages] == [None, True, False, None]


def test_large_notifications_are_not_kept():
    job = job_of(notification_of(body="{{name|" + "x" * 4096 + "}}"))
    assert compile_message(job).placeholders[0] is not compile_message(job).placeholders[0]


def test_hostile_templates_do_not_fill_the_memory():
    tracemalloc.start()
    for number in range(300):
        compile_message(job_of(notification_of(body="{{job_id}}" + "{{aa}}Ā" * 480, tag=str(number))))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 16 << 20


# ── what is too large ───────────────────────────────────────────────────────────────────────────────────


@patient
@given(st.integers(3800, 4100), st.booleans())
def test_what_is_longer_than_a_push_may_be_is_refused(length, constant):
    job = job_of(notification_of(body="x" * length if constant else "{{x}}"))
    size = len(encode_json(json.loads(rendered(job_of(notification_of(body="")))))) + length
    if size <= MAX_PLAINTEXT:
        assert len(rendered(job, {"x": "x" * length})) == size
    else:
        with pytest.raises(PayloadTooLargeError):
            rendered(job, {"x": "x" * length})


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "{{x}}" * 50_000},
        {"data": {"list": ["{{x}}"] * 50_000}},
        {"data": {"list": ["{{half}}"] * 50_000}},
        {"url": "https://a/" + "{{half}}" * 50_000},
        {"data": {"list": ["x" * 100] * 5_000, "x": "{{x}}"}},
        {"icon": "{{half}}" * 50_000},
    ],
    ids=["one text", "many texts", "many that fit alone", "a URL", "constants", "a picture"],
)
def test_what_cannot_be_sent_is_never_put_together(fields):
    message = compile_message(job_of(notification_of(**fields)))
    recipient = Recipient("r", SUBSCRIPTION, {"x": "🦆" * 500_000, "half": "\x01" * 2_000})
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLargeError):
            message.render(recipient)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@patient
@given(st.text(st.characters(codec="utf-8"), max_size=3), st.integers(1300, 1400), st.booleans())
def test_what_can_never_fit_is_known_before_anything_is_filled_in(text, times, bounded):
    template = "{{x}}" + text * times + ("{{recipient_id}}" if bounded else "")
    message = compile_message(job_of(notification_of(body=template)))
    least = len(rendered(job_of(notification_of(body="")))) + len(encode_json(text * times)) - 2
    assert message.fits == (least <= MAX_PLAINTEXT)


@pytest.mark.parametrize("limit", [0, 1])
def test_a_payload_s_limit_is_bytes_of_utf_8(limit):
    text = "é" * (MAX_PLAINTEXT // 2) + "x" * (limit + MAX_PLAINTEXT % 2)
    assert compile_message(job_of(payload=text)).fits is (limit == 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"body": "{{x|" + "y" * TEMPLATES_MAX_BYTES + "}}"},
        {"body": "{{job_id|" + "y" * TEMPLATES_MAX_BYTES + "}}"},
        {"body": "{{" + "x" * TEMPLATES_MAX_BYTES + "}}"},
        {"data": {"list": ["{{x}}"] * (TEMPLATES_MAX_BYTES // 7)}},
    ],
    ids=["a fallback", "a fallback that nobody needs", "a name", "many"],
)
def test_templates_that_only_hold_ballast_do_not_fit(fields):
    """Each tier record holds all of them again, even for a single recipient."""
    assert not compile_message(job_of(notification_of(**fields))).fits


SMALL, LARGE = 8_192, 262_144
"""Characters. Notifications as small as are kept compiled would be compiled only once."""

LEEWAY = 4
"""How many times as much a character may cost in a large text, which outgrows the processor's caches; in
quadratic time it would be 32 times."""


def unclosed_and_closed(text):
    return {"body": text, "tag": text + "}}"}


def compiling(**fields):
    job = job_of(notification_of(**fields))
    return lambda: compile_message(job)


@pytest.mark.parametrize(
    "fields",
    [
        lambda size: unclosed_and_closed("{{a|" * (size // 4)),
        lambda size: unclosed_and_closed("{{" * (size // 2)),
        lambda size: unclosed_and_closed("{{" + "a" * size),
        lambda size: unclosed_and_closed("{{a|}} " * (size // 7)),
        lambda size: unclosed_and_closed("{{" + " " * size + "a" + " " * size),
        lambda size: unclosed_and_closed("{{ a " * (size // 5)),
        lambda size: {"data": {"list": [1] * (size // 2)}},
    ],
    ids=["unclosed", "braces", "a name", "variables", "spaces", "names and spaces", "a list"],
)
def test_hostile_templates_compile_in_linear_time(fields):
    grown = growth(compiling(**fields(SMALL)), compiling(**fields(LARGE)))
    assert grown < LEEWAY * LARGE / SMALL


def test_depth_costs_no_more_than_breadth():
    flat = tree = [1] * (LARGE // 8)
    for _ in range(400):
        tree = [tree]
    assert growth(compiling(data={"tree": flat}), compiling(data={"tree": tree})) < LEEWAY


def test_a_message_shows_nothing_of_its_texts():
    message = compile_message(job_of(notification_of(body="s3cret {{name|s3cret}}")))
    assert "s3cret" not in repr(message)
