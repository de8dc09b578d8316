"""What integration tests are made of: a broker, real worker processes, an upstream that writes and reads."""

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from crypto.vapid import VapidKey, generate_vapid_key
from worker.config import KafkaSettings
from worker.edges.kafka.topics import create_topics
from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService

WAIT_SECONDS = 60.0
ROOT = Path(__file__).parents[2]
RUN = ("-m", "worker.cli")

PORTS = range(20_000, 32_000)
"""Below those that systems give to connections: such a one could be taken before its server listens, or
between two of its lives."""

_places = count(random.randrange(len(PORTS)))


def free_port() -> int:
    """A loopback port that nobody listens on, each time another one."""
    while True:
        port = PORTS[next(_places) % len(PORTS)]
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


async def until(condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
    try:
        async with asyncio.timeout(seconds):
            # In a thread: who asks a worker must not keep Kafka and the push service from answering it.
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - other processes tell nobody
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


@dataclass
class World:
    """A Kafka with a topic prefix of the test's own, keys, certificates, and a folder."""

    broker: str
    prefix: str
    folder: Path
    partitions: int = 4
    certificates: Certificates = field(default_factory=Certificates)
    key: VapidKey = field(default_factory=generate_vapid_key)
    workers: list["WorkerProcess"] = field(default_factory=list)

    async def prepare(self) -> None:
        vapid = self.folder / "vapid"
        vapid.mkdir()
        (vapid / "default.pem").write_bytes(self.key.to_pem())
        self.certificates.write(self.folder)
        settings = KafkaSettings(kafka_bootstrap_servers=self.broker, topic_prefix=self.prefix)
        await create_topics(settings, partitions=self.partitions, replicas=1)

    def environment(self, services: list[Any], number: int, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PUSHMILL_")}
        return kept | {
            "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": self.broker,
            "PUSHMILL_TOPIC_PREFIX": self.prefix,
            "PUSHMILL_GROUP_ID": self.prefix + "group",
            "PUSHMILL_INSTANCE_ID": f"{self.prefix}worker-{number}",
            "PUSHMILL_VAPID_DIR": str(self.folder / "vapid"),
            "PUSHMILL_VAPID_SUBJECT": "mailto:test@pushmill.example",
            "PUSHMILL_ENDPOINT_HOSTS": ",".join(f"localhost:{service.port}" for service in services),
            "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS": "true",
            "PUSHMILL_CA_FILE": str(self.folder / "ca.pem"),
            "PUSHMILL_STATUS_HOST": "127.0.0.1",
            "PUSHMILL_STATUS_PORT": str(free_port()),
            **more,
        }

    async def start_worker(
        self, *services: Any, number: int = 0, changed: str = "", **more: str
    ) -> "WorkerProcess":
        """Start one and wait until it is ready; `changed` is Python that changes what no setting does."""
        worker = WorkerProcess(
            self.environment(list(services), number, **more), self.folder / f"worker-{number}.log", changed
        )
        self.workers.append(worker)
        await worker.start()
        return worker

    async def produce(
        self,
        *jobs: dict[str, Any] | bytes,
        topic: str = "jobs",
        headers: Any = None,
        partition: int | None = None,
    ) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.broker, max_request_size=2 << 20)
        await producer.start()
        try:
            values = [job if isinstance(job, bytes) else json.dumps(job).encode() for job in jobs]
            topic = self.prefix + topic
            sent = [
                await producer.send(topic, value, headers=headers, partition=partition) for value in values
            ]
            await asyncio.gather(*sent)  # else what is refused is missed much later
        finally:
            await producer.stop()

    async def commit(self, topic: str, offset: int) -> None:
        """Commit an offset for every partition of a topic, as a worker of another log would have."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.broker, group_id=self.prefix + "group", enable_auto_commit=False
        )
        await consumer.start()
        try:
            places = [TopicPartition(self.prefix + topic, number) for number in range(self.partitions)]
            consumer.assign(places)
            await consumer.commit(dict.fromkeys(places, offset))
        finally:
            await consumer.stop()

    async def remove(self, topic: str) -> None:
        """Remove every record that a topic holds, as retention does."""
        places = [TopicPartition(self.prefix + topic, number) for number in range(self.partitions)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await consumer.start()
        await admin.start()
        try:
            ends = await consumer.end_offsets(places)
            await admin.delete_records(
                {place: RecordsToDelete(before_offset=end) for place, end in ends.items()}
            )
        finally:
            await admin.close()
            await consumer.stop()

    async def close(self) -> None:
        for worker in self.workers:
            await worker.kill()


class WorkerProcess:
    """A real `pushmill run`, its log in a file."""

    def __init__(self, environment: dict[str, str], log: Path, changed: str = "") -> None:
        self.environment = environment
        self.log = log
        self._program = ("-c", f"{changed}\nfrom worker.cli import main\nmain()") if changed else RUN
        self.process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['PUSHMILL_STATUS_PORT']}"

    async def start(self, *, ready: bool = True) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._program,
                "run",
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        if ready:
            await until(lambda: self.ended or self.status("/readyz") == 200, "the worker is ready")
            assert not self.ended, self.log.read_text()

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.returncode is not None

    def status(self, path: str) -> int:
        return self.get(path)[0]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(self.url + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (URLError, OSError):
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(
                f'{key}="{text}"' in series for key, text in labels.items()
            ):
                total += float(value)
        return total

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    async def wait(self, seconds: float = WAIT_SECONDS) -> int:
        assert self.process
        return await asyncio.wait_for(self.process.wait(), seconds)

    async def terminate(self) -> int:
        self.signal(signal.SIGTERM)
        return await self.wait()

    async def kill(self) -> None:
        if self.process and not self.ended:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


class Reader:
    """Reads a topic from its beginning, as upstream would."""

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

    async def read(self, enough: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not enough():
                    for records in (await self._consumer.getmany(timeout_ms=200)).values():
                        self.records += records
        except TimeoutError:
            raise AssertionError(f"not within {seconds} s: {what}; {len(self.records)} records") from None

    async def drain(self, seconds: float = 1.0) -> None:
        """Read what is there, until nothing has come for a while."""
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

    async def of(
        self, count: int, seconds: float = WAIT_SECONDS
    ) -> dict[tuple[str, str], list[dict[str, Any]]]:
        await self.read(
            lambda: len(self.by_recipient) >= count, f"{count} recipients have an outcome", seconds
        )
        return self.by_recipient


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


def recipient(recipient_id: str, subscription: Any, **more: Any) -> dict[str, Any]:
    return {"id": recipient_id, "subscription": subscription.to_json(), **more}


async def campaign(world: World, service: SimulatedPushService, recipients: int) -> None:
    """Write a campaign to new subscriptions, 50 in a job."""
    people = [recipient(f"r{number}", each) for number, each in enumerate(service.subscribe(recipients))]
    await world.produce(*(job(f"j{at}", people[at : at + 50]) for at in range(0, recipients, 50)))
