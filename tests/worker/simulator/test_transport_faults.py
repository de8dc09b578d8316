import asyncio
from email.utils import parsedate_to_datetime

import aiohttp
import pytest
from yarl import URL

from tests.harness.waiting import until
from worker.simulator.answers import STATUSES, UNANSWERED, Fault, ScriptedAnswer
from worker.simulator.faults import Faults, FaultShare
from worker.simulator.profiles import PROFILES


@pytest.fixture
async def sender(start):
    return await start("fcm")


async def faulty(sender, fault, **options):
    """A subscription of which only the next push meets a fault."""
    [subscription] = sender.service.subscribe()
    sender.service.script(subscription, [ScriptedAnswer(STATUSES.get(fault, 201), fault=fault, **options)])
    return subscription


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("fault", STATUSES)
async def test_refusals_have_their_status(start, profile, fault):
    sender = await start(profile, faults=Faults(shares=(FaultShare(fault, 1.0),)))
    [subscription] = sender.service.subscribe()
    response = await sender.push(subscription)
    assert response.status == STATUSES[fault]
    assert sender.service.stats.causes == {fault: 1}
    assert sender.service.stats.taken == 0
    if response.status in (302, 307):
        assert response.headers["location"]


async def test_retry_after_in_seconds_and_as_a_date(sender):
    subscription = await faulty(sender, Fault.TOO_MANY, retry_after=7)
    assert (await sender.push(subscription)).headers["retry-after"] == "7"
    subscription = await faulty(sender, Fault.TOO_MANY, retry_after=7, http_date=True)
    assert parsedate_to_datetime((await sender.push(subscription)).headers["retry-after"])


@pytest.mark.parametrize("fault", [Fault.RESET_EARLY, Fault.RESET_LATE])
async def test_a_reset_without_an_answer(sender, fault):
    subscription = await faulty(sender, fault)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await sender.push(subscription)
    [push] = sender.service.pushes(subscription)
    assert (push.status, push.taken, push.cause) == (0, fault is Fault.RESET_LATE, fault)
    assert (await sender.push(subscription)).status == 201


async def test_an_early_reset_does_not_wait_for_the_body(sender):
    subscription = await faulty(sender, Fault.RESET_EARLY)
    async with sender.connect() as wire:
        wire.send(sender.request(subscription).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        assert await wire.ended()


async def test_early_resets_by_share(start):
    sender = await start("fcm", faults=Faults(shares=(FaultShare(Fault.RESET_EARLY, 1.0),)))
    [subscription] = sender.service.subscribe()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await sender.push(subscription)
    sender.service.faults = Faults()
    assert (await sender.push(subscription)).status == 201
    assert sender.service.stats.statuses == {0: 1, 201: 1}


async def test_a_reset_in_the_middle_of_the_answer(sender):
    subscription = await faulty(sender, Fault.RESET_MIDWAY)
    async with sender.connect() as wire:
        wire.send(sender.request(subscription))
        assert (await wire.reader.readline()).startswith(b"HTTP/1.1 201")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await wire.reader.readuntil(b"\r\n\r\n")
    assert sender.service.pushes(subscription)[0].taken


@pytest.mark.parametrize(("fault", "said"), [(Fault.CLOSE, "close"), (Fault.CUT, None)])
async def test_the_connection_ends_after_the_answer(sender, fault, said):
    subscription = await faulty(sender, fault)
    async with sender.connect() as wire:
        wire.send(sender.request(subscription))
        response = await wire.response()
        assert (response.status, response.headers.get("connection")) == (201, said)
        assert await wire.ended()


async def test_no_answer_ever(sender):
    subscription = await faulty(sender, Fault.HANG)
    async with sender.connect() as wire:
        wire.send(sender.request(subscription))
        await until(lambda: sender.service.stats.in_flight == 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.response(), 0.1)
        assert sender.service.stats.in_flight == 1
    await until(lambda: sender.service.stats.in_flight == 0)
    assert not sender.service.pushes(subscription)[0].taken


async def test_an_answer_without_end(sender):
    subscription = await faulty(sender, Fault.ENDLESS_BODY)
    async with sender.connect() as wire:
        wire.send(sender.request(subscription))
        assert b"Transfer-Encoding: chunked" in await wire.reader.readuntil(b"\r\n\r\n")
        assert len(await wire.reader.readexactly(500_000)) == 500_000


@pytest.mark.parametrize("fault", [Fault.SLOW_HEADERS, Fault.SPLIT, Fault.OVERSIZED_HEADERS])
async def test_odd_but_whole_answers_leave_the_connection_usable(sender, fault):
    subscription = await faulty(sender, fault)
    async with sender.connect() as wire:
        wire.reader._limit = 1_000_000  # the oversized headers exceed the limit of a stream reader
        wire.send(sender.request(subscription) * 2)
        first = await wire.response()
        assert first.status == 201
        assert ("x-padding-63" in first.headers) is (fault is Fault.OVERSIZED_HEADERS)
        assert (await wire.response()).status == 201


async def test_an_informational_answer_comes_first(sender):
    subscription = await faulty(sender, Fault.INFORMATIONAL)
    async with sender.connect() as wire:
        wire.send(sender.request(subscription))
        assert [(await wire.response()).status for _ in range(2)] == [103, 201]


async def test_garbage_instead_of_a_status_line(sender):
    subscription = await faulty(sender, Fault.GARBAGE)
    async with sender.connect() as wire:
        wire.send(sender.request(subscription))
        assert not (await wire.reader.read()).startswith(b"HTTP")
    assert not sender.service.pushes(subscription)[0].taken


@pytest.mark.parametrize("fault", Fault)
async def test_a_common_client_survives_each_fault_and_the_next_push_arrives(sender, fault):
    subscription = await faulty(sender, fault)
    connector = aiohttp.TCPConnector(ssl=sender.certificates.client_context())
    short = 0.3 if fault in (Fault.HANG, Fault.ENDLESS_BODY) else 30.0
    statuses = []
    async with aiohttp.ClientSession(connector=connector) as http:
        for seconds in (short, short, 30.0):  # the second may use the connection that the first one broke
            body = sender.body(subscription, b"hello")
            headers = sender.headers(Host=None)
            try:
                async with http.post(
                    URL(subscription.endpoint, encoded=True),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=seconds),
                ) as response:
                    await response.read()
                    statuses.append(response.status)
            except (aiohttp.ClientError, TimeoutError):
                statuses.append(0)
    assert statuses[-1] == 201
    if fault in STATUSES:
        assert statuses[0] == STATUSES[fault]
    elif fault in UNANSWERED:
        assert statuses[0] in (0, 201)  # a client may retry by itself after a reset


async def test_a_violation_goes_before_a_fault(sender):
    subscription = await faulty(sender, Fault.GONE)
    assert (await sender.push(subscription, TTL=None)).status == 400


async def test_closing_ends_what_hangs(sender):
    subscription = await faulty(sender, Fault.HANG)
    async with sender.connect() as wire:
        wire.send(sender.request(subscription))
        await until(lambda: sender.service.stats.in_flight == 1)
        await sender.service.close()
        assert await wire.ended()
    assert sender.service.stats.in_flight == 0
