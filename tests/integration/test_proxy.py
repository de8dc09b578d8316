"""A worker that can only reach push services through a proxy."""

import asyncio

from tests.harness.connect_proxy import ConnectProxy
from tests.harness.upstream import Outcomes, job, recipient
from tests.harness.waiting import until
from tests.harness.world import World
from worker.simulator.service import SimulatedPushService


async def test_what_the_proxy_refuses_settles_nobody_and_goes_out_once_it_lets_through(
    world: World, service: SimulatedPushService
):
    subscriptions = service.subscribe(3, vapid_public_key=world.key.public_text)
    people = [recipient(f"r{number}", each) for number, each in enumerate(subscriptions)]
    gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    async with ConnectProxy(login="mill:hunter2", says=gone) as proxy, Outcomes(world) as outcomes:
        worker = await world.start_worker(
            service,
            PUSHMILL_TRANSPORT="aiohttp",
            PUSHMILL_PROXY_URL=f"http://mill:hunter2@127.0.0.1:{proxy.port}",
            HTTPS_PROXY="http://127.0.0.1:1",
        )
        await world.produce(job("j1", people))
        await until(lambda: len(proxy.asked) >= 3, "the proxy has refused each")
        proxy.says = None
        settled = await outcomes.of(3)
    assert [(each["status"], each["http_status"]) for [each] in settled.values()] == [("sent", 201)] * 3
    assert all(each["attempts"] > 1 for [each] in settled.values())
    assert await worker.terminate() == 0
    log = await asyncio.to_thread(worker.log.read_text)
    assert "the proxy refuses to connect to a push service: it answers 410" in log
    assert [text for text in ("hunter2", "bWlsbDpodW50ZXIy") if text in log] == []
