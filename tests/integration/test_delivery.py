"""The whole path, with real processes, a broker over sockets and push services over TLS."""

import json

from tests.harness.upstream import Outcomes, Reader, job, recipient
from tests.harness.waiting import until_seen
from tests.harness.world import World
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.service import SimulatedPushService


async def test_a_job_becomes_a_push_and_an_outcome(world: World, service: SimulatedPushService):
    [subscription] = service.subscribe(vapid_public_key=world.key.public_text)
    worker = await world.start_worker(service)
    await world.produce(job("j1", [recipient("r1", subscription, variables={"name": "Ada", "sku": "a/1"})]))
    async with Outcomes(world) as outcomes:
        [[outcome]] = (await outcomes.of(1)).values()
    assert outcome["status"] == "sent"
    assert (outcome["http_status"], outcome["attempts"], outcome["push_service"]) == (201, 1, "other")
    [push] = service.pushes(subscription)
    assert json.loads(push.plaintext) == {
        "web_push": 8030,
        "notification": {
            "title": "Hello Ada 🎉",
            "navigate": "https://shop.example/a%2F1?c=camp",
            "data": {"pushmill": {"job_id": "j1", "campaign_id": "camp", "recipient_id": "r1"}},
        },
    }
    assert await worker.terminate() == 0


async def test_every_status_is_reached_through_the_whole_path(world: World, service: SimulatedPushService):
    answers = {
        "sent": ScriptedAnswer(201),
        "gone": ScriptedAnswer(410),
        "not-found": ScriptedAnswer(404),
        "too-large": ScriptedAnswer(413),
        "refused": ScriptedAnswer(400),
        "redirected": ScriptedAnswer(307),
        "forbidden": ScriptedAnswer(403),
        "throttled": ScriptedAnswer(429, retry_after=1),
    }
    names = [*answers, "bad-keys", "bad-host", "bad-shape", "huge", "no-title", "late"]
    subscriptions = dict(zip(names, service.subscribe(len(names)), strict=True))
    for name, answer in answers.items():
        service.script(subscriptions[name], [answer])
    people = {name: recipient(name, subscription) for name, subscription in subscriptions.items()}
    people["bad-keys"]["subscription"]["keys"]["p256dh"] = "AAAA"
    people["bad-host"]["subscription"]["endpoint"] = "https://169.254.169.254/latest"
    people["bad-shape"]["subscription"] = {"endpoint": 5}
    people["huge"]["variables"] = {"name": "x" * 4000}
    shown = {"title": "{{name|Hi}}", "url": "https://shop.example/"}
    ordinary = [person for name, person in people.items() if name not in {"no-title", "late"}]
    await world.start_worker(service, PUSHMILL_MAX_ATTEMPTS="1")
    await world.produce(
        job("j1", ordinary, notification=shown),
        job("j2", [people["no-title"]], notification={**shown, "title": "{{name}}"}),
        job("j3", [people["late"]], notification=shown, not_after="2020-01-01T00:00:00Z"),
    )
    async with Outcomes(world) as outcomes, Reader(world, "expired") as expired:
        found = await outcomes.of(len(names))
        assert {name: (outcome["status"], outcome["detail"]) for (_, name), [outcome] in found.items()} == {
            "sent": ("sent", None),
            "gone": ("expired", "gone"),
            "not-found": ("expired", "not_found"),
            "too-large": ("rejected", "payload_too_large"),
            "refused": ("rejected", "bad_request"),
            "redirected": ("rejected", "redirected"),
            "forbidden": ("unauthorized", "forbidden"),
            "throttled": ("failed", "throttled"),
            "bad-keys": ("invalid", "bad_keys"),
            "bad-host": ("invalid", "endpoint_not_allowed"),
            "bad-shape": ("invalid", "bad_subscription"),
            "huge": ("rejected", "payload_too_large"),
            "no-title": ("rejected", "bad_title"),
            "late": ("lapsed", "produced_late"),
        }
        await expired.read(lambda: len(expired.records) >= 2, "both expired subscriptions are told")
        assert {record.key.decode() for record in expired.records} == {"site/gone", "site/not-found"}
        assert {value["endpoint"] for value in expired.values} == {
            subscriptions["gone"].endpoint,
            subscriptions["not-found"].endpoint,
        }


