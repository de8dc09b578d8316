"""What other serializers write for the same job costs nobody a push, through the whole path."""

import base64
import json
from typing import Any

import pytest
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from tests.harness.upstream import Outcomes, Reader, job, recipient
from tests.harness.world import World
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
URL = "https://shop.example/"
HELLO = {"title": "Hello {{ name | there }}", "url": URL}
UNUSABLE = {"icon": "", "image": "http://shop.example/i.png", "badge": "https://"}


class Name(str):
    """A header's name in Latin-1."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return super().encode("latin-1")


def ordinary_base64(subscription: Subscription) -> dict[str, Any]:
    """Write a subscription with its keys as Java's MIME encoder does: +, /, padding and lines."""
    value = subscription.to_json()
    raw = {name: base64.urlsafe_b64decode(key + "==") for name, key in value["keys"].items()}
    return value | {"keys": {name: base64.encodebytes(key).decode() for name, key in raw.items()}}


def texts(service: SimulatedPushService, subscription: Subscription) -> list[Any]:
    return [json.loads(push.plaintext) for push in service.pushes(subscription) if push.plaintext]


async def test_one_of_a_hundred_recipients_with_half_a_surrogate_pair(
    world: World, service: SimulatedPushService
):
    subscriptions = service.subscribe(100)
    people = [
        recipient(f"r{n}", each, variables={"name": "??" if n == 50 else f"N{n}"})
        for n, each in enumerate(subscriptions)
    ]
    halves = {b"escaped": rb"Zo\ud83d", b"CESU-8": b"Zo\xed\xa0\xbd", b"Latin-1": b"Zo\xeb"}
    jobs = [
        json.dumps(job(name.decode(), people, notification=HELLO)).encode().replace(b"??", half)
        for name, half in halves.items()
    ]
    await world.start_worker(service)
    await world.produce(*jobs)
    async with Outcomes(world) as outcomes, Reader(world, "dead-letters") as letters:
        found = await outcomes.of(300)
        await letters.drain()
    assert {outcome["status"] for [outcome] in found.values()} == {"sent"}
    assert letters.records == []
    for n, subscription in enumerate(subscriptions):
        titles = [text["notification"]["title"] for text in texts(service, subscription)]
        assert titles == [f"Hello {f'Zo{REPLACEMENT}' if n == 50 else f'N{n}'}"] * 3


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "null-variable": ({"variables": {"name": None}}, {}, {"title": "Hello there"}),
    "no-variables-of-php": ({"variables": []}, {}, {"title": "Hello there"}),
    "null-variables": ({"variables": None, "not_before": None}, {}, {"title": "Hello there"}),
    "null-ttl": ({}, {"ttl": None, "urgency": None, "slice": None, "topic": None}, {}),
    "floats": ({}, {"v": 1.0, "ttl": 600.0, "slice": {"first": 0.0, "total": 1.0}}, {}),
    "relative-picture": ({}, {"notification": HELLO | {"icon": "/i.png"}}, {"icon": "/i.png"}),
    "unusable-pictures": ({}, {"notification": HELLO | UNUSABLE}, {"title": "Hello there"}),
    "null-pictures": ({}, {"notification": HELLO | dict.fromkeys(UNUSABLE) | {"actions": None}}, {}),
    "own-ids": ({}, {"notification": HELLO | {"data": {"pushmill": {"flow": 7}}}}, {}),
    "vibrates": ({}, {"notification": HELLO | {"vibrate": [200, 100]}}, {"vibrate": [200, 100]}),
}
"""By recipient: what its recipient and its job have besides, and what must be shown."""


async def test_what_says_nothing_is_left_out_and_what_cannot_be_shown_too(
    world: World, service: SimulatedPushService
):
    subscriptions = dict(zip(CASES, service.subscribe(len(CASES)), strict=True))
    await world.start_worker(service)
    await world.produce(
        *(
            job(name, [recipient(name, subscriptions[name], **person)], **{"notification": HELLO} | fields)
            for name, (person, fields, _) in CASES.items()
        )
    )
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(len(CASES))
    ends = {name: (outcome["status"], outcome["detail"]) for (_, name), [outcome] in found.items()}
    assert ends == dict.fromkeys(CASES, ("sent", None))
    for name, (_, _, expected) in CASES.items():
        [text] = texts(service, subscriptions[name])
        shown = text["notification"]
        assert shown["title"] == "Hello there"
        assert shown | expected == shown
        pictures = {"icon", "image", "badge"} & shown.keys()
        assert pictures == ({"icon"} if name == "relative-picture" else set())
    [own] = texts(service, subscriptions["own-ids"])
    ids = {"job_id": "own-ids", "campaign_id": "camp", "recipient_id": "own-ids"}
    assert own["notification"]["data"] == {"pushmill": {"flow": 7} | ids}
    assert {push.ttl for push in service.pushes(subscriptions["null-ttl"])} <= {2419200, 2419199, 2419198}


