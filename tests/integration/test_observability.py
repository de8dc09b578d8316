"""A real Prometheus scrapes a real worker: every metric is exposed, and every expression returns data.

An expression that looks for trouble returns nothing while there is none. These are listed with the trouble
that they need, which the test then causes.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.prometheus import Prometheus
from tests.harness.requirements import require
from tests.harness.upstream import job, moment, recipient
from tests.harness.waiting import until_seen
from tests.harness.worker_process import WorkerProcess
from tests.harness.world import World
from tests.k8s.support import DASHBOARD, alerts, kustomized, recordings
from worker.simulator.answers import Fault, ScriptedAnswer
from worker.simulator.faults import Faults
from worker.simulator.service import SimulatedPushService

pytestmark = pytest.mark.timeout(300)

PATIENCE = 60.0
"""Seconds until an event has been scraped, recorded and alerted on."""

CONTRACT = {
    "pushmill_outcomes_total": {"status", "push_service"},
    "pushmill_requests_total": {"push_service", "code"},
    "pushmill_request_duration_seconds_bucket": {"push_service", "le"},
    "pushmill_retries_total": {"push_service", "reason"},
    "pushmill_deferred_recipients_total": {"tier", "reason"},
    "pushmill_lateness_seconds_bucket": {"lane", "le"},
    "pushmill_encrypt_duration_seconds_bucket": {"le"},
    "pushmill_in_flight_requests": {"push_service"},
    "pushmill_concurrency_limit": {"push_service"},
    "pushmill_closed_gates": {"push_service"},
    "pushmill_buffered_recipients": set(),
    "pushmill_due_recipients": set(),
    "pushmill_consumed_records_total": {"topic"},
    "pushmill_consumer_lag_records": {"topic", "partition"},
    "pushmill_held_records": {"topic", "partition"},
    "pushmill_tier_overdue_seconds": {"tier"},
    "pushmill_dead_letters_total": {"reason"},
    "pushmill_quarantined_total": {"push_service"},
    "pushmill_ttl_lowered_total": {"push_service"},
    "pushmill_accepted_but_dropped_total": {"push_service", "detail"},
    "pushmill_checkpoint_duration_seconds_bucket": {"le"},
    "pushmill_checkpoint_age_seconds": set(),
    "pushmill_offset_resets_total": {"topic"},
    "pushmill_vapid_signatures_total": set(),
    "pushmill_event_loop_lag_seconds": set(),
    "pushmill_worker_state": {"state"},
    "pushmill_build_info": {"version", "python", "agreement"},
}
"""Every metric of the contract as scraped, with its labels."""

FORBIDDEN_LABELS = {"campaign", "campaign_id", "site", "site_id", "recipient", "recipient_id", "job_id"}

NEEDS = {
    "PushmillPushServiceFailing": "refusals",
    "PushmillUnauthorized": "refusals",
    "PushmillExpirySurge": "refusals",
    "PushmillDeadLetters": "refusals",
    "How many are tried again, and why?": "refusals",
    "Which requests get no answer, and why?": "refusals",
    "ALERTS": "refusals",
    "PushmillLate": "lateness",
    "PushmillUrgentLate": "lateness",
    "PushmillNotKeepingUp": "a flood",
    "PushmillTiersOverdue": "a flood",
    "PushmillEventLoopLag": "freezes",
    "PushmillCheckpointStuck": "a silent Kafka",
    "PushmillCheckpointSlow": "a Kafka that was silent",
    "PushmillRestarting": "restarts",
    "PushmillOffsetReset": "retention",
    "PushmillHeld": "an open transaction",
    "PushmillNoWorker": "an end",
    "PushmillUnreachable": "an end",
}
"""Alerts and panels that are empty while all is well, and the trouble that fills them."""

SHORTENED = {
    "PushmillTiersOverdue": ("> 60", "> 0.5"),
    "PushmillEventLoopLag": ("[5m]", "[5s]"),
    "PushmillUnreachable": ("[10m]", "[5s]"),
    "PushmillCheckpointStuck": ("[2m]) > 15", "[10s]) > 5"),
    "PushmillCheckpointSlow": ("[5m]", "[5s]"),
}
"""Replacements in expressions that need minutes of trouble; promtool checks the real durations."""


@dataclass(frozen=True)
class Expression:
    name: str
    text: str


def expressions() -> list[Expression]:
    board = json.loads(DASHBOARD.read_text())
    found = [Expression(each["alert"], each["expr"]) for each in alerts()]
    found += [Expression(each["record"], each["expr"]) for each in recordings()]
    for panel in board["panels"]:
        found += [Expression(panel["title"], target["expr"]) for target in panel.get("targets", ())]
    found += [Expression("ALERTS", each["expr"]) for each in board["annotations"]["list"]]
    [scaled] = [each for each in kustomized("overlays/prod") if each["kind"] == "ScaledObject"]
    for trigger in scaled["spec"]["triggers"]:
        if "query" in trigger["metadata"]:
            found.append(Expression("ScaledObject", trigger["metadata"]["query"]))
    return [Expression(each.name, _filled_in(each)) for each in found]


def _filled_in(expression: Expression) -> str:
    text = re.sub(r"\$(namespace|pod)\b", ".*", expression.text.replace("$__rate_interval", "5m"))
    text = text.replace('namespace="pushmill"', 'namespace="test"')
    if expression.name in SHORTENED:
        long, short = SHORTENED[expression.name]
        assert long in text, f"{expression.name} has changed: so must SHORTENED"
        text = text.replace(long, short)
    return text


def from_now(seconds: float) -> str:
    return moment(time.time() + seconds)


class Scenario:
    """A worker, its push service, and the troubles that can befall them."""

    def __init__(
        self, world: World, service: SimulatedPushService, worker: WorkerProcess, prometheus: Prometheus
    ) -> None:
        self._world = world
        self._service = service
        self._worker = worker
        self._prometheus = prometheus
        self._jobs = 0

    async def send(self, count: int, *answers: ScriptedAnswer, topic: str = "jobs", **more: Any) -> None:
        """Produce one job; each of its recipients gets `answers`, one after the other."""
        self._jobs += 1
        subscriptions = self._service.subscribe(count)
        for subscription in subscriptions:
            self._service.script(subscription, answers)
        name = f"j{self._jobs}"
        people = [recipient(f"{name}-{place}", each) for place, each in enumerate(subscriptions)]
        await self._world.produce(job(name, people, site_id=name, **more), topic=topic)

    async def load(self) -> None:
        """Send ordinary traffic: both lanes, a later start, some subscriptions gone, some TTLs lowered."""
        for _ in range(4):
            await self.send(100)
        await self.send(20, topic="jobs.urgent")
        await self.send(20, start_at=from_now(60))
        await self.send(5, ScriptedAnswer(410))
        await self.send(3, ScriptedAnswer(201, headers=(("TTL", "10"),)))

    async def refusals(self) -> None:
        await self._world.produce(b"{")
        await self.send(60, ScriptedAnswer(403))
        await self.send(150, ScriptedAnswer(410))
        await self.send(20, ScriptedAnswer(fault=Fault.RESET_EARLY), ScriptedAnswer(201))
        for _ in range(5):
            await self.send(100, ScriptedAnswer(500), ScriptedAnswer(201))
        await self.send(20, ScriptedAnswer(503), ScriptedAnswer(201))

    async def lateness(self) -> None:
        await self.send(60, start_at=from_now(-100))
        await self.send(20, start_at=from_now(-20), topic="jobs.urgent")

    async def flood(self) -> None:
        """Send more than memory holds to a slow push service; a record of a tier has to wait as well."""
        self._service.faults = Faults(latency=4.0)
        await self.send(20, start_at=from_now(18))
        for _ in range(3):
            await self.send(1000)
        subscriptions = self._service.subscribe(1)
        people = [recipient("late", subscriptions[0])]
        await self._world.produce(*(job(f"flood-{number}", people) for number in range(200)))

    async def calm(self) -> None:
        self._service.faults = Faults()

    async def freezes(self) -> None:
        await _frozen(self._worker, 2.0)
        await asyncio.sleep(0.7)  # the event loop's turn to notice
        await _frozen(self._worker, 2.0)

    async def restarts(self) -> None:
        for _ in range(2):
            assert await self._worker.terminate() == 0, self._worker.log.read_text()
            await self._worker.start()
            await until_seen(self._is_scraped, "this start is scraped before the next one")

    def _is_scraped(self) -> bool:
        found = self._prometheus.query("process_start_time_seconds")
        began = self._worker.metric("process_start_time_seconds")
        return [float(each["value"][1]) for each in found] == [began]

    async def retention(self) -> None:
        """Produce jobs while no worker runs, and remove them before one starts."""
        assert await self._worker.terminate() == 0, self._worker.log.read_text()
        for _ in range(12):
            await self.send(1)
        await self._world.remove("jobs")
        await self._worker.start()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Keep a transaction with one record open."""
        producer = AIOKafkaProducer(bootstrap_servers=self._world.broker, transactional_id=self._world.prefix)
        async with producer, producer.transaction():
            await producer.send_and_wait(f"{self._world.prefix}jobs", b"{", partition=0)
            yield

    async def end(self) -> None:
        assert await self._worker.terminate() == 0


