"""One worker process: wires up every concrete class, and runs its life cycle from start to drain.

Each loop has a file of its own: fetch (Kafka to pipeline), dispatch (queue to wire), checkpoint (ledger to
Kafka), watch (what operators see). This file only decides when each of them starts and ends.
"""

import asyncio
import socket
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from crypto.agreement.interface import Agreement
from crypto.vapid import TokenCache
from worker.app.checkpoint import Checkpointer
from worker.app.dispatch import Dispatcher
from worker.app.fetch import FetchLoop
from worker.app.ownership import Handover, Ownership
from worker.app.watch import Watch
from worker.config import Settings
from worker.edges import clock
from worker.edges.agreement.choice import choose
from worker.edges.http.transports import make_transport, tls_context
from worker.edges.kafka.client import KafkaStuckError
from worker.edges.kafka.consumer import GroupConsumer, Membership
from worker.edges.kafka.control import ControlReader
from worker.edges.kafka.producer import RecordProducer
from worker.edges.kafka.topics import START_PATIENCE, require_topics
from worker.edges.kafka.transactions import Held
from worker.edges.keyring import Keyring
from worker.edges.process.channel import ProcessEnd
from worker.edges.process.garbage import collect_rarely
from worker.edges.process.status import StatusServer
from worker.ledger.lease import Lease
from worker.ledger.patience import Patience
from worker.metrics import Metrics
from worker.pipeline.pipeline import Limits, Pipeline
from worker.pipeline.shelf import Shelf
from worker.push.services import Endpoints
from worker.records.control import CampaignControl
from worker.records.envelope import Partition, Record
from worker.records.topics import INPUTS, TIER_TOPICS

log = structlog.get_logger(__name__)

CANCEL_SECONDS = 5.0


