"""Which recipients of which jobs have an outcome, so that none is counted twice.

Whoever reads here keeps what was read to itself until the transaction ends. What is not there cannot be kept
so: if two add the same, the second one raises, and has to begin again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from campaigns.store.database import Connection, OvertakenError

KNOWN = """
SELECT launch, job, bits FROM job_outcome
JOIN unnest($1::bigint[], $2::integer[]) AS wanted (launch, job) USING (launch, job)
ORDER BY launch, job
FOR UPDATE OF job_outcome
"""
ADD = """
INSERT INTO job_outcome (launch, job, bits)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[])
ON CONFLICT (launch, job) DO NOTHING
"""
CHANGE = """
UPDATE job_outcome SET bits = changed.bits
FROM unnest($1::bigint[], $2::integer[], $3::bytea[]) AS changed (launch, job, bits)
WHERE job_outcome.launch = changed.launch AND job_outcome.job = changed.job
"""
ADD_UNNUMBERED = """
INSERT INTO unnumbered_outcome (launch, job, recipient)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[]) AS added (launch, job, recipient)
ORDER BY launch, job, recipient
ON CONFLICT (launch, job, recipient) DO NOTHING
RETURNING launch, job, recipient
"""
# Of launches that are gone, too. A part of them at once: nothing else waits long for it.
DROP = """
DELETE FROM job_outcome WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM job_outcome AS o
    WHERE NOT EXISTS (
        SELECT FROM launch WHERE launch.id = o.launch AND (done_at IS NULL OR done_at >= $1)
    )
    LIMIT $2
))
"""
DROP_UNNUMBERED = """
DELETE FROM unnumbered_outcome AS o WHERE NOT EXISTS (
    SELECT FROM launch WHERE launch.id = o.launch AND (done_at IS NULL OR done_at >= $1)
)
"""


class Job(NamedTuple):
    """A job, by the number of its launch and its own."""

    launch: int
    number: int


class Unnumbered(NamedTuple):
    """A recipient of a job, by its id."""

    launch: int
    job: int
    recipient: str


async def known_bits(connection: Connection, jobs: Iterable[Job]) -> dict[Job, bytes]:
    """Return the bitmaps of those jobs that have one."""
    launches, numbers = _columns(jobs)
    rows = await connection.fetch(KNOWN, launches, numbers)
    return {Job(row["launch"], row["job"]): row["bits"] for row in rows}


async def add_bits(connection: Connection, bits: Mapping[Job, bytes]) -> None:
    """Keep the bitmaps of jobs that have had none.

    Raises:
        OvertakenError: One has a bitmap by now.
    """
    if bits:
        ordered = sorted(bits)
        tag = await connection.execute(ADD, *_columns(ordered), [bits[job] for job in ordered])
        if int(tag.rpartition(" ")[2]) != len(bits):
            raise OvertakenError


async def change_bits(connection: Connection, bits: Mapping[Job, bytes]) -> None:
    """Keep new bitmaps of jobs whose former ones were read in this transaction."""
    if bits:
        await connection.execute(CHANGE, *_columns(bits), list(bits.values()))


async def add_unnumbered(connection: Connection, outcomes: Iterable[Unnumbered]) -> set[Unnumbered]:
    """Keep outcomes without a number, and return those that have not been kept before."""
    launches, jobs, recipients = zip(*outcomes, strict=True)
    rows = await connection.fetch(ADD_UNNUMBERED, launches, jobs, recipients)
    return {Unnumbered(row["launch"], row["job"], row["recipient"]) for row in rows}


async def drop_outcomes(connection: Connection, before: datetime, limit: int) -> int:
    """Forget the jobs of launches that were done before a moment; return how many bitmaps that were.

    Args:
        connection: A connection.
        before: The moment.
        limit: Bitmaps at most.
    """
    await connection.execute(DROP_UNNUMBERED, before)
    return int((await connection.execute(DROP, before, limit)).rpartition(" ")[2])


def _columns(jobs: Iterable[Job]) -> tuple[list[int], list[int]]:
    ordered = list(jobs)
    return [job.launch for job in ordered], [job.number for job in ordered]
