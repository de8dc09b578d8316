"""The ordinary play: writes everything at once, for delivery as fast as possible."""

import asyncio

from worker.demo.collector import Collector
from worker.demo.display import Display
from worker.demo.drafts import draft
from worker.demo.evidence import Delivered
from worker.demo.producer import Production, address, write
from worker.demo.stage import Stage


async def play(stage: Stage, collector: Collector) -> Delivered:
    """Produce, and wait for all outcomes, up to a limit, after which the report says what is missing."""
    total = stage.options.notifications
    deadline = asyncio.get_running_loop().time() + stage.options.limit
    production = await _produce(stage)
    await stage.join()
    stage.say(f"workers joined: {len(stage.workers)}; records to write: {len(production.records):,}")
    written_at = await write(stage.kafka.settings, production.records)
    with Display(stage.console, total) as display:
        while len(collector.received.outcomes) < total and asyncio.get_running_loop().time() < deadline:
            await collector.poll()
            display.show(collector.received)
    return Delivered(production, written_at)


async def _produce(stage: Stage) -> Production:
    drafts = await asyncio.to_thread(draft, stage.options.notifications, stage.options.seed)
    subscriptions = await stage.subscribe(drafts)
    production = await asyncio.to_thread(address, drafts, subscriptions)
    await stage.services.script(production.scripts)
    return production
