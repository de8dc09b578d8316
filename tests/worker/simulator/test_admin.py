import json
import time

import pytest

from worker.simulator.admin import administer
from worker.simulator.answers import Fault
from worker.simulator.rules import ReceivedRequest


@pytest.fixture
async def sender(start):
    return await start("mozilla")


async def test_subscribing_gives_what_a_browser_gives(sender):
    one = json.loads((await sender.ask("POST", "/subscribe")).body)
    assert one["endpoint"].startswith(sender.service.origin + "/wpush/v2/")
    assert one["expirationTime"] is None
    assert {name: len(text) for name, text in one["keys"].items()} == {"p256dh": 87, "auth": 22}
    more = json.loads((await sender.ask("POST", "/subscribe", b'{"count": 3, "expires_in": 60}')).body)
    assert len({item["endpoint"] for item in more} | {one["endpoint"]}) == 4
    assert more[0]["expirationTime"] / 1000 == pytest.approx(time.time() + 60, abs=30)


async def test_a_subscription_from_afar_can_be_pushed_to(sender):
    body = json.dumps({"vapid_public_key": sender.key.public_text}).encode()
    made = json.loads((await sender.ask("POST", "/subscribe", body)).body)
    subscription = sender.service._intake.subscriptions.named(made["endpoint"])
    assert (await sender.push(subscription)).status == 201


async def test_the_counters_by_http(sender):
    [subscription] = sender.service.subscribe()
    await sender.push(subscription)
    await sender.push(subscription, TTL=None)
    stats = json.loads((await sender.ask("GET", "/stats")).body)
    assert stats["statuses"] == {"201": 1, "400": 1}
    assert stats["causes"] == {"ttl_missing": 1}
    assert (stats["profile"], stats["taken"], stats["decrypted"], stats["kept"]) == ("mozilla", 1, 1, 2)
    assert (stats["subscriptions"], stats["peak_in_flight"]) == (1, 1)
    assert (await sender.ask("DELETE", "/stats")).status == 200
    assert json.loads((await sender.ask("GET", "/stats")).body)["taken"] == 0
    assert sender.service.stats.in_flight == 0


async def test_the_journal_by_http(sender):
    [subscription] = sender.service.subscribe()
    for text in (b"a", b"b", b"c"):
        await sender.push(subscription, text)
    rows = json.loads((await sender.ask("GET", "/pushes?first=1&count=1")).body)
    assert [(row["token"], row["plaintext"]) for row in rows] == [(subscription.token, "Yg==")]


async def test_faults_can_be_changed_at_run_time(sender):
    [subscription] = sender.service.subscribe()
    plan = {"seed": 1, "shares": [{"fault": "unavailable", "share": 1.0}]}
    assert (await sender.ask("POST", "/faults", json.dumps(plan).encode())).status == 200
    assert (await sender.push(subscription)).headers["retry-after"] == "120"
    assert json.loads((await sender.ask("GET", "/faults")).body)["shares"][0]["fault"] == "unavailable"
    await sender.ask("POST", "/faults", b"{}")
    assert (await sender.push(subscription)).status == 201
    assert sender.service.stats.causes == {Fault.UNAVAILABLE: 1}


async def test_scripts_by_http(sender):
    [subscription] = sender.service.subscribe()
    answers = [{"status": 429, "retry_after": 3}, {"fault": "split"}]
    body = json.dumps({"subscription": subscription.endpoint, "answers": answers}).encode()
    assert (await sender.ask("POST", "/script", body)).status == 200
    responses = [await sender.push(subscription) for _ in range(3)]
    assert [response.status for response in responses] == [429, 201, 201]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", b'{"shares": [{"fault": "gone", "share": 2}]}'),
        ("/faults", b'{"shares": [{"fault": "sabotage", "share": 0.1}]}'),
        ("/faults", b"no json"),
        ("/script", b'{"subscription": "nobody", "answers": []}'),
        ("/subscribe", b'{"count": -1}'),
        ("/subscribe", b'{"number": 1}'),
    ],
)
async def test_bad_orders_are_refused_with_a_reason(sender, path, body):
    response = await sender.ask("POST", path, body)
    assert response.status == 400
    assert json.loads(response.body)["error"]


async def test_only_loopback_may_steer(sender):
    intake = sender.service._intake
    for method, path, status in ((b"GET", b"/stats", b"403"), (b"POST", b"/subscribe", b"200")):
        reply = administer(intake, ReceivedRequest(method, path, {}, b""), keep_alive=True, local=False)
        assert reply.wire.split()[1] == status
    unknown = ReceivedRequest(b"GET", b"/nothing", {}, b"")
    assert administer(intake, unknown, keep_alive=True, local=True) is None
