"""Everything around a worker: its topics on a broker, its keys and certificates, a folder, and the worker."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from crypto.vapid import VapidKey, generate_vapid_key
from tests.harness.waiting import GENEROUS
from tests.harness.worker_process import ROOT, WorkerProcess, free_port, unset_environment
from worker.config import KafkaSettings
from worker.edges.kafka.topics import create_topics
from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService


class Listening(Protocol):
    """A push service on loopback, wherever it runs."""

    @property
    def port(self) -> int: ...


@dataclass
class World:
    """A topic prefix of its own on a broker; entering it creates the topics, leaving it kills the workers."""

    broker: str
    folder: Path
    kind: str = "test"
    partitions: int = 4
    certificates: Certificates = field(default_factory=Certificates)
    key: VapidKey = field(default_factory=generate_vapid_key)
    workers: list[WorkerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prefix = f"{self.kind}-{uuid.uuid4().hex[:8]}."

    async def __aenter__(self) -> Self:
        vapid = self.folder / "vapid"
        vapid.mkdir()
        (vapid / "default.pem").write_bytes(self.key.to_pem())
        self.certificates.write(self.folder)
        settings = KafkaSettings(kafka_bootstrap_servers=self.broker, topic_prefix=self.prefix)
        await create_topics(settings, partitions=self.partitions)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill_workers()

    async def kill_workers(self) -> None:
        for worker in self.workers:
            await worker.kill()

    def push_service(self, **options: Any) -> SimulatedPushService:
        """Make a push service for this event loop that the workers trust; it serves once it is entered."""
        context = self.certificates.server_context()
        return SimulatedPushService("fcm", ssl_context=context, **options)

    def environment(self, services: Sequence[Listening], number: int, **more: str) -> dict[str, str]:
        return unset_environment() | {
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
        self,
        *services: Listening,
        number: int = 0,
        changed: str = "",
        source: Path = ROOT,
        **more: str,
    ) -> WorkerProcess:
        """Start a worker and wait until it is ready; `changed` is Python for what no setting changes."""
        environment = self.environment(services, number, **more)
        worker = WorkerProcess(environment, self.folder / f"worker-{number}.log", changed, source)
        self.workers.append(worker)
        await worker.start()
        return worker

    async def produce(
        self,
        *jobs: dict[str, Any] | bytes,
        topic: str = "jobs",
        headers: Any = None,
        partition: int | None = None,
        key: bytes | None = None,
        codec: str | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.broker, max_request_size=2 << 20, compression_type=codec
        )
        await producer.start()
        try:
            values = [job if isinstance(job, bytes) else json.dumps(job).encode() for job in jobs]
            topic = self.prefix + topic
            said = {"key": key, "headers": headers, "partition": partition, "timestamp_ms": timestamp_ms}
            sent = [await producer.send(topic, value, **said) for value in values]
            await asyncio.gather(*sent)  # a refused record would otherwise go unnoticed
        finally:
            await producer.stop()

    async def commit(self, topic: str, offset: int) -> None:
        """Commit an offset for every partition of a topic, as a worker of another log would have."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.broker, group_id=self.prefix + "group", enable_auto_commit=False
        )
        await consumer.start()
        try:
            partitions = self._partitions(topic)
            consumer.assign(partitions)
            await consumer.commit(dict.fromkeys(partitions, offset))
        finally:
            await consumer.stop()

    async def remove(self, topic: str) -> None:
        """Remove every record that a topic holds, as retention does."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await consumer.start()
        await admin.start()
        try:
            ends = await consumer.end_offsets(self._partitions(topic))
            await admin.delete_records(
                {partition: RecordsToDelete(before_offset=end) for partition, end in ends.items()}
            )
        finally:
            await admin.close()
            await consumer.stop()

    async def until_all_is_committed(self, topic: str = "jobs") -> None:
        """Wait until whoever is given a topic's partitions next finds nothing left to do."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await consumer.start()
        await admin.start()
        try:
            found = await consumer.end_offsets(self._partitions(topic))
            ends = {place: end for place, end in found.items() if end}
            async with asyncio.timeout(GENEROUS):
                while True:
                    commits = await admin.list_consumer_group_offsets(
                        f"{self.prefix}group", partitions=[*ends]
                    )
                    if {place: commit.offset for place, commit in commits.items()} == ends:
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not within {GENEROUS:g} s: {commits} are {ends}") from None
        finally:
            await admin.close()
            await consumer.stop()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self.prefix + topic, number) for number in range(self.partitions)]