class Worker:
    """A worker process, built from its settings; `run` is its whole life.

    Raises:
        AgreementError: The key agreement that the settings ask for cannot be used here.
    """

    def __init__(self, settings: Settings, process: int = 0, supervisor: socket.socket | None = None) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._process = process
        self._registry = _registry()
        self._agreement = self._choose_agreement()
        self._metrics = Metrics(self._registry, agreement=self._agreement.name)
        self._tokens = TokenCache(settings.vapid_subject)
        self._lease, self._patience = Lease(), Patience()
        self._shelf: Shelf[Record] = Shelf()
        self._pipeline = self._make_pipeline()
        self._watch = Watch(
            self._pipeline, self._shelf, self._tokens, self._metrics, topic_prefix=settings.topic_prefix
        )
        self._consumer = GroupConsumer(settings, (*INPUTS, *TIER_TOPICS), process)
        self._producer = RecordProducer(settings, f"pushmill-{settings.instance_id or 'worker'}-{process}")
        self._control = ControlReader(settings, self._on_control, self._pipeline.release)
        self._transport = make_transport(
            settings.transport,
            timeout=settings.request_timeout,
            tls=tls_context(settings.ca_file),
            allow_private=settings.allow_private_endpoints,
            proxy=settings.proxy,
        )
        self._make_loops()

    def _choose_agreement(self) -> Agreement:
        agreement, problem = choose(self._settings.agreement)
        if problem:
            log.warning("agreeing on keys by OpenSSL, which takes more CPU", problem=problem)
        return agreement

    def _make_pipeline(self) -> Pipeline:
        settings = self._settings
        rules, any_host = settings.host_rules
        limits = Limits(
            in_flight=settings.max_in_flight,
            buffered=settings.max_buffered,
            attempts=settings.max_attempts,
            stretch_time=settings.default_stretch_time,
            topic_prefix=settings.topic_prefix,
            worker=f"{settings.instance_id or 'pushmill'}/{self._process}",
        )
        return Pipeline(
            limits,
            endpoints=Endpoints(rules, any_host=any_host),
            keys=Keyring(settings.vapid_dir, clock.monotonic, on_problem=_on_key_problem),
            tokens=self._tokens,
            agreement=self._agreement,
            entropy=clock.SystemEntropy(),
            metrics=self._metrics,
            stopwatch=clock.stopwatch,
            now=clock.now(),
        )

    def _make_loops(self) -> None:
        """Make the loops; each gets only those parts of the others that it needs."""
        settings, checkpoint_wanted = self._settings, asyncio.Event()
        self._ownership = Ownership(
            self._consumer,
            self._shelf,
            self._pipeline,
            self._metrics,
            lease=self._lease,
            patience=self._patience,
            topic_prefix=settings.topic_prefix,
        )
        self._dispatcher = Dispatcher(
            self._pipeline,
            self._transport,
            slots=settings.max_in_flight,
            may_send=self._ownership.may_send,
            checkpoint_wanted=checkpoint_wanted,
        )
        self._checkpointer = self._make_checkpointer(checkpoint_wanted)
        self._handover = Handover(
            self._ownership,
            self._shelf,
            self._pipeline,
            self._dispatcher,
            self._checkpointer,
            lease=self._lease,
            patience=self._patience,
            drain_timeout=settings.drain_timeout,
        )
        self._membership = Membership(
            self._ownership.assigned, self._handover.revoked, self._watch.reset, self._handover.evicted
        )
        self._fetch = self._make_fetch_loop(checkpoint_wanted)

    def _make_checkpointer(self, wanted: asyncio.Event) -> Checkpointer:
        return Checkpointer(
            self._consumer,
            self._producer,
            self._pipeline,
            self._dispatcher,
            self._watch,
            lease=self._lease,
            patience=self._patience,
            owns=self._ownership.owns,
            lost=self._ownership.lose,
            wanted=wanted,
            interval=self._settings.checkpoint_interval,
        )

    def _make_fetch_loop(self, checkpoint_wanted: asyncio.Event) -> FetchLoop:
        return FetchLoop(
            self._consumer,
            self._shelf,
            self._pipeline,
            self._dispatcher,
            watch=self._watch,
            metrics=self._metrics,
            lease=self._lease,
            owns=self._ownership.owns,
            checkpoint_wanted=checkpoint_wanted,
            topic_prefix=self._settings.topic_prefix,
        )

    # ── life cycle ──────────────────────────────────────────────────────────────────────────────────────

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain.

        Raises:
            KafkaUnreachableError: No broker answers at the start.
            MissingTopicsError: Kafka lacks topics at the start, and nobody creates them in time.
            StatusPortError: The status port cannot be listened on.
            KafkaStuckError: Kafka stopped acknowledging: the process must end without flushing.
        """
        self._metrics.enter("starting")
        log.info("starting", agreement=self._agreement.name)
        collect_rarely()
        async with AsyncExitStack() as stack:
            for close in (self._producer.stop, self._control.stop, self._consumer.stop):
                stack.push_async_callback(close)
            await stack.enter_async_context(self._transport)
            await stack.enter_async_context(self._status_server())
            try:
                await self._work(stop)
            except KafkaStuckError:
                stack.pop_all()  # stopping the producer would flush it
                raise
        self._metrics.enter("stopped")
        log.info("stopped")

    async def _work(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        tasks = [asyncio.create_task(self._start())]
        try:
            await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():  # once stopping, a failed start no longer matters
                tasks[0].result()
                tasks += (asyncio.create_task(loop) for loop in self._loops())
                await _first_of(stopping, *tasks[1:])
            await self._drain(tasks[:2])
        finally:
            await _cancel(stopping, *tasks)

    async def _start(self) -> None:
        await require_topics(self._settings, patience=START_PATIENCE)
        await self._producer.start()
        await self._control.start()
        self._watch.controls_read()

    def _loops(self) -> tuple[Coroutine[None, None, None], ...]:
        """Return the loops; the first is the one that a drain ends first."""
        return (
            self._fetch.run(self._membership),
            self._checkpointer.run(),
            self._dispatcher.run(),
            self._watch.run(self._consumer.end, self._held),
            self._control.follow(),
            self._consumer.watch(),
        )

    def _held(self) -> dict[Partition, Held]:
        return self._consumer.held() | self._control.held()

    def _status_server(self) -> StatusServer | ProcessEnd:
        ready, render = self._ownership.reason_unready, partial(generate_latest, self._registry)
        if self._supervisor is not None:
            return ProcessEnd(self._supervisor, ready=ready, render=render)
        return StatusServer(
            self._settings.status_host, self._settings.status_port, ready=ready, render=render
        )

    async def _drain(self, fetching: Iterable[asyncio.Task[None]]) -> None:
        self._ownership.draining = True
        self._metrics.enter("draining")
        await _cancel(*fetching)
        if await self._handover.drain() and _exists(self._settings.leave_file):
            self._ownership.lose()  # no await before this: who has left must not commit again
            await self._consumer.leave()

    # ── campaigns ───────────────────────────────────────────────────────────────────────────────────────

    def _on_control(self, control: CampaignControl) -> None:
        self._watch.control(control)
        self._pipeline.control(control, clock.now())


def _registry() -> CollectorRegistry:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _exists(leave_file: Path | None) -> bool:
    try:
        return leave_file is not None and leave_file.exists()
    except OSError:  # a folder that may not be looked into
        return False


def _on_key_problem(name: str, problem: str) -> None:
    log.error("a VAPID key cannot be used", vapid_key=name, problem=problem)


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    """Wait until one of the tasks ends, and raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    """End tasks, whatever they raise; a library that swallows the cancellation must not block the exit."""
    for task in tasks:
        task.cancel()
    ended, left = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
    if left:
        log.warning("some tasks did not end in time", tasks=len(left))
    for task in ended:
        if not task.cancelled():
            task.exception()
