"""The relay of one slot: small sends, from the outbox to Kafka.

Rows become a batch, the batch is written in a transaction with a marker that names it, and its rows are
deleted. Whoever finds a batch that is not deleted looks for its marker: where there is one, only the deleting
is left to be done. Urgent sends go without a transaction, so that nobody's open one holds them up: at least
once, and mostly once. Each recipient of theirs has a job of its own, whose number is kept with the row before
anything is written. So what is written again is the same job, whoever has left meanwhile, and counts once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import structlog

from campaigns.launch.markers import FoundMarker
from campaigns.launch.records import EVERYBODY, Blueprint, Row, make_jobs
from campaigns.launch.service import Service
from campaigns.launch.transaction import MarkedWriter
from campaigns.model.ids import LaunchId, read_launch
from campaigns.model.launch import Launch
from campaigns.model.marker import BatchMarker, decode_batch_marker, relay_key
from campaigns.store.database import Connection, Database
from campaigns.store.relaying import (
    delete_batch,
    delete_rows,
    draw_jobs,
    launches_of_rows,
    newest_batch_offset,
    number_urgent_rows,
    recipients_of_rows,
    rows_of_batch,
    stamp_batch,
    stamped_batch,
)
from worker.edges.kafka.producer import RecordProducer
from worker.records.envelope import Publication
from worker.records.topics import JOBS, LAUNCHES, URGENT_JOBS
from worker.records.values import RecordError, encode_json

log = structlog.get_logger(__name__)


class _Send(NamedTuple):
    """A record, whose it is, and how many recipients it has."""

    launch: LaunchId
    record: Publication
    recipients: int


class _Waiting(NamedTuple):
    """A recipient, and the row of the outbox that names it."""

    outbox_row: int
    recipient: Row


class BatchCursors:
    """The batches of a slot, as they lie in the outbox: to keep a marker is to delete its batch."""

    def __init__(self, database: Database, slot: int) -> None:
        self._database = database
        self._slot = slot

    async def begin(self) -> int:
        """Return where the newest marker is that has been kept: at most one more is behind it."""
        async with self._database.connection() as connection:
            return await newest_batch_offset(connection, self._slot)

    def is_marker(self, found: FoundMarker) -> bool:
        """Whether it is one of this relay; what only looks like one was written by another program.

        Everything of ours can be read.
        """
        if found.key != relay_key(self._slot):
            return False
        try:
            return decode_batch_marker(found.value).relay == self._slot
        except RecordError as error:
            log.warning("a marker cannot be read", offset=found.offset, error=error.problem)
            return False

    async def keep(self, markers: Sequence[FoundMarker]) -> None:
        """Delete the batches that these markers name."""
        for found in filter(self.is_marker, markers):
            marker = decode_batch_marker(found.value)
            written = {
                launch.number: count
                for name, count in marker.written.items()
                if (launch := read_launch(name)) is not None
            }
            async with self._database.transaction() as connection:
                await delete_batch(connection, self._slot, marker.batch, written, found.offset)


class SlotRelay:
    """Writes the small sends of one slot; its lease must be held."""

    def __init__(self, service: Service, slot: int, urgent: RecordProducer) -> None:
        self._service = service
        self._slot = slot
        self._urgent = urgent
        self._writer = MarkedWriter(
            service.settings, f"relay-{slot}", slot, BatchCursors(service.database, slot)
        )

    async def step(self) -> bool:
        """Write what waits, urgent sends first; return whether anything did.

        Raises:
            ClaimLostError: What became of the batch, the next step finds out.
            DatabaseAwayError: Nothing can be read or deleted.
            KafkaStuckError: Kafka refuses an urgent job.
        """
        urgent = await self._write_urgent()
        return await self._write_batch() or urgent

    async def release(self) -> None:
        """Let go of Kafka."""
        await self._writer.release()

    async def _write_batch(self) -> bool:
        async with self._service.database.connection() as connection:
            batch = await stamped_batch(connection, self._slot)
            if batch is None:
                batch = await stamp_batch(connection, self._slot)
        if batch is None:
            return False
        if not self._writer.claimed:
            await self._writer.claim()
            return True  # it may be gone now, for it was written: look again
        async with self._service.database.transaction() as connection:
            sends = await self._sends(connection, await rows_of_batch(connection, self._slot, batch))
        written = {str(launch): count for launch, count in _count(sends).items()}
        marker = BatchMarker(relay=self._slot, batch=batch, written=written)
        await self._writer.write(
            [send.record for send in sends],
            Publication(LAUNCHES, relay_key(self._slot).encode(), encode_json(marker)),
        )
        self._service.count_written(sum(written.values()))
        return True

    async def _write_urgent(self) -> bool:
        async with self._service.database.transaction() as connection:
            rows = await number_urgent_rows(connection, self._slot)
            if not rows:
                return False
            of_launch = await _recipients(connection, rows)
            records = [
                record
                for launch, blueprint in await self._blueprints(connection, of_launch)
                for waiting in of_launch[launch.id]
                for _, record in _jobs(launch, blueprint, [waiting], rows[waiting.outbox_row], URGENT_JOBS)
            ]
        await self._urgent.publish(records)
        written = {each.outbox_row: launch for launch, found in of_launch.items() for each in found}
        self._service.count_written(len(written))
        async with self._service.database.transaction() as connection:
            await delete_rows(connection, [*rows], written)
        return True

    async def _sends(self, connection: Connection, rows: Sequence[int]) -> list[_Send]:
        """Make the records of a batch, with numbers that nobody has had."""
        of_launch = await _recipients(connection, rows)
        sends = []
        for launch, blueprint in await self._blueprints(connection, of_launch):
            recipients = of_launch[launch.id]
            # Each has a recipient, so that there are no more jobs than these.
            first = await draw_jobs(connection, launch.id, len(recipients))
            for count, record in _jobs(launch, blueprint, recipients, first, JOBS):
                sends.append(_Send(LaunchId(launch.id, launch.nonce), record, count))
        return sends

    async def _blueprints(
        self, connection: Connection, launches: Iterable[int]
    ) -> list[tuple[Launch, Blueprint]]:
        found = await launches_of_rows(connection, [*launches])
        return [
            (launch, self._service.blueprint_of(launch, own_worker=own_worker))
            for launch, own_worker in found.values()
        ]


async def _recipients(connection: Connection, rows: Iterable[int]) -> dict[int, list[_Waiting]]:
    """Read the recipients of rows, by launch."""
    of_launch: defaultdict[int, list[_Waiting]] = defaultdict(list)
    for launch, variables, outbox_row, *columns in await recipients_of_rows(connection, [*rows]):
        known = Row(*columns)
        row = msgspec.structs.replace(known, attributes={**known.attributes, **(variables or {})})
        of_launch[launch].append(_Waiting(outbox_row, row))
    return of_launch


def _jobs(
    launch: Launch, blueprint: Blueprint, recipients: Iterable[_Waiting], first: int, topic: str
) -> Iterator[tuple[int, Publication]]:
    """Make the records of a launch's recipients, each with its number of recipients."""
    rows = [waiting.recipient for waiting in recipients]
    for job in make_jobs(blueprint, rows, EVERYBODY, launch.start_at, first):
        yield len(job.recipients), Publication(topic, job.job_id.encode(), encode_json(job))


def _count(sends: Iterable[_Send]) -> Counter[LaunchId]:
    """Count recipients by launch."""
    counts = Counter[LaunchId]()
    for send in sends:
        counts[send.launch] += send.recipients
    return counts
