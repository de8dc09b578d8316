"""The plain worker does the whole job, or its figure would mean nothing."""

import json
from collections import Counter

import pytest

from benchmarks.brokers import Broker
from benchmarks.peers.plain_worker import IDENTIFY, render, starter
from benchmarks.worker_run import Case
from tests.harness.simulator import PushServiceClient
from tests.harness.upstream import Outcomes, campaign
from tests.harness.world import World

PUSHES = 400


@pytest.mark.parametrize("tokens", IDENTIFY)
async def test_every_recipient_gets_a_push_and_an_outcome_and_every_job_is_committed(kafka, tmp_path, tokens):
    broker = Broker("embedded", kafka.address)
    async with World(kafka.address, tmp_path, "bench") as world, world.push_service() as service:
        client = PushServiceClient(service.origin, tmp_path / "ca.pem")
        subscriptions = service.subscribe(PUSHES)
        await world.produce(*jobs(subscriptions))
        async with starter(tokens)(world, broker, [client], Case()), Outcomes(world) as outcomes:
            found = await outcomes.of(PUSHES)
            await world.until_all_is_committed()
    assert Counter(len(each) for each in found.values()) == {1: PUSHES}
    assert Counter(outcome["status"] for [outcome] in found.values()) == {"sent": PUSHES}
    assert [push.token for push in service.all_pushes() if push.plaintext is None] == []
    texts = {push.token: json.loads(push.plaintext)["notification"] for push in service.all_pushes()}
    assert Counter((text["title"], text["navigate"]) for text in texts.values()) == {
        ('Hello "Ada" 🎉', "https://shop.example/a1"): PUSHES
    }
    ids = {each.token: f"r{number}" for number, each in enumerate(subscriptions)}
    assert {token: text["data"]["recipient_id"] for token, text in texts.items()} == ids
    assert service.stats.taken == PUSHES


def jobs(subscriptions):
    for job in campaign(subscriptions):
        job["notification"]["url"] = "https://shop.example/{{sku}}"
        for recipient in job["recipients"]:
            recipient["variables"] = {"name": '"Ada"', "sku": "a1"}
        yield job


async def test_what_a_push_service_refuses_is_told(kafka, tmp_path):
    broker = Broker("embedded", kafka.address)
    async with World(kafka.address, tmp_path, "bench") as world, world.push_service() as service:
        client = PushServiceClient(service.origin, tmp_path / "ca.pem")
        gone, wrong = service.subscribe(expires_in=-1), service.subscribe(vapid_public_key="another")
        await world.produce(*jobs([*gone, *wrong]))
        async with starter("kept")(world, broker, [client], Case()), Outcomes(world) as outcomes:
            found = await outcomes.of(2)
    assert {name: outcome["status"] for (_, name), [outcome] in found.items()} == {
        "r0": "expired",
        "r1": "failed",
    }


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello {{name|there}}", "Hello Ada"),
        ("Hello {{nickname|there}}", "Hello there"),
        ("Hello {{nickname}}", "Hello "),
        ("{{quoted}}", '"'),
    ],
)
def test_placeholders_are_filled_in(text, filled):
    variables = {"name": "Ada", "quoted": '"'}
    assert json.loads(render(json.dumps({"title": text}), variables)) == {"title": filled}
