"""A run: broker, push service and workers as in production, a campaign, and everything that can go wrong."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.chaos.campaign import Campaign
from tests.chaos.fleet import Fleet
from tests.chaos.hand_ons import PASSING, HandOns
from tests.chaos.schedule import OF_OUR_OWN_KAFKA, Event, Kind, schedule
from tests.chaos.verdict import Repeat, Verdict
from tests.harness.freezing import freeze, thaw
from tests.harness.json_process import JsonProcess, json_process
from tests.harness.kafka.proxy import KafkaProxy, Witness
from tests.harness.upstream import Outcomes
from tests.harness.world import World
from worker.demo import broker as embedded
from worker.demo.broker import EmbeddedBroker
from worker.edges.kafka.consumer import SESSION_DYNAMIC, SESSION_STATIC

TEST_BROKER = os.environ.get("PUSHMILL_TEST_BROKER")
QUIET_SECONDS = 120.0
"""Without progress for so long after the last event, the run ends."""

LOGIN = {"PUSHMILL_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "PUSHMILL_KAFKA_SASL_PASSWORD": "any"}
"""A login for each process, with its own name and any password, tells the proxy which process does what."""

EXPIRY_MARGIN = 3.0
"""Seconds that a worker stays frozen beyond its session."""


@dataclass(frozen=True, slots=True)
class Options:
    """The size of a run, and its events.

    Attributes:
        counts: Events of each kind.
        seconds: Seconds over which the campaign is stretched.
        rest: Mean seconds between two events.
        static: Whether workers have instance ids, and so keep their partitions over a restart.
        in_flight: Requests at once, each worker.
        per_record: Recipients in a record.
        campaigns: Whether the campaign service is put to the test, too.
        say: Called with a line about each event.
    """

    counts: dict[Kind, int]
    recipients: int = 200_000
    workers: int = 3
    seed: int = 1
    seconds: float = 300.0
    rest: float = 1.0
    static: bool = True
    in_flight: int = 128
    per_record: int = 100
    campaigns: bool = False
    say: Callable[[str], object] = len


@dataclass(frozen=True, slots=True)
class Kafka:
    """The Kafka of a run; `broker` and `proxy` are None if it is not ours to break."""

    address: str
    broker: EmbeddedBroker | None = None
    proxy: KafkaProxy | None = None


@asynccontextmanager
async def running_kafka(witness: Witness) -> AsyncIterator[Kafka]:
    """Yield `PUSHMILL_TEST_BROKER`, or the embedded broker behind a coordinator like Apache Kafka's.

    Only the latter has a witness: on another broker nobody sees which recipients are open in two places.
    """
    if TEST_BROKER:
        yield Kafka(TEST_BROKER)
        return
    async with EmbeddedBroker() as broker, KafkaProxy(broker.address) as proxy:
        proxy.witness = witness
        yield Kafka(proxy.address, broker, proxy)


class Run:
    """One run, from an empty broker to its verdict."""

    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._guests = 0
        self._hand_ons = HandOns()
        self._verdict = Verdict(options.recipients, options.in_flight)

    async def run(self) -> Verdict:
        options = self._options
        async with AsyncExitStack() as stack:
            # It writes to disk when it stops; killed meanwhile, it loses records that it acknowledged.
            embedded.STOP_SECONDS = embedded.START_SECONDS = 120.0
            kafka = await stack.enter_async_context(running_kafka(self._hand_ons))
            self._verdict.witnessed = kafka.proxy is not None
            world = World(kafka.address, self._folder, "chaos", partitions=6)
            await stack.enter_async_context(world)
            arguments = (self._folder, options.seed, options.recipients)
            service = await stack.enter_async_context(json_process("tests.chaos.service", *arguments))
            port = (await service.hear())["port"]
            environments = [self._environment(world, port, number) for number in range(options.workers)]
            fleet = Fleet(environments, self._folder, self._verdict.note)
            stack.push_async_callback(fleet.close)
            subscriptions = json.loads((self._folder / "subscriptions.json").read_text())
            campaign = Campaign(subscriptions, options.seconds, options.per_record)
            await world.produce(*campaign.records(time.time()))
            began = time.monotonic()
            await self._happen(fleet, service, kafka)
            await self._account(world, service)
            self._verdict.seconds = time.monotonic() - began
            self._verdict.unclean = len(set(fleet.unclean) - self._hand_ons.stuck)
        return self._verdict

    def _environment(self, world: World, port: int, number: int) -> dict[str, str]:
        services = [SimpleNamespace(port=port)]
        in_flight = str(self._options.in_flight)
        login = {} if TEST_BROKER else LOGIN
        environment = world.environment(services, number, PUSHMILL_MAX_IN_FLIGHT=in_flight, **login)
        if not self._options.static:
            del environment["PUSHMILL_INSTANCE_ID"]
        return environment

    async def _happen(self, fleet: Fleet, service: JsonProcess, kafka: Kafka) -> None:
        options = self._options
        await fleet.start()
        watching = asyncio.create_task(fleet.watch())
        before = 0
        try:
            for event in schedule(options.seed, options.counts, options.workers, options.rest):
                await asyncio.sleep(event.rest)
                await self._do(event, fleet, service, kafka)
                counts = await service.ask("count")
                repeats, before = counts["repeated"] - before, counts["repeated"]
                options.say(
                    f"{event.kind}, worker {event.worker}: {repeats} repeats, {counts['taken']} pushes"
                )
            await self._wait_for_all(service)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _do(self, event: Event, fleet: Fleet, service: JsonProcess, kafka: Kafka) -> None:
        at = time.monotonic()
        if event.kind is Kind.CUT:
            self._verdict.note(event.kind, **await service.ask("drop"))
        elif event.kind in OF_OUR_OWN_KAFKA:
            self._verdict.note(event.kind, at)
            await _break_kafka(event, kafka)
        elif event.kind is Kind.JOIN:
            await self._let_join(event, fleet)
        else:
            await self._hurt(event, fleet)

    async def _hurt(self, event: Event, fleet: Fleet) -> None:
        worker = fleet.workers[event.worker]
        match event.kind:
            case Kind.KILL:
                await fleet.kill(worker)
            case Kind.TERM:
                await fleet.terminate(worker)
            case Kind.FREEZE:
                await fleet.freeze(worker, event.lasts)
            case Kind.EXPIRE:
                session = SESSION_STATIC if self._options.static else SESSION_DYNAMIC
                await fleet.pause(worker, event.kind, session + EXPIRY_MARGIN)
            case Kind.PAUSE:
                await fleet.pause(worker, event.kind, event.lasts)

    async def _let_join(self, event: Event, fleet: Fleet) -> None:
        """Let a guest join and leave for good, as a pod does that is scaled in."""
        self._guests += 1
        leave_file = self._folder / "guests-leave"
        leave_file.touch()
        environment = fleet.workers[0].environment | {"PUSHMILL_LEAVE_FILE": str(leave_file)}
        if instance := environment.get("PUSHMILL_INSTANCE_ID"):
            environment["PUSHMILL_INSTANCE_ID"] = f"{instance}-guest-{self._guests}"
        await fleet.visit(environment, event.lasts)

    async def _wait_for_all(self, service: JsonProcess) -> None:
        """Wait until every recipient has been reached, or no push has arrived for too long."""
        quiet_since, taken = time.monotonic(), -1
        while time.monotonic() - quiet_since < QUIET_SECONDS:
            counts = await service.ask("count")
            if counts["reached"] >= self._options.recipients:
                return
            if counts["taken"] != taken:
                quiet_since, taken = time.monotonic(), counts["taken"]
            await asyncio.sleep(0.5)

    async def _account(self, world: World, service: JsonProcess) -> None:
        """Read every outcome, as upstream would; the last one of a recipient counts."""
        last: dict[tuple[str, str], dict[str, Any]] = {}
        async with Outcomes(world) as outcomes:
            quiet_since = time.monotonic()
            while len(last) < self._options.recipients and time.monotonic() - quiet_since < QUIET_SECONDS:
                await outcomes.drain()
                if outcomes.records:
                    quiet_since = time.monotonic()
                for batch in outcomes.values:
                    for outcome in batch["outcomes"]:
                        last[batch["job_id"], outcome["recipient_id"]] = outcome
                outcomes.records.clear()
        counts = await service.ask("count")
        verdict = self._verdict
        verdict.statuses = Counter(outcome["status"] for outcome in last.values())
        verdict.retried = sum(outcome["attempts"] > 1 for outcome in last.values())
        verdict.reached, verdict.taken, verdict.gap = counts["reached"], counts["taken"], counts["gap"]
        repeats = [Repeat(*each) for each in (await service.ask("repeats"))["repeats"]]
        verdict.note_repeats(
            repeats, {outcome["recipient_id"]: outcome["attempts"] for outcome in last.values()}
        )
        verdict.note_hand_ons(self._hand_ons.uncommitted)


async def _break_kafka(event: Event, kafka: Kafka) -> None:
    broker, proxy = kafka.broker, kafka.proxy
    assert broker is not None
    assert proxy is not None
    match event.kind:
        case Kind.KAFKA_RESTART:
            async with proxy.down():
                await broker.restart()
        case Kind.KAFKA_FREEZE:
            async with proxy.frozen():
                freeze(broker.pid)
                await asyncio.sleep(event.lasts)
                thaw(broker.pid)
        case Kind.KAFKA_CUT:
            await proxy.cut()
        case Kind.MOVE:
            async with proxy.moving():
                await asyncio.sleep(event.lasts)
        case Kind.COMMIT_FAILS:
            proxy.fail_commits(*PASSING)
        case Kind.COMMIT_HANGS:
            proxy.fail_commits(None)
