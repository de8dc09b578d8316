"""The upstream side of a worker: campaigns written as jobs, and topics read from their beginning."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from aiokafka import AIOKafkaConsumer

from tests.harness.waiting import GENEROUS
from tests.harness.world import World
from worker.simulator.service import SimulatedPushService
from worker.simulator.subscriptions import Subscription


def moment(seconds: float) -> str:
    """Write seconds since the epoch as a job has them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def recipient(recipient_id: str, subscription: Subscription, **more: Any) -> dict[str, Any]:
    return {"id": recipient_id, "subscription": subscription.to_json(), **more}


def job(job_id: str, recipients: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    content = (
        {}
        if "payload" in more or "notification" in more
        else {
            "notification": {
                "title": "Hello {{name|there}} 🎉",
                "url": "https://shop.example/{{sku}}?c={{campaign_id}}",
            }
        }
    )
    return {
        "v": 1,
        "job_id": job_id,
        "campaign_id": "camp",
        "site_id": "site",
        "recipients": recipients,
        **content,
        **more,
    }


def campaign(
    subscriptions: Sequence[Subscription],
    total: int | None = None,
    *,
    name: str = "camp",
    per_record: int = 100,
    sliced: bool = False,
    **more: Any,
) -> Iterator[dict[str, Any]]:
    """Yield the jobs of a campaign to `r0`, `r1`, …; all else is as for `job`.

    Args:
        subscriptions: One for each recipient, in turn; used again from the first if there are too few.
        total: Recipients; by default as many as there are subscriptions.
        name: The campaign's id.
        per_record: Recipients in a job.
        sliced: Whether each job says which part of the campaign it is.
        more: Other fields of each job.
    """
    total = len(subscriptions) if total is None else total
    for first in range(0, total, per_record):
        numbers = range(first, min(first + per_record, total))
        people = [recipient(f"r{n}", subscriptions[n % len(subscriptions)]) for n in numbers]
        part = {"slice": {"first": first, "total": total}} if sliced else {}
        yield job(f"{name}-{first}", people, **{"campaign_id": name} | part | more)


async def send_campaign(world: World, service: SimulatedPushService, recipients: int) -> None:
    """Write a campaign to new subscriptions, due at once."""
    await world.produce(*campaign(service.subscribe(recipients), per_record=50))


class Reader:
    """Reads a topic from its beginning."""

    def __init__(self, world: World, topic: str) -> None:
        self._consumer = AIOKafkaConsumer(
            world.prefix + topic,
            bootstrap_servers=world.broker,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        self.records: list[Any] = []

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self, enough: Callable[[], bool], what: str, seconds: float = GENEROUS) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not enough():
                    for records in (await self._consumer.getmany(timeout_ms=200)).values():
                        self.records += records
        except TimeoutError:
            raise AssertionError(f"not within {seconds:g} s: {what}; {len(self.records)} records") from None

    async def drain(self, seconds: float = 1.0) -> None:
        """Read everything there is, until nothing has come for a while."""
        while found := await self._consumer.getmany(timeout_ms=int(seconds * 1000)):
            for records in found.values():
                self.records += records

    @property
    def values(self) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.records]


class Outcomes(Reader):
    """Reads `push.outcomes`, by (job, recipient)."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "outcomes")

    @property
    def by_recipient(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        found = defaultdict(list)
        for batch in self.values:
            for outcome in batch["outcomes"]:
                found[batch["job_id"], outcome["recipient_id"]].append(outcome)
        return dict(found)

    async def of(self, count: int, seconds: float = GENEROUS) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Read until so many recipients have an outcome, and return all outcomes."""
        await self.read(
            lambda: len(self.by_recipient) >= count, f"{count} recipients have an outcome", seconds
        )
        return self.by_recipient
