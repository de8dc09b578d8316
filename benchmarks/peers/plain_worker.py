"""A worker as an engineer would write it in an afternoon: aiokafka, pywebpush, and no more.

    python -m benchmarks.peers.plain_worker BROKER PREFIX CA_FILE KEY_FILE kept|signed

It reads send jobs, fills in each recipient's text, sends it with `webpush_async`, 64 at once, writes a record
of outcomes for each job, and commits when those are acknowledged. It does no needless work: one aiohttp
session on uvloop, and one VAPID token for each push service, `kept` for an hour; or `signed` for each push,
as `webpush_async` does if it is left to it. It has no due times and no pacing, tries nothing again, and after
a crash repeats whatever was in hand.
"""

import asyncio
import json
import re
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from py_vapid import Vapid02
from pywebpush import WebPushException, webpush_async

from benchmarks.brokers import Broker
from benchmarks.worker_run import Case, Start
from tests.harness.simulator import PushServiceClient
from tests.harness.world import World

SUBJECT = "mailto:ops@example.com"
IN_FLIGHT = 64
JOBS = 50
"""Jobs in hand at once: what is committed together."""

TOKEN_SECONDS = 3600
TIMEOUT = aiohttp.ClientTimeout(total=30)
PLACEHOLDER = re.compile(r"\{\{(\w+)(?:\|([^}]*))?\}\}")

Json = dict[str, Any]


Identify = Callable[[str], Json]
"""Takes an endpoint; returns the arguments of `webpush_async` that say who sends."""


@dataclass
class KeptTokens:
    """The VAPID header of each push service, kept for an hour."""

    vapid: Vapid02
    _signed: dict[str, tuple[float, Json]] = field(default_factory=dict)

    def __call__(self, endpoint: str) -> Json:
        now, origin = time.time(), _origin(endpoint)
        signed, headers = self._signed.get(origin, (0.0, {}))
        if signed + TOKEN_SECONDS < now:
            claims = {"aud": origin, "sub": SUBJECT, "exp": int(now) + 2 * TOKEN_SECONDS}
            headers = self.vapid.sign(claims)
            self._signed[origin] = now, headers
        return {"headers": headers}


def signed_for_each(vapid: Vapid02) -> Identify:
    return lambda _endpoint: {"vapid_private_key": vapid, "vapid_claims": {"sub": SUBJECT}}


IDENTIFY: dict[str, Callable[[Vapid02], Identify]] = {"kept": KeptTokens, "signed": signed_for_each}


def _origin(endpoint: str) -> str:
    return "/".join(endpoint.split("/", 3)[:3])


def template(job: Json) -> str:
    """The JSON of a job's notification in the declarative form of the Push API, as the worker sends it."""
    told = {name: job[name] for name in ("job_id", "campaign_id")} | {"recipient_id": "{{recipient_id}}"}
    content = job["notification"] | {"navigate": job["notification"]["url"], "data": told}
    del content["url"]
    return json.dumps({"web_push": 8030, "notification": content})


def render(notification: str, variables: Json) -> str:
    """Fill in a notification's JSON; a placeholder is `{{name}}` or `{{name|otherwise}}`."""
    return PLACEHOLDER.sub(
        lambda found: json.dumps(variables.get(found[1], found[2] or ""))[1:-1], notification
    )


@dataclass
class PlainWorker:
    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer
    session: aiohttp.ClientSession
    identify: Identify
    outcomes_topic: str

    async def run(self) -> None:
        while True:
            found = await self.consumer.getmany(timeout_ms=1000, max_records=JOBS)
            jobs = [json.loads(record.value) for records in found.values() for record in records]
            if jobs:
                await self._handle(jobs)

    async def _handle(self, jobs: list[Json]) -> None:
        outcomes: list[list[Json]] = [[] for _ in jobs]
        pushes = _pushes(jobs, outcomes)
        await asyncio.gather(*(self._send_some(pushes) for _ in range(IN_FLIGHT)))
        written = [
            await self.producer.send(self.outcomes_topic, _record(job, some))
            for job, some in zip(jobs, outcomes, strict=True)
        ]
        await asyncio.gather(*written)
        await self.consumer.commit()

    async def _send_some(self, pushes: Iterator[tuple[str, Json, list[Json]]]) -> None:
        for notification, recipient, outcomes in pushes:
            text = render(notification, recipient["variables"] | {"recipient_id": recipient["id"]})
            status = await self._send(recipient["subscription"], text)
            outcomes.append({"recipient_id": recipient["id"], "status": status, "at": time.time()})

    async def _send(self, subscription: Json, text: str) -> str:
        try:
            await webpush_async(
                subscription,
                text,
                **self.identify(subscription["endpoint"]),
                ttl=60,
                aiohttp_session=self.session,
                timeout=TIMEOUT,  # type: ignore[arg-type]
            )
        except WebPushException as error:
            return "expired" if error.status_code in (404, 410) else "failed"
        except (aiohttp.ClientError, TimeoutError):
            return "failed"
        return "sent"


def _pushes(jobs: Iterable[Json], outcomes: Iterable[list[Json]]) -> Iterator[tuple[str, Json, list[Json]]]:
    for job, some in zip(jobs, outcomes, strict=True):
        notification = template(job)
        for recipient in job["recipients"]:
            yield notification, recipient, some


def _record(job: Json, outcomes: list[Json]) -> bytes:
    about = {name: job[name] for name in ("v", "job_id", "campaign_id", "site_id")}
    return json.dumps(about | {"outcomes": outcomes}).encode()


async def main(broker: str, prefix: str, ca: str, key: str, tokens: str) -> None:
    connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=ca))
    consumer = AIOKafkaConsumer(
        prefix + "jobs",
        bootstrap_servers=broker,
        group_id=prefix + "group",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    async with aiohttp.ClientSession(connector=connector) as session, consumer, producer:
        identify = IDENTIFY[tokens](Vapid02.from_file(key))
        await PlainWorker(consumer, producer, session, identify, prefix + "outcomes").run()


def starter(tokens: str) -> Start:
    """Make what starts a plain worker with the world's topics and key; `tokens` as on its command line."""

    @asynccontextmanager
    async def started(
        world: World, broker: Broker, services: list[PushServiceClient], _case: Case
    ) -> AsyncIterator[int]:
        key = world.folder / "vapid" / "default.pem"
        arguments = (broker.address, world.prefix, str(services[0].ca), str(key), tokens)
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, *arguments)
        try:
            yield process.pid
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    return started


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
