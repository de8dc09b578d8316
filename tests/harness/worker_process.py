"""A real `pushmill run` in a process of its own: started, asked over HTTP, signalled, killed."""

import asyncio
import os
import random
import signal
import socket
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.harness.freezing import freeze, thaw
from tests.harness.waiting import GENEROUS, until_seen

ROOT = Path(__file__).parents[2]
RUN = ("-m", "worker.cli")

CHOSEN_FOR_ALL_TESTS = {"PUSHMILL_AGREEMENT"}
"""Settings that workers of tests take from the environment that pytest runs in."""

PORTS = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, which could take one before its server listens,
or between two of its lives."""

_positions = count(random.randrange(len(PORTS)))


def free_port() -> int:
    """Return a loopback port that nobody listens on, a different one each time."""
    while True:
        port = PORTS[next(_positions) % len(PORTS)]
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def unset_environment() -> dict[str, str]:
    """Return this process's environment without any setting of ours but those that a run of tests chooses."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PUSHMILL_") or name in CHOSEN_FOR_ALL_TESTS
    }


def get(url: str) -> tuple[int, str]:
    """Return status and body of an HTTP answer; status 0 if there is none."""
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except (URLError, OSError):
        return 0, ""


def memory_kib(pid: int, field: str) -> int:
    """Return a field of a process's memory, in KiB: `VmRSS` is resident now, `VmHWM` at its peak."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith(field + ":")]
    return int(line.split()[1])


class WorkerProcess:
    """One worker; its output goes to the file `log`, and its source is in the folder `source`."""

    def __init__(
        self, environment: dict[str, str], log: Path, changed: str = "", source: Path = ROOT
    ) -> None:
        self.environment = environment
        self.log = log
        self.source = source
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
                cwd=self.source,
                stdout=log,
                stderr=log,
            )
        if ready:
            await until_seen(lambda: self.ended or self.status("/readyz") == 200, "the worker is ready")
            assert not self.ended, self.log.read_text()

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.returncode is not None

    def status(self, path: str) -> int:
        return self.get(path)[0]

    def get(self, path: str) -> tuple[int, str]:
        return get(self.url + path)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
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

    def freeze(self) -> None:
        """Stop it in its tracks, until `thaw`; a request that it was about to write is not written."""
        assert self.process
        freeze(self.process.pid)

    def thaw(self) -> None:
        assert self.process
        thaw(self.process.pid)

    async def wait(self, seconds: float = GENEROUS) -> int:
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
