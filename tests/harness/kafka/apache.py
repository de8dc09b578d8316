"""Apache Kafka itself for tests, in KRaft mode: a single broker, or a cluster whose topics are replicated.

    async with ApacheKafka(folder) as kafka:                       # the newest version that pom.xml pins
        ...                                                        # clients use kafka.address
    async with ApacheKafka(folder, version="3.9", brokers=3) as kafka:
        await kafka.brokers[1].kill()                              # the data and the port stay its own
        await kafka.brokers[1].start()

Each broker is a controller, too, and listens three times on loopback: CLIENT for those who use it, INTERNAL
and CONTROLLER for the brokers among themselves. The last two always speak PLAINTEXT. So a test may give
CLIENT any `protocol`, and with `properties` that begin with `listener.name.client.` any login.
"""

import asyncio
import base64
import signal
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.harness.freezing import freeze, thaw
from tests.harness.kafka.jars import chosen, fetched
from tests.harness.worker_process import free_port

START_SECONDS = 90.0
"""A start takes 2 s on an idle machine. After a kill it waits until the controller drops the old session."""

STOP_SECONDS = 60.0
HEAP_MIB = 384

_JVM = (
    *(f"-Xmx{HEAP_MIB}m", "-Xms96m", "-XX:+UseSerialGC"),
    "-XX:TieredStopAtLevel=1",  # it does not live long enough for the second compiler to pay
    f"-Dlog4j.configuration=file:{Path(__file__).with_name('log4j.properties')}",
    f"-Dlog4j2.configurationFile=file:{Path(__file__).with_name('log4j2.properties')}",
)
_POLL_SECONDS = 0.05
_TAIL_LINES = 30


class ApacheKafkaError(RuntimeError):
    """A broker did not start; the message has the end of its log."""


def cluster_id(number: uuid.UUID) -> str:
    """Return a cluster's id: base64url without a dash in front, which would make it an option of the tool."""
    return base64.urlsafe_b64encode((number.int >> 1).to_bytes(16)).decode().rstrip("=")


class Broker:
    """One broker and controller in a process of its own; port and data stay the same over its lives."""

    def __init__(self, kafka: "ApacheKafka", number: int) -> None:
        self.number = number
        self.port, self.internal_port, self.controller_port = free_port(), free_port(), free_port()
        self.folder = kafka.folder / f"broker-{number}"
        self.log = self.folder / "broker.log"
        self._kafka = kafka
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where its clients find it."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id; only while it runs."""
        assert self._process, f"broker {self.number} does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it with the data that it has, and wait until it and all its running peers know of each other.

        Raises:
            ApacheKafkaError: It exited, or did not answer in time.
        """
        await self.spawn()
        await self._kafka.wait_until_up()

    async def stop(self) -> None:
        """Stop it in good order: it hands its leaderships over first."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill it with SIGKILL, which it cannot prepare for."""
        await self._end(signal.SIGKILL)

    async def restart(self, *, kill: bool = False) -> None:
        """End its life one way or the other, and start the next."""
        await (self.kill() if kill else self.stop())
        await self.start()

    def freeze(self) -> None:
        """Stop its process in its tracks, connections open, until `thaw`."""
        freeze(self.pid)

    def thaw(self) -> None:
        thaw(self.pid)

    async def spawn(self) -> None:
        """Start it and wait for nothing; its first life begins with the formatting of its storage."""
        if not (self.folder / "data/meta.properties").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._configuration.write_text(self._kafka.properties_of(self))
            format_ = ("format", "-t", self._kafka.cluster_id, "-c", str(self._configuration))
            process = await self._java("kafka.tools.StorageTool", *format_, *self._kafka.formatting)
            if await process.wait():
                raise ApacheKafkaError(self.complaint("its storage cannot be formatted"))
        assert not self.running, f"broker {self.number} runs already"
        self._process = await self._java("kafka.Kafka", str(self._configuration))

    async def answers(self, peers: int) -> bool:
        """Whether it serves clients, and knows of so many brokers, itself included.

        Raises:
            ApacheKafkaError: It has exited.
        """
        if not self.running:
            raise ApacheKafkaError(self.complaint("it has exited"))
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.internal_port)
            writer.close()
            return len(await _brokers_that(f"127.0.0.1:{self.internal_port}")) >= peers
        except (OSError, KafkaError):
            return False

    def complaint(self, what: str) -> str:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        return (
            f"Apache Kafka {self._kafka.version}, broker {self.number}: {what}; {self.log} ends with:\n{tail}"
        )

    @property
    def _configuration(self) -> Path:
        return self.folder / "server.properties"

    async def _java(self, *command: str) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *("java", *_JVM, *self._kafka.jvm, "-cp", f"{fetched(self._kafka.version)}/*", *command),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C must reach only the tests, which stop the broker last
            )

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


