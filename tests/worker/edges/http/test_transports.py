"""What every transport must do: one that is added to TRANSPORTS is tested like the others.

Against simulated push services for what those do wrong on demand, and against a scripted TLS server for what
only bytes can say. The one sentence behind most of it: a request that may have been taken is never sent
again, and lands exactly once.
"""

import pytest

from tests.harness.waiting import until
from tests.worker.edges.http.wire import ARRIVED, CREATED, ask, opened, push, saying, scripted, to, turns
from worker.edges.http.transport import ANSWER_MAX_BYTES
from worker.push.answers import PushResponse, TransportFailure
from worker.simulator.answers import Fault, ScriptedAnswer


async def test_a_push_arrives_and_its_answer_lands(transport, certificates, service):
    [subscription] = service.subscribe()
    async with opened(transport, certificates) as made:
        answer = await ask(made, push(service, subscription))
    assert answer == PushResponse(201, {"ttl": "60"}, b"")
    [seen] = service.pushes(subscription)
    assert (seen.plaintext, seen.taken) == (b"hello", True)


async def test_of_an_answers_headers_only_those_that_are_read_come_back(transport, certificates, service):
    [subscription] = service.subscribe()
    extra = (("X-WNS-Status", "received"), ("Set-Cookie", "a=b"))
    service.script(subscription, [ScriptedAnswer(429, retry_after=7, headers=extra, body="slow down")])
    async with opened(transport, certificates) as made:
        answer = await ask(made, push(service, subscription))
    assert answer == PushResponse(429, {"retry-after": "7", "x-wns-status": "received"}, b"slow down")


WHOLE = PushResponse(201, {"ttl": "60"}, b"")