async def test_a_payload_that_is_an_object_is_filled_in(world: World, service: SimulatedPushService):
    [subscription] = service.subscribe()
    payload = {"t": "Hi {{ name | there }}", "{{name}}": [1, None, "{{recipient_id}} & {{name}}"]}
    await world.start_worker(service)
    await world.produce(job("j", [recipient("r", subscription, variables={"name": "Ada"})], payload=payload))
    async with Outcomes(world) as outcomes:
        assert (await outcomes.of(1))["j", "r"][0]["status"] == "sent"
    [push] = service.pushes(subscription)
    assert push.content_type == "application/json"
    assert push.plaintext == b'{"t":"Hi Ada","{{name}}":[1,null,"r & Ada"]}'


async def test_what_is_wrong_with_a_notification_is_said(world: World, service: SimulatedPushService):
    [subscription] = service.subscribe()
    action = {"action": "a", "title": "A", "url": "{{nowhere}}"}
    wrong = {
        "bad_title": HELLO | {"title": "{{nobody}}"},
        "bad_url": HELLO | {"url": "http://shop.example/"},
        "bad_action": HELLO | {"actions": [action]},
    }
    await world.start_worker(service)
    await world.produce(
        *(job(word, [recipient(word, subscription)], notification=shown) for word, shown in wrong.items())
    )
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(len(wrong))
    assert {name: (outcome["status"], outcome["detail"]) for (_, name), [outcome] in found.items()} == {
        word: ("rejected", word) for word in wrong
    }


async def test_through_a_tier(world: World, service: SimulatedPushService):
    """One push is put off and comes back from its tier, whose record is in the form that 0.1.0 reads."""
    [subscription] = service.subscribe()
    service.script(subscription, [ScriptedAnswer(429, retry_after=17), ScriptedAnswer(201)])
    person = {"id": "r", "subscription": ordinary_base64(subscription)}
    person["variables"] = {"name": None, "b": "??"}
    shown = HELLO | {"body": "{{b}}", "icon": None, "data": {"n": None}}
    value = json.dumps(job("j", [person], notification=shown, urgency=None, slice=None)).encode()
    await world.start_worker(service)
    headers = [("spanId", None), ("traceparent", b"00-1")]
    await world.produce(value.replace(b"??", rb"Zo\ud83d"), headers=headers)
    async with Outcomes(world) as outcomes, Reader(world, "later.10s") as later:
        [[outcome]] = (await outcomes.of(1)).values()
        await later.drain()
    assert (outcome["status"], outcome["attempts"]) == ("sent", 2)
    [text] = texts(service, subscription)
    assert text["notification"]["title"] == "Hello there"
    assert text["notification"]["body"] == f"Zo{REPLACEMENT}"
    assert {record.headers for record in outcomes.records} <= {
        tuple(headers),
        (("spanId", b""), ("traceparent", b"00-1")),  # once it has been in a tier
    }
    for record in later.records:
        assert record.headers == (("spanId", b""), ("traceparent", b"00-1"))
        written = json.loads(record.value)
        [again] = written["recipients"]
        assert again["subscription"]["keys"] == subscription.to_json()["keys"]
        assert again["variables"] == {"b": f"Zo{REPLACEMENT}"}
        assert None not in {**written, **written["notification"], **again}.values()


async def test_headers_that_are_null_or_not_utf_8_are_carried_on(
    world: World, service: SimulatedPushService, monkeypatch: pytest.MonkeyPatch
):
    [subscription] = service.subscribe()
    # The builder in C takes no name but a `str`.
    for module in (producer, message_accumulator):
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    headers = [("spanId", None), (Name("größe"), b"1"), ("own", b"")]
    await world.start_worker(service)
    await world.produce(job("j", [recipient("r", subscription)]), b"no job", headers=headers, partition=0)
    await world.produce(job("k", [recipient("r", subscription)]), partition=0)
    async with Outcomes(world) as outcomes, Reader(world, "dead-letters") as letters:
        found = await outcomes.of(2)
        await letters.read(lambda: len(letters.records) >= 1, "the dead letter")
    assert {key: outcome["status"] for key, [outcome] in found.items()} == dict.fromkeys(
        (("j", "r"), ("k", "r")), "sent"
    )
    carried = (("spanId", None), (f"gr{REPLACEMENT}{REPLACEMENT}e", b"1"), ("own", b""))
    assert {record.headers for record in outcomes.records} == {carried, ()}
    assert letters.records[0].headers[:3] == carried


async def test_a_control_record_is_read_as_tolerantly(world: World, service: SimulatedPushService):
    [subscription] = service.subscribe()
    control = {"v": 1.0, "campaign_id": "camp", "state": "cancelled", "shift": None, "by": "??"}
    control |= {"at": "2026-11-21T10:30:00Z"}
    value = json.dumps(control).encode().replace(b"??", rb"Zo\ud83d")
    await world.produce(value, topic="control", key=b"camp")
    await world.start_worker(service)
    await world.produce(job("j", [recipient("r", subscription)]))
    async with Outcomes(world) as outcomes:
        assert (await outcomes.of(1))["j", "r"][0]["status"] == "cancelled"
    assert service.pushes(subscription) == []
