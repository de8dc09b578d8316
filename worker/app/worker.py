"""One worker process: every concrete class put together, and the loops that carry the path of a job.

Intake (Kafka to shelf), dispatch (queue to wire), checkpoint (ledger to Kafka), watch (what operators see).
The decisions are the pipeline's; this file knows only when to ask it.
"""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from crypto.vapid import TokenCache
from worker.app.dispatch import Dispatcher
from worker.app.watch import Watch
from worker.config import Settings
from worker.edges import clock
from worker.edges.http.transports import make_transport, tls_context
from worker.edges.kafka.client import KafkaStuckError, PartitionsLostError
from worker.edges.kafka.consumer import GroupConsumer, Membership
from worker.edges.kafka.control import ControlReader
from worker.edges.kafka.producer import RecordProducer
from worker.edges.kafka.topics import missing_topics
from worker.edges.keyring import Keyring
from worker.edges.process.channel import ProcessEnd
from worker.edges.process.status import StatusServer
from worker.ledger.lease import Lease
from worker.ledger.progress import Progress, ProgressError, decode_progress
from worker.metrics import Metrics
from worker.pipeline.pipeline import Limits, Pipeline
from worker.pipeline.shelf import Shelf
from worker.push.services import Endpoints
from worker.records.control import CampaignControl
from worker.records.envelope import Commit, Partition, Record
from worker.records.topics import INPUTS, TIER_TOPICS

log = structlog.get_logger(__name__)

FETCH_SECONDS = 0.1
SERVE_SECONDS = 0.01
"""Accepting records in a row: a full fetch takes seconds, in which the lease would run out unrenewed."""

RENEW_SECONDS = 0.5
"""Between two checkpoints while something is open, so that the lease of 1 s holds."""

CANCEL_SECONDS = 5.0


class MissingTopicsError(RuntimeError):
    """Kafka lacks topics that a worker needs."""


@dataclass(slots=True)
class Ownership:
    """Whether this process owns its partitions, and whether it is on its way out."""

    owned: bool = False
    draining: bool = False

    def reason_unready(self) -> str | None:
        """Why `/readyz` says 503, or None where it says 200."""
        if self.draining:
            return "draining"
        return None if self.owned else "no partitions are assigned"