async def test_a_key_that_a_job_names_may_reach_the_worker_after_the_job(
    world: World, service: SimulatedPushService
):
    [subscription] = service.subscribe()
    worker = await world.start_worker(service)
    await world.produce(job("j", [recipient("r", subscription)], vapid_key="late"))
    waits = "pushmill_deferred_recipients_total"
    await until_seen(lambda: worker.metric(waits, reason="no_vapid_key") > 0, "it waits for the key")
    (world.folder / "vapid" / "late.pem").write_bytes(world.key.to_pem())
    async with Outcomes(world) as outcomes:
        [outcome] = (await outcomes.of(1))["j", "r"]
    assert (outcome["status"], outcome["attempts"]) == ("sent", 1)


async def test_jobs_may_be_compressed_with_any_codec(world: World, service: SimulatedPushService):
    codecs = [None, "gzip", "snappy", "lz4", "zstd"]
    await world.start_worker(service)
    for number, (codec, subscription) in enumerate(zip(codecs, service.subscribe(len(codecs)), strict=True)):
        await world.produce(job(f"j{number}", [recipient("r", subscription)]), codec=codec)
    async with Outcomes(world) as outcomes:
        found = await outcomes.of(len(codecs))
    assert {each["status"] for [each] in found.values()} == {"sent"}


async def test_what_is_no_job_becomes_a_dead_letter_and_costs_only_itself(
    world: World, service: SimulatedPushService
):
    [subscription] = service.subscribe()
    await world.start_worker(service)
    wrong = [
        b"{",
        b"\xff\xfe",
        json.dumps(job("j", [], v=2)).encode(),
        json.dumps(job("../j", [{}])).encode(),
    ]
    await world.produce(
        *wrong, job("good", [recipient("r", subscription)]), headers=[("traceparent", b"00-1")]
    )
    async with Reader(world, "dead-letters") as dead, Outcomes(world) as outcomes:
        assert (await outcomes.of(1))["good", "r"][0]["status"] == "sent"
        await dead.read(lambda: len(dead.records) >= len(wrong), "all are dead letters")
        assert sorted(record.value for record in dead.records) == sorted(wrong)
        said = {record.value: dict(record.headers) for record in dead.records}
    assert {said[value]["error-code"] for value in wrong[:2]} == {b"bad_json"}
    assert said[wrong[2]]["error"].startswith(b"v: ")
    assert said[wrong[3]]["error"].startswith(b"job_id: ")
    assert {headers["source-topic"] for headers in said.values()} == {f"{world.prefix}jobs".encode()}
    assert all(headers["traceparent"] == b"00-1" for headers in said.values())


async def test_what_is_tried_again_comes_back_from_its_tier(world: World, service: SimulatedPushService):
    [subscription] = service.subscribe()
    service.script(subscription, [ScriptedAnswer(429, retry_after=17), ScriptedAnswer(201)])
    await world.start_worker(service)
    await world.produce(job("j", [recipient("r", subscription)], ttl=600))
    async with Outcomes(world) as outcomes, Reader(world, "later.10s") as later:
        [[outcome]] = (await outcomes.of(1)).values()
        await later.drain()
    assert (outcome["status"], outcome["attempts"]) == ("sent", 2)
    first, second = service.pushes(subscription)
    assert second.at - first.at >= 17
    assert second.ttl <= first.ttl - 17
    assert later.values  # one, or two where the back-off was long
    for value in later.values:
        assert value["recipients"][0]["attempts"] == 1
        assert (value["lane"], value["ttl"], value["stretch_time"]) == ("normal", 600, 0)