class ApacheKafka:
    """One or more brokers from an empty folder; entering it starts them all, leaving it kills them.

    Args:
        folder: For data and logs; it stays when the brokers are gone.
        version: A profile of pom.xml; by default the one that `PUSHMILL_TEST_KAFKA` names, or the newest.
        brokers: How many. Of several, each topic has up to three replicas, and a write needs all but one.
        protocol: The security protocol of the CLIENT listener.
        properties: Lines of server.properties; they override those made here.
        jvm: Arguments of the Java virtual machine behind those made here, which they override.
        formatting: Arguments for formatting the storage: `--add-scram` makes users.
    """

    def __init__(
        self,
        folder: Path,
        *,
        version: str | None = None,
        brokers: int = 1,
        protocol: str = "PLAINTEXT",
        properties: Mapping[str, str] | None = None,
        jvm: Sequence[str] = (),
        formatting: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.version = version or chosen()
        self.jvm = tuple(jvm)
        self.formatting = tuple(formatting)
        self.cluster_id = cluster_id(uuid.uuid4())
        self.brokers = tuple(Broker(self, number) for number in range(1, brokers + 1))
        self._protocol = protocol
        self._properties = dict(properties or {})

    @property
    def address(self) -> str:
        """The bootstrap servers for clients: all brokers, separated by commas."""
        return ",".join(broker.address for broker in self.brokers)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start every broker that does not run, and wait until all know of each other.

        Raises:
            ApacheKafkaError: One exited, or did not answer in time.
            JarsError: The jars cannot be fetched.
        """
        await asyncio.to_thread(fetched, self.version)
        await asyncio.gather(*(broker.spawn() for broker in self.brokers if not broker.running))
        await self.wait_until_up()

    async def close(self) -> None:
        """Kill every broker; data and logs stay in the folder."""
        await asyncio.gather(*(broker.kill() for broker in self.brokers))

    async def wait_until_up(self, seconds: float = START_SECONDS) -> None:
        """Wait until every running broker serves clients and knows of all the others that run.

        Raises:
            ApacheKafkaError: One exited, or they did not get so far in time.
        """
        running = [broker for broker in self.brokers if broker.running]
        waiting = list(running)
        try:
            async with asyncio.timeout(seconds):
                while waiting:
                    if await waiting[0].answers(len(running)):
                        waiting.pop(0)
                    else:
                        await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise ApacheKafkaError(waiting[0].complaint(f"not up within {seconds:g} s")) from None

    def properties_of(self, broker: Broker) -> str:
        """Return a broker's server.properties."""
        count = len(self.brokers)
        replicas, in_sync = str(min(count, 3)), str(max(min(count, 3) - 1, 1))
        voters = (f"{each.number}@127.0.0.1:{each.controller_port}" for each in self.brokers)
        own = {"CLIENT": broker.port, "INTERNAL": broker.internal_port}
        listeners = [f"{name}://127.0.0.1:{port}" for name, port in own.items()]
        lines = {
            "node.id": str(broker.number),
            "process.roles": "broker,controller",
            "controller.quorum.voters": ",".join(voters),
            "listeners": ",".join([*listeners, f"CONTROLLER://127.0.0.1:{broker.controller_port}"]),
            "advertised.listeners": ",".join(listeners),
            "listener.security.protocol.map": (
                f"CLIENT:{self._protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
            ),
            "inter.broker.listener.name": "INTERNAL",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(broker.folder / "data"),
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": replicas,
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            # Consumers need not wait for others to join them, nor a killed broker for its old session.
            "group.initial.rebalance.delay.ms": "0",
            "broker.session.timeout.ms": "6000",
            "broker.heartbeat.interval.ms": "500",
            **self._properties,
        }
        return "".join(f"{name}={value}\n" for name, value in lines.items())


async def _brokers_that(address: str) -> list[object]:
    """Return the brokers that this one would tell clients of."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5000)
    try:
        await admin.start()
        brokers: list[object] = (await admin.describe_cluster())["brokers"]
        return brokers
    finally:
        await admin.close()
