"""A run: broker, push service and workers as in production, a campaign, and everything that can happen."""

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.chaos.campaign import Campaign
from tests.chaos.fleet import Fleet
from tests.chaos.schedule import Event, Kind, schedule
from tests.chaos.verdict import Verdict
from tests.integration.support import ROOT, Outcomes, World
from worker.demo import broker as embedded
from worker.demo.broker import EmbeddedBroker

TEST_BROKER = os.environ.get("PUSHMILL_TEST_BROKER")
QUIET_SECONDS = 120.0
"""In which something must come to an end, once nothing is done to the run any more."""


@dataclass(frozen=True, slots=True)
class Options:
    """How large, and how bad.

    Attributes:
        counts: Events of each kind.
        seconds: What the campaign is stretched over.
        rest: Mean seconds between two events.
        in_flight: Requests at once, each worker.
        per_record: Recipients in a record.
        say: Is told of each event.
    """

    counts: dict[Kind, int]
    recipients: int = 200_000
    workers: int = 3
    seed: int = 1
    seconds: float = 300.0
    rest: float = 1.0
    in_flight: int = 128
    per_record: int = 100
    say: Callable[[str], object] = len


class Service:
    """The push service's process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asking = asyncio.Lock()

    async def ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin
        async with self._asking:
            self._process.stdin.write(command.encode() + b"\n")
            return await self.hear()

    async def hear(self) -> dict[str, Any]:
        assert self._process.stdout
        found: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return found


@asynccontextmanager
async def running_service(folder: Path, options: Options) -> AsyncIterator[tuple[Service, int]]:
    command = ("-m", "tests.chaos.service", str(folder), str(options.seed), str(options.recipients))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdin=pipe, stdout=pipe
    )
    try:
        service = Service(process)
        yield service, (await service.hear())["port"]
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


class Run:
    """One run, from an empty broker to its verdict."""

    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._broker: EmbeddedBroker | None = None
        self._verdict = Verdict(
            options.recipients, options.workers, options.in_flight, rebalances_cleanly=bool(TEST_BROKER)
        )

    async def run(self) -> Verdict:
        options = self._options
        async with AsyncExitStack() as stack:
            if not TEST_BROKER:
                # It writes everything when it stops; killed in the middle, it loses what it acknowledged.
                embedded.STOP_SECONDS = embedded.START_SECONDS = 120.0
                self._broker = await stack.enter_async_context(EmbeddedBroker())
            address = self._broker.address if self._broker else str(TEST_BROKER)
            world = World(address, f"chaos-{uuid.uuid4().hex[:8]}.", self._folder, partitions=6)
            await world.prepare()
            service, port = await stack.enter_async_context(running_service(self._folder, options))
            fleet = Fleet(self._environments(world, port), self._folder)
            stack.push_async_callback(fleet.close)
            subscriptions = json.loads((self._folder / "subscriptions.json").read_text())
            campaign = Campaign(subscriptions, options.seconds, options.per_record)
            await world.produce(*campaign.records(time.time()))
            began = time.monotonic()
            await self._happen(fleet, service)
            await self._account(world, service)
            self._verdict.seconds = time.monotonic() - began
            self._verdict.exits, self._verdict.unclean = fleet.exits, fleet.unclean
            self._verdict.joins = fleet.joins
        return self._verdict

    def _environments(self, world: World, port: int) -> list[dict[str, str]]:
        services = [SimpleNamespace(port=port)]
        in_flight = str(self._options.in_flight)
        return [
            world.environment(services, number, PUSHMILL_MAX_IN_FLIGHT=in_flight)
            for number in range(self._options.workers)
        ]

    async def _happen(self, fleet: Fleet, service: Service) -> None:
        options = self._options
        await fleet.start()
        watching = asyncio.create_task(fleet.watch())
        before = 0
        try:
            for event in schedule(options.seed, options.counts, options.workers, options.rest):
                await asyncio.sleep(event.rest)
                await self._do(event, fleet, service)
                told = await service.ask("tell")
                repeats, before = told["repeated"] - before, told["repeated"]
                self._verdict.note(event.kind, repeats)
                options.say(f"{event.kind}, worker {event.worker}: {repeats} repeats, {told['taken']} pushed")
            await self._wait_for_all(service)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _do(self, event: Event, fleet: Fleet, service: Service) -> None:
        worker = fleet.workers[event.worker]
        match event.kind:
            case Kind.KILL:
                await fleet.kill(worker)
            case Kind.TERM:
                await fleet.terminate(worker)
            case Kind.FREEZE:
                await fleet.freeze(worker, event.lasts)
            case Kind.PAUSE:
                await fleet.pause(worker, event.lasts)
            case Kind.CUT:
                self._verdict.cut += (await service.ask("drop"))["cut"]
            case Kind.BROKER_RESTART if self._broker:
                await self._broker.restart()
            case Kind.BROKER_FREEZE if self._broker:
                os.kill(self._broker.pid, signal.SIGSTOP)
                await asyncio.sleep(event.lasts)
                os.kill(self._broker.pid, signal.SIGCONT)

    async def _wait_for_all(self, service: Service) -> None:
        """Until everybody has been reached, or nothing has come for too long."""
        quiet_since, taken = time.monotonic(), -1
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            told = await service.ask("tell")
            if told["reached"] >= self._options.recipients:
                return
            if told["taken"] != taken:
                quiet_since, taken = time.monotonic(), told["taken"]
            await asyncio.sleep(0.5)

    async def _account(self, world: World, service: Service) -> None:
        """Read every outcome, as upstream would: the last one for a recipient counts."""
        last: dict[tuple[str, str], str] = {}
        async with Outcomes(world) as outcomes:
            quiet_since = time.monotonic()
            while len(last) < self._options.recipients and time.monotonic() - quiet_since < QUIET_SECONDS:
                await outcomes.drain()
                if outcomes.records:
                    quiet_since = time.monotonic()
                for batch in outcomes.values:
                    for outcome in batch["outcomes"]:
                        last[batch["job_id"], outcome["recipient_id"]] = outcome["status"]
                outcomes.records.clear()
        told = await service.ask("tell")
        self._verdict.statuses = Counter(last.values())
        self._verdict.reached, self._verdict.taken = told["reached"], told["taken"]
        self._verdict.repeated, self._verdict.gap = told["repeated"], told["gap"]
