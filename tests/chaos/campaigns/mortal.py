"""Makes a real role mortal: `arm` changes this process's program, before it begins, so that it dies once.

Nothing else of the program changes but sizes of transactions, and leases, which are short: whoever is next
need not wait for long.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from campaigns.collect import assignments, collector
from campaigns.launch import chunks, lease, outbox
from campaigns.launch.transaction import MarkedWriter
from campaigns.store import relaying
from tests.chaos.campaigns.fate import Fate, MortalCursors, mortal
from worker.records.topics import OUTCOMES

LEASE_SECONDS = 3.0

WRITER_STEPS = ("begun", "sent", "committing", "committed", "kept", "any")
"""Of a transaction of a launcher or a relay: `sent` is before the commit, `committed` behind it and before
the cursor is kept; `any` is a moment at most after it has begun."""

URGENT_STEPS = ("published",)
"""Between urgent sends that Kafka has acknowledged and the deletion of their rows."""

COLLECTOR_STEPS = ("applying", "applied", "counting")
"""Within the transaction that counts outcomes, right behind it, and a moment at most after it has begun."""


class Arm(NamedTuple):
    """When a process dies.

    Attributes:
        who: `launch` or `relay`, whose transactions are meant, or `urgent` or `collector`.
        step: At which step; empty: never.
        number: Which time it is there.
    """

    who: str
    step: str = ""
    number: int = 1


def arm(who: str, step: str, number: int, log: str, *, chunk: int, batch: int) -> None:
    """Let this process die.

    Args:
        who: As in `Arm`, and so are the next two.
        step: At which step.
        number: Which time.
        log: File to which it writes that it dies.
        chunk: Recipients of a transaction of a launch.
        batch: Rows of the outbox in a transaction.
    """
    chunks.CHUNK, relaying.BATCH_ROWS = chunk, batch
    lease.LEASE_SECONDS, lease.RENEW_SECONDS = LEASE_SECONDS, LEASE_SECONDS / 4
    assignments.LEASE_SECONDS, collector.RENEW_SECONDS = LEASE_SECONDS, LEASE_SECONDS / 4
    fate = Fate(step, number, Path(log))
    if who == "collector":
        _arm_collector(fate)
    elif who == "urgent":
        _arm_urgent(fate)
    else:
        _arm_writers(who, fate)


def _arm_writers(who: str, fate: Fate) -> None:
    make = MarkedWriter._make_producer

    def make_mortal(writer: Any) -> Any:
        made = make(writer)
        if f"{who}-" not in writer._name:
            return made
        if not isinstance(writer._cursors, MortalCursors):
            writer._cursors = MortalCursors(writer._cursors, fate)
        begin = made.begin_transaction

        async def counted() -> None:
            fate.chunk += 1
            fate.soon("any")
            await begin()

        made.begin_transaction = counted
        return mortal(made, fate, writer._cursors)

    MarkedWriter._make_producer = make_mortal  # type: ignore[method-assign]


def _arm_urgent(fate: Fate) -> None:
    delete = outbox.delete_rows

    async def delete_rows(*given: Any) -> None:
        fate.chunk += 1
        fate.reached("published")
        await delete(*given)

    outbox.delete_rows = delete_rows


def _arm_collector(fate: Fate) -> None:
    apply_fenced = collector.apply_fenced

    async def apply(database: Any, place: Any, begin: int, end: int, apply: Any) -> bool:
        if not place.topic.endswith(OUTCOMES):
            return await apply_fenced(database, place, begin, end, apply)
        fate.chunk += 1
        fate.soon("counting")
        done = await apply_fenced(database, place, begin, end, partial(_applied, apply, fate))
        fate.reached("applied")
        return done

    collector.apply_fenced = apply


async def _applied(apply: Any, fate: Fate, connection: Any) -> None:
    await apply(connection)
    fate.reached("applying")