class Worker:
    """A worker process, from its settings; `run` is its whole life."""

    def __init__(self, settings: Settings, process: int = 0, supervisor: socket.socket | None = None) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._process = process
        self._registry = _registry()
        self._metrics = Metrics(self._registry)
        self._state = Ownership()
        self._lease = Lease()
        self._shelf: Shelf[Record] = Shelf()
        self._checkpoint_wanted = asyncio.Event()
        self._checkpointing = asyncio.Lock()
        self._stuck: KafkaStuckError | None = None
        self._checkpointed_at = 0.0
        self._tokens = TokenCache(settings.vapid_subject)
        self._pipeline = self._make_pipeline()
        self._watch = Watch(
            self._pipeline, self._shelf, self._tokens, self._metrics, topic_prefix=settings.topic_prefix
        )
        membership = Membership(self._on_assigned, self._on_revoked, self._watch.reset)
        self._consumer = GroupConsumer(settings, (*INPUTS, *TIER_TOPICS), process, membership)
        self._producer = RecordProducer(settings, process)
        self._control = ControlReader(settings, self._on_control, self._pipeline.release)
        self._transport = make_transport(
            settings.transport,
            timeout=settings.request_timeout,
            tls=tls_context(settings.ca_file),
            allow_private=settings.allow_private_endpoints,
            proxy=settings.proxy,
        )
        self._dispatcher = Dispatcher(
            self._pipeline,
            self._transport,
            slots=settings.max_in_flight,
            may_send=self._may_send,
            checkpoint_wanted=self._checkpoint_wanted,
        )

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
            entropy=clock.SystemEntropy(),
            metrics=self._metrics,
            stopwatch=clock.stopwatch,
            now=clock.now(),
        )

    # ── the whole life ──────────────────────────────────────────────────────────────────────────────────

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain.

        Raises:
            KafkaUnreachableError: At the start.
            MissingTopicsError: At the start.
            StatusPortError: At the start.
            KafkaStuckError: Kafka stopped acknowledging: the process must end without flushing.
        """
        self._metrics.enter("starting")
        _tune_gc()
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
            if not stop.is_set():  # else a start that fails has nothing to say any more
                tasks[0].result()
                tasks += (asyncio.create_task(loop) for loop in self._loops())
                await _first_of(stopping, *tasks[1:])
            await self._drain(tasks[:2])
        finally:
            await _cancel(stopping, *tasks)

    async def _start(self) -> None:
        await self._check_topics()
        await self._producer.start()
        await self._control.start()
        self._watch.controls_read()

    def _loops(self) -> tuple[Coroutine[None, None, None], ...]:
        """The intake first: it is the first to end."""
        return (
            self._intake(),
            self._checkpoints(),
            self._dispatcher.run(),
            self._watch.run(self._consumer.end),
            self._control.follow(),
            self._consumer.watch(),
        )

    def _status_server(self) -> StatusServer | ProcessEnd:
        ready, render = self._state.reason_unready, partial(generate_latest, self._registry)
        if self._supervisor is not None:
            return ProcessEnd(self._supervisor, ready=ready, render=render)
        return StatusServer(
            self._settings.status_host, self._settings.status_port, ready=ready, render=render
        )

    async def _check_topics(self) -> None:
        missing = await missing_topics(self._settings)
        if missing:
            raise MissingTopicsError(
                f"Kafka at {self._settings.kafka_bootstrap_servers} has no topic {', '.join(missing)}: "
                "create what is missing with `pushmill topics create`"
            )

    async def _drain(self, intake: Iterable[asyncio.Task[None]]) -> None:
        self._state.draining = True
        self._metrics.enter("draining")
        await _cancel(*intake)
        self._shelf.clear()
        await self._settle_up()

    # ── intake ──────────────────────────────────────────────────────────────────────────────────────────

    async def _intake(self) -> None:
        await self._consumer.start()
        log.info("joined the group", group=self._settings.group_id)
        while True:
            records = await self._consumer.fetch(self._patience())
            if self._state.owned:
                self._shelf.put(records, clock.now())
            while self._state.owned and self._serve():  # noqa: ASYNC110 - this waits for nothing
                await asyncio.sleep(0)
            if not records:
                await asyncio.sleep(0)

    def _patience(self) -> float:
        """Seconds to wait for records: no longer than until one on the shelf is ready."""
        now = clock.now()
        ready = self._shelf.next_ready(now)
        return FETCH_SECONDS if ready is None else min(max(ready - now, 0.001), FETCH_SECONDS)

    def _serve(self) -> bool:
        """Accept what has its turn and finds room; hold exactly the partitions that must wait.

        Returns:
            Whether there is more, for which the event loop must have had a turn in between.
        """
        now, until = clock.now(), clock.stopwatch() + SERVE_SECONDS
        more = False
        while not more and (record := self._shelf.take(now, self._pipeline.has_room)) is not None:
            more = clock.stopwatch() >= until
            self._metrics.consumed[self._settings.topic_prefix + record.partition.topic].inc()
            problem = self._pipeline.accept(record, now)
            if problem:
                self._watch.dead_letter(record, problem)
        self._consumer.hold(self._shelf.holding)
        if self._pipeline.open and not self._lease.holds(clock.monotonic()):
            self._checkpoint_wanted.set()
        self._dispatcher.wake()
        return more

    def _may_send(self) -> bool:
        return self._state.owned and not self._state.draining and self._lease.holds(clock.monotonic())

    # ── checkpoint ──────────────────────────────────────────────────────────────────────────────────────

    async def _checkpoints(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._settings.checkpoint_interval):
                    await self._checkpoint_wanted.wait()
            except TimeoutError:
                pass
            self._checkpoint_wanted.clear()
            if self._state.owned:
                await self._checkpoint_or_lose()

    async def _checkpoint_or_lose(self) -> None:
        try:
            await self._checkpoint()
        except PartitionsLostError:
            log.warning("Kafka refused a checkpoint: the group has gone on; forgetting what is open")
            self._lose()

    async def _checkpoint(self, *, last: bool = False) -> None:
        """Publish what has settled, then commit, then count it as done: never in another order."""
        async with self._turn_to_checkpoint():
            if not (last or self._pipeline.unacknowledged or self._renewal_due()):
                return
            began = clock.stopwatch()
            await self._make_sure()
            batch = self._pipeline.checkpoint(clock.now(), last=last)
            if batch is None:
                return
            await self._producer.publish(batch.publications)
            asked_at = clock.monotonic()
            if batch.checkpoint:
                await self._consumer.commit(batch.checkpoint.commits)
                self._lease.renew(asked_at)
            self._pipeline.acknowledge(batch)
            self._checkpointed_at = asked_at
        self._dispatcher.wake()
        self._watch.checkpoint(batch, asked_at, clock.stopwatch() - began)

    @asynccontextmanager
    async def _turn_to_checkpoint(self) -> AsyncIterator[None]:
        """One at a time, and none after one that Kafka does not acknowledge: it would commit that one, too.

        Raises:
            KafkaStuckError: Of this checkpoint, or of an earlier one.
        """
        async with self._checkpointing:
            if self._stuck is not None:  # a drain or a rebalance has waited for its turn
                raise self._stuck
            try:
                yield
            except KafkaStuckError as error:
                self._stuck = error
                raise

    async def _make_sure(self) -> None:
        """Publish nothing of what another worker may own by now: after a freeze, nobody else knows."""
        asked_at = clock.monotonic()
        commits = self._pipeline.renewal()
        if commits and not self._lease.holds(asked_at):
            await self._consumer.commit(commits)
            self._lease.renew(asked_at)

    def _renewal_due(self) -> bool:
        now = clock.monotonic()
        return not self._lease.holds(now) or now - self._checkpointed_at >= RENEW_SECONDS

    # ── partitions come and go ──────────────────────────────────────────────────────────────────────────

    async def _on_assigned(self, commits: Mapping[Partition, Commit | None]) -> None:
        if self._state.draining:
            return
        self._pipeline.forget()
        for place, commit in commits.items():
            self._pipeline.assign(place, _restored(place, commit))
        self._consumer.hold(())
        self._lease.begin()
        self._state.owned = True
        self._metrics.enter("running")
        new = sum(commit is None for commit in commits.values())
        log.info("partitions assigned", partitions=len(commits), without_commit=new)

    async def _on_revoked(self, lost: bool) -> None:
        log.info("partitions revoked", lost=lost)
        if lost:
            self._state.owned = False
            self._lease.end()
            # A checkpoint under way must not be committed in the next generation; if Kafka never acknowledges
            # its records, the process ends.
            async with self._checkpointing:
                self._lose()
            return
        self._shelf.clear()
        await self._settle_up()
        self._lose()

    def _lose(self) -> None:
        self._state.owned = False
        self._lease.end()
        self._shelf.clear()
        for place in self._pipeline.partitions:
            self._metrics.forget_partition(self._settings.topic_prefix + place.topic, place.number)
        self._pipeline.forget()

    async def _settle_up(self) -> None:
        """Let what is in flight land, hand back what waits, and checkpoint it all, within the time-out."""
        self._lease.end()
        try:
            async with asyncio.timeout(self._settings.drain_timeout):
                await self._dispatcher.all_landed()
        except TimeoutError:
            log.warning("requests are still in flight; leaving them", requests=self._pipeline.in_flight)
        self._pipeline.hand_back(clock.now())
        try:
            while self._pipeline.unacknowledged:
                await self._checkpoint()
            await self._checkpoint(last=True)
        except PartitionsLostError:
            log.warning("the last checkpoint came too late: what it held will be sent again")

    # ── campaigns ───────────────────────────────────────────────────────────────────────────────────────

    def _on_control(self, control: CampaignControl) -> None:
        self._watch.control(control)
        self._pipeline.control(control, clock.now())


def _tune_gc() -> None:
    """Look for cycles less often: what travels here has none, and a look costs more the more is buffered."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _registry() -> CollectorRegistry:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _restored(place: Partition, commit: Commit | None) -> Progress:
    if commit is None:
        return Progress(0)
    try:
        return decode_progress(commit.offset, commit.metadata)
    except ProgressError as error:
        log.warning(
            "the map of a commit cannot be read; starting from its offset",
            topic=place.topic,
            partition=place.number,
            offset=commit.offset,
            problem=str(error),
        )
        return Progress(commit.offset)


def _on_key_problem(name: str, problem: str) -> None:
    log.error("a VAPID key cannot be used", vapid_key=name, problem=problem)


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    """Wait until one of the tasks ends, and raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    """End tasks, whatever they raise; no library that loses a cancellation keeps the process from ending."""
    for task in tasks:
        task.cancel()
    ended, left = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
    if left:
        log.warning("not everything ended in time", tasks=len(left))
    for task in ended:
        if not task.cancelled():
            task.exception()
