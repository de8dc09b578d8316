"""Either way to agree on keys, chosen by PUSHMILL_AGREEMENT, makes pushes that browsers can read."""

import json

import pytest

from tests.harness.agreement import crypto_mb
from tests.harness.upstream import Outcomes, job, recipient
from tests.harness.world import World
from worker.simulator.service import SimulatedPushService


@pytest.mark.parametrize("agreement", ["openssl", "multibuffer"])
async def test_every_push_is_decrypted_and_a_bad_key_costs_nobody_else(
    world: World, service: SimulatedPushService, agreement: str
):
    if agreement == "multibuffer":
        crypto_mb()
    subscriptions = service.subscribe(100)
    people = [recipient(f"r{number}", each) for number, each in enumerate(subscriptions)]
    people[50]["subscription"]["keys"]["p256dh"] = "B" + "A" * 86  # 65 bytes, and not on the curve
    worker = await world.start_worker(service, PUSHMILL_AGREEMENT=agreement)
    await world.produce(job("j", people))
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(100)
    ends = {name: (outcome["status"], outcome["detail"]) for (_, name), [outcome] in found.items()}
    assert ends == {f"r{number}": ("sent", None) for number in range(100)} | {"r50": ("invalid", "bad_keys")}
    texts = [push.plaintext for each in subscriptions for push in service.pushes(each)]
    assert len(texts) == 99
    assert {json.loads(text)["notification"]["data"]["pushmill"]["job_id"] for text in texts} == {"j"}
    assert worker.metric("pushmill_build_info", agreement=agreement) == 1
    events = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    assert [each["agreement"] for each in events if each["event"] == "starting"] == [agreement]