FAULTS = {
    Fault.RESET_EARLY: TransportFailure.RESET,
    Fault.RESET_LATE: TransportFailure.RESET,
    Fault.RESET_MIDWAY: PushResponse(201),  # its status line has arrived
    Fault.CLOSE: WHOLE,
    Fault.CUT: WHOLE,
    Fault.SLOW_HEADERS: WHOLE,
    Fault.GARBAGE: TransportFailure.BAD_ANSWER,
    Fault.INFORMATIONAL: WHOLE,
    Fault.SPLIT: WHOLE,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_lands_once_is_not_sent_again_and_harms_no_later_push(
    transport, certificates, service, fault
):
    broken, fine = service.subscribe(2)
    service.script(broken, [ScriptedAnswer(201, fault=fault)])
    async with opened(transport, certificates) as made:
        assert await ask(made, push(service, fine)) == WHOLE  # so that the next one finds an open connection
        assert await ask(made, push(service, broken)) == FAULTS[fault]
        if fault is Fault.CUT:  # its connection looks usable until its end arrives
            await until(lambda: service.stats.open_connections == 0)
        assert await ask(made, push(service, fine)) == WHOLE
        await turns(20)
    assert len(service.pushes(broken)) == 1
    assert len(service.pushes(fine)) == 2


async def test_oversized_headers_may_be_left_unread_but_what_was_accepted_is_never_sent_again(
    transport, certificates, service
):
    broken, fine = service.subscribe(2)
    service.script(broken, [ScriptedAnswer(201, fault=Fault.OVERSIZED_HEADERS)])
    async with opened(transport, certificates) as made:
        assert await ask(made, push(service, broken)) in (PushResponse(201), WHOLE)
        assert await ask(made, push(service, fine)) == WHOLE
    assert len(service.pushes(broken)) == 1


async def test_no_answer_in_time(transport, certificates, service):
    [subscription] = service.subscribe()
    service.script(subscription, [ScriptedAnswer(201, fault=Fault.HANG)])
    async with opened(transport, certificates, within=ARRIVED) as made:
        assert await ask(made, push(service, subscription)) is TransportFailure.TIMEOUT
        await until(lambda: service.stats.open_connections == 0)
    assert len(service.pushes(subscription)) == 1


async def test_headers_that_drip_too_slowly(transport, certificates, service):
    [subscription] = service.subscribe()
    service.pace = ARRIVED / 4
    # Not 201: its status line alone says that the push was accepted, if it arrives in time.
    service.script(subscription, [ScriptedAnswer(503, fault=Fault.SLOW_HEADERS)])
    async with opened(transport, certificates, within=ARRIVED) as made:
        assert await ask(made, push(service, subscription)) is TransportFailure.TIMEOUT
    assert len(service.pushes(subscription)) == 1


async def test_an_endless_body_is_cut_and_its_status_stands(transport, certificates, service):
    [subscription] = service.subscribe()
    service.script(subscription, [ScriptedAnswer(201, fault=Fault.ENDLESS_BODY)])
    async with opened(transport, certificates) as made:
        answer = await ask(made, push(service, subscription))
        assert (answer.status, answer.body) == (201, b"x" * ANSWER_MAX_BYTES)
        await until(lambda: service.stats.open_connections == 0)


@pytest.mark.parametrize("status", [302, 307])
async def test_redirects_are_not_followed(transport, certificates, service, status):
    first, second = service.subscribe(2)
    service.script(first, [ScriptedAnswer(status, headers=(("Location", second.endpoint),))])
    async with opened(transport, certificates) as made:
        assert (await ask(made, push(service, first))).status == status
    assert service.pushes(second) == []


@pytest.mark.parametrize(
    "target",
    [
        "/w/?token=BQYAAAD%2fx%2by%3d%3D",
        "/fcm/send/a:APA91b-_~",
        "/a//b/./c/../d",
        "/%zz%",
        "/a;b=c,d'(e)*!$&+[f]",
        "/a?b=c+d&e=%20&f?g",
        "/%E2%82%AC%e2",
        "//elsewhere.example/x",
    ],
)
async def test_a_target_is_sent_as_it_is(transport, certificates, target):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        assert await ask(made, to(server.port, target)) == PushResponse(201)
    assert server.arrived[0].line == f"POST {target} HTTP/1.1"


@pytest.mark.parametrize("body", [b"", b"\x00\xff" * 2048])
async def test_headers_are_those_given_and_three_of_the_transports_own(transport, certificates, body):
    given = {
        "TTL": "60",
        "Urgency": "very-low",
        "Authorization": "vapid t=a.b.c, k=d",
        "X-WNS-Cache-Policy": "cache",
    }
    if body:
        given |= {"Content-Encoding": "aes128gcm", "Content-Type": "application/json", "Topic": "a_-1"}
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        for _ in range(2):
            assert await ask(made, to(server.port, body=body, **given)) == PushResponse(201)
    for arrived in server.arrived:
        names = [name.lower() for name, _ in arrived.headers]
        assert sorted(names) == sorted(
            [*(name.lower() for name in given), "host", "content-length", "user-agent"]
        )
        came = {name.lower(): value for name, value in arrived.headers}
        assert came["host"] == f"localhost:{server.port}"
        assert came["content-length"] == str(len(body))
        assert came["user-agent"].startswith("pushmill/")
        assert {name: came[name.lower()] for name in given} == given
        assert arrived.body == body


async def test_a_header_that_could_be_taken_for_another_is_not_sent(transport, certificates):
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        answer = await ask(made, to(server.port, TTL="60\r\nUrgency: high"))
        assert answer is TransportFailure.BAD_ANSWER
        assert await ask(made, to(server.port)) == PushResponse(201)
    assert len(server.arrived) == 1


async def test_cookies_are_not_kept(transport, certificates):
    wire = b"HTTP/1.1 201 Created\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with scripted(certificates, saying(wire)) as server, opened(transport, certificates) as made:
        for _ in range(2):
            await ask(made, to(server.port))
    assert "cookie" not in {name.lower() for name, _ in server.arrived[1].headers}


async def test_a_proxy_in_the_environment_is_ignored(transport, certificates, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with scripted(certificates, saying(CREATED)) as server, opened(transport, certificates) as made:
        assert await ask(made, to(server.port)) == PushResponse(201)
