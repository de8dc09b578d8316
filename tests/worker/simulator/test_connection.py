import asyncio

import pytest

from worker.simulator.answers import ScriptedAnswer
from worker.simulator.connection import is_loopback


async def test_requests_on_one_connection_in_one_piece_and_in_many(start):
    sender = await start("fcm")
    subscriptions = sender.service.subscribe(4)
    async with sender.connect() as wire:
        requests = [sender.request(s, b"%d" % s.number) for s in subscriptions]
        wire.send(b"".join(requests[:3]))
        for byte in range(0, len(requests[3]), 11):
            wire.send(requests[3][byte : byte + 11])
            await asyncio.sleep(0)
        assert [(await wire.response()).status for _ in requests] == [201] * 4
    texts = [push.plaintext for push in sender.service.all_pushes()]
    assert texts == [b"0", b"1", b"2", b"3"]
    assert sender.service.stats.connections == 1


async def test_answers_keep_the_order_of_requests_whatever_their_delay(start):
    sender = await start("fcm")
    slow, quick = sender.service.subscribe(2)
    sender.service.script(slow, [ScriptedAnswer(429, retry_after=2, delay=0.05)])
    async with sender.connect() as wire:
        wire.send(sender.request(slow) + sender.request(quick) * 100)
        assert (await wire.response()).status == 429
        assert [(await wire.response()).status for _ in range(100)] == [201] * 100
    assert sender.service.stats.in_flight == 0


async def test_the_service_closes_when_asked_to(start):
    sender = await start("fcm")
    [subscription] = sender.service.subscribe()
    async with sender.connect() as wire:
        wire.send(sender.request(subscription, Connection="close"))
        assert (await wire.response()).headers["connection"] == "close"
        assert await wire.ended()


@pytest.mark.parametrize("data", [b"no http at all\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"])
async def test_what_is_no_request_gets_400(start, data):
    sender = await start("fcm")
    async with sender.connect() as wire:
        wire.send(data)
        assert (await wire.response()).status == 400
        assert await wire.ended()


async def test_an_upgrade_is_answered_and_not_followed(start):
    sender = await start("fcm")
    async with sender.connect() as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert (await wire.response()).status == 404
        assert await wire.ended()


async def test_a_continue_is_given_before_the_body(start):
    sender = await start("fcm")
    [subscription] = sender.service.subscribe()
    request = sender.request(subscription, Expect="100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    async with sender.connect() as wire:
        wire.send(head + b"\r\n\r\n")
        assert (await wire.response()).status == 100
        wire.send(body)
        assert (await wire.response()).status == 201


async def test_a_failing_hook_is_no_fault_of_the_client(start):
    def hook(*_push):
        raise LookupError("no such recipient")

    sender = await start("fcm", on_push=hook)
    [subscription] = sender.service.subscribe()
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await sender.push(subscription)
    assert isinstance(reported[0]["exception"].__context__, LookupError)


@pytest.mark.parametrize(
    ("peer", "local"),
    [(("127.0.0.1", 1), True), (("::1", 1, 0, 0), True), (("10.0.0.1", 1), False), (None, False)],
)
def test_who_is_on_loopback(peer, local):
    assert is_loopback(peer) is local
