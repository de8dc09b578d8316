"""The role `collector`: reads what came of launches, and applies it.

Decides nothing about what counts; one loop reads and applies, another one looks what is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from aiokafka.errors import KafkaError

from campaigns.collect.assignments import LEASE_SECONDS, Assignments, Fetched
from campaigns.collect.ends import finish_what_is_over
from campaigns.collect.expirations import read_expirations
from campaigns.collect.fence import apply_fenced
from campaigns.collect.outcome_batch import apply_outcomes
from campaigns.collect.outcomes import read_outcomes
from campaigns.collect.report_batch import apply_reports
from campaigns.collect.reports import read_reports
from campaigns.metrics import Metrics
from campaigns.model.retention import months_around
from campaigns.process import run_beside
from campaigns.store.database import Connection, Database, DatabaseAwayError
from campaigns.store.engagement import add_months, count_unsubscribed
from campaigns.store.erasures import repeat_erasures
from campaigns.store.expirations import expire
from worker.config import KafkaSettings
from worker.edges import clock
from worker.edges.kafka.topics import START_PATIENCE, require_topics
from worker.logs import LogThrottle
from worker.records.topics import EVENTS, EXPIRED, OUTCOMES

log = structlog.get_logger(__name__)

TOPICS = (OUTCOMES, EXPIRED, EVENTS)
RENEW_SECONDS = LEASE_SECONDS / 4
SOON_SECONDS = 0.25
"""After something was taken: there may be more."""

TROUBLE_SECONDS = 1.0
FINISH_SECONDS = 2.0
UNSUBSCRIBED_SECONDS = 60.0
MONTHS_SECONDS = 3600.0
LATE_REPORTS = timedelta(days=7)
"""As long as browsers keep what they could not report."""


class Collector:
    """Runs until it is told to stop; any number of them may run at once.

    Args:
        settings: How to reach Kafka.
        database: PostgreSQL.
        metrics: Count what is passed over, and say what waits.
        holder: Names this process among all collectors.
    """

    def __init__(self, settings: KafkaSettings, database: Database, metrics: Metrics, holder: str) -> None:
        self._settings = settings
        self._database = database
        self._metrics = metrics
        self._assignments = Assignments(settings, database, holder, TOPICS)
        self._renew_at = 0.0
        self._throttle = LogThrottle()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then leave the partitions to others.

        Raises:
            KafkaUnreachableError: No broker answers at the start.
            MissingTopicsError: Nobody has created the topics.
        """
        await require_topics(self._settings, *TOPICS, patience=START_PATIENCE)
        await self._assignments.start()
        try:
            await run_beside(
                self._collect(stopping),
                self._repeat(self._finish, FINISH_SECONDS),
                self._repeat(self._count_unsubscribed, UNSUBSCRIBED_SECONDS),
                self._repeat(self._add_months, MONTHS_SECONDS),
            )
        finally:
            with suppress(DatabaseAwayError):
                await self._assignments.release()
            await self._assignments.stop()

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _collect(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self._renew()
                for fetched in await self._assignments.fetch():
                    await self._apply(fetched)
            except (DatabaseAwayError, KafkaError) as error:
                self._tell("cannot collect; trying again", error)
                self._assignments.go_back()
                self._renew_at = 0.0  # what was under way may have been applied: look where that is
                await asyncio.sleep(TROUBLE_SECONDS)
            for topic, records in self._assignments.lag().items():
                self._metrics.collector_lag.labels(topic).set(records)

    def _tell(self, event: str, error: Exception) -> None:
        said = str(error) or type(error).__name__
        self._throttle.warn(log, event, clock.monotonic(), event, error=said)

    async def _renew(self) -> None:
        now = clock.monotonic()
        if now >= self._renew_at:
            took = await self._assignments.renew()
            self._renew_at = now + (SOON_SECONDS if took else RENEW_SECONDS)

    async def _apply(self, fetched: Fetched) -> None:
        topic = fetched.place.topic.removeprefix(self._settings.topic_prefix)
        passed_over = 0

        async def apply(connection: Connection) -> None:
            nonlocal passed_over
            passed_over = await self._apply_records(connection, topic, fetched)

        place, begin, end = fetched.place, fetched.begin, fetched.end
        if await apply_fenced(self._database, place, begin, end, apply):
            self._assignments.moved(place, end)
            self._metrics.foreign.labels(topic).inc(passed_over)
        else:
            log.info("somebody else has read this", topic=topic, partition=place.partition)
            self._assignments.lost(place)

    async def _apply_records(self, connection: Connection, topic: str, fetched: Fetched) -> int:
        """Apply the records of a topic; return how many were passed over."""
        now, partition = _now(), fetched.place.partition
        if topic == OUTCOMES:
            until = datetime.fromtimestamp(fetched.until, UTC)
            return await apply_outcomes(connection, partition, read_outcomes(fetched.values), until, now)
        if topic == EVENTS:
            return await apply_reports(connection, partition, read_reports(fetched.values))
        expirations = read_expirations(fetched.values)
        await expire(connection, expirations.gone, now)
        await repeat_erasures(connection, expirations.gone)
        return expirations.passed_over

    # ── what is over ────────────────────────────────────────────────────────────────────────────────────────

    async def _repeat(self, step: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await step()
            except DatabaseAwayError as error:
                self._tell("the database is away", error)
            await asyncio.sleep(pause)

    async def _finish(self) -> None:
        done = await finish_what_is_over(self._database, _now())
        if done:
            log.info("launches are done", launches=done)

    async def _count_unsubscribed(self) -> None:
        async with self._database.transaction() as connection:
            await count_unsubscribed(connection, _now() - LATE_REPORTS)

    async def _add_months(self) -> None:
        async with self._database.connection() as connection:
            await add_months(connection, months_around(_now().date()))


def _now() -> datetime:
    return datetime.now(UTC)