async def _frozen(worker: WorkerProcess, seconds: float) -> None:
    worker.freeze()
    await asyncio.sleep(seconds)
    worker.thaw()


async def empty(prometheus: Prometheus, wanted: list[Expression], seconds: float = PATIENCE) -> list[str]:
    """Return the names of the expressions that have returned nothing in this time."""
    left = list(wanted)
    for _ in range(int(seconds * 2)):
        left = [each for each in left if not prometheus.query(each.text)]
        if not left:
            break
        await asyncio.sleep(0.5)
    return [each.name for each in left]


def trouble(name: str) -> list[Expression]:
    return [each for each in expressions() if NEEDS.get(each.name) == name]


async def test_every_metric_is_told_and_every_expression_gives_data_in_its_time(
    kafka: KafkaProxy, world: World, service: SimulatedPushService
):
    require("prometheus")
    worker = await world.start_worker(service, PUSHMILL_MAX_BUFFERED="2000")
    target = worker.url.removeprefix("http://")
    async with Prometheus(world.folder, target) as prometheus:
        scenario = Scenario(world, service, worker, prometheus)
        await until_seen(lambda: len(prometheus.query("pushmill_build_info[10s]")) > 0, "it is scraped")
        await scenario.load()
        await _check_ordinary(prometheus)
        await _check_metrics(prometheus)
        await _check_troubles(prometheus, scenario, kafka)
        assert {rule["health"] for rule in prometheus.rules()} == {"ok"}


