"""An embedded broker that speaks Kafka (noida-db, one binary) on a free loopback port, for demo and tests."""

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import sysconfig
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 20.0
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05


class BrokerError(RuntimeError):
    """The embedded broker cannot be used; the message says why and what to do."""


class EmbeddedBroker:
    """A broker in a process of its own; its data is in a temporary folder, and survives a `restart`."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="pushmill-broker-"))
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Its bootstrap server, for `PUSHMILL_KAFKA_BOOTSTRAP_SERVERS`."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        if self._process is None:
            raise BrokerError("the embedded broker is not running")
        return self._process.pid

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the process and wait until it accepts connections.

        Raises:
            BrokerError: It is not installed, or does not start.
        """
        command = [_binary(), "start", "--only", "kafka", "--kafka-port", str(self.port)]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            "--data-dir",
            str(self._folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must reach only the caller, which stops the broker last
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._answers():  # noqa: ASYNC110 - it does not announce that it is up
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise BrokerError(f"the embedded broker did not answer within {START_SECONDS:g} s") from error

    async def stop(self, *, kill: bool = False) -> None:
        """Stop the process; the data stays."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        _signal(process, signal.SIGKILL if kill else signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            _signal(process, signal.SIGKILL)
            await process.wait()

    async def restart(self, *, kill: bool = False) -> None:
        """Stop and start it with the same data, on the same port."""
        await self.stop(kill=kill)
        await self.start()

    async def close(self) -> None:
        """Kill the process and remove its data; nothing in it is worth a slow, clean stop."""
        await self.stop(kill=True)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _answers(self) -> bool:
        if self._process is not None and self._process.returncode is not None:
            raise BrokerError(
                f"the embedded broker exited during start-up with status {self._process.returncode}"
            )
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal the whole session: killing only a wrapper would leave the broker running."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _binary() -> str:
    # The package's own script is such a wrapper; starting the binary itself makes `pid` the broker's.
    package = importlib.util.find_spec("noida_db")
    if package is not None and package.origin is not None:
        binary = Path(package.origin).with_name("noida-db")
        if os.access(binary, os.X_OK):
            return str(binary)
    found = shutil.which("noida-db", path=sysconfig.get_path("scripts")) or shutil.which("noida-db")
    if found is None:
        raise BrokerError(
            "the embedded broker is not installed: pip install 'pushmill[demo]', or set "
            "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own"
        )
    return found


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