async def _check_ordinary(prometheus: Prometheus) -> None:
    ordinary = [each for each in expressions() if each.name not in NEEDS]
    assert await empty(prometheus, ordinary) == []
    quiet = [each for each in expressions() if each.name in NEEDS and each.name not in SHORTENED]
    assert [each.name for each in quiet if prometheus.query(each.text)] == [], (
        "needs no trouble: not to be listed"
    )


async def _check_metrics(prometheus: Prometheus) -> None:
    for name, labels in CONTRACT.items():
        series = prometheus.query(name)
        assert series, f"{name} has no samples"
        added = {"__name__", "instance", "job", "namespace", "pod"}
        assert all(each["metric"].keys() - added == labels for each in series), name
    told = {each["metric"]["__name__"] for each in prometheus.query('{__name__=~"pushmill_.+"}')}
    assert {_family(name) for name in told} == {_family(name) for name in CONTRACT}
    labels = {label for each in prometheus.query('{__name__=~"pushmill_.+"}') for label in each["metric"]}
    assert not labels & FORBIDDEN_LABELS


def _family(name: str) -> str:
    return re.sub("_(bucket|count|sum|created|total)$", "", name)


async def _check_troubles(prometheus: Prometheus, scenario: Scenario, kafka: KafkaProxy) -> None:
    await _make(prometheus, "refusals", scenario.refusals)
    await _make(prometheus, "lateness", scenario.lateness)
    async with scenario.transaction():
        await _make(prometheus, "an open transaction")
    await _make(prometheus, "freezes", scenario.freezes, tries=3)  # a scrape may miss the moment after
    await scenario.send(20, start_at=from_now(12))  # keeps a checkpoint due all the time
    async with kafka.frozen():
        await _make(prometheus, "a silent Kafka")
    await _make(prometheus, "a Kafka that was silent")
    await _make(prometheus, "a flood", scenario.flood)
    await scenario.calm()
    await _make(prometheus, "retention", scenario.retention)
    await _make(prometheus, "restarts", scenario.restarts)
    await _make(prometheus, "an end", scenario.end)


async def _make(
    prometheus: Prometheus, name: str, make: Callable[[], Awaitable[None]] | None = None, tries: int = 1
) -> None:
    wanted = trouble(name)
    assert wanted, f"nothing needs {name}"
    left: list[str] = []
    for _ in range(tries):
        if make:
            await make()
        left = await empty(prometheus, wanted, PATIENCE / tries)
        if not left:
            break
    assert left == [], f"should give data in {name}"
