"""The commands of README, typed as it says: both sections by hand, in order."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.waiting import until, until_seen
from tests.harness.worker_process import ROOT, free_port, get, unset_environment

README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def section(title: str) -> list[str]:
    """Return the commands of a section, block by block."""
    text = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"```console\n(.*?)```", text, re.DOTALL)


class Terminal:
    """A shell in a folder; variables that one block exports are set in the next."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self._folder = folder
        self._ports = ports
        self._exports = ""
        self._environment = unset_environment()

    def type(self, block: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", self._script(block)],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def typing(self, block: str) -> Iterator[Path]:
        """Run a block until Ctrl-C at the end; yield the file with its output."""
        output = self._folder / f"output-{len(list(self._folder.iterdir()))}"
        with output.open("wb") as file:
            running = subprocess.Popen(
                ["bash", "-euc", self._script(block)],
                cwd=self._folder,
                env=self._environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
            try:
                yield output
            finally:
                os.killpg(running.pid, signal.SIGINT)
                running.wait(timeout=30)

    def _script(self, block: str) -> str:
        for usual, here in self._ports.items():
            block = block.replace(usual, here)
        script = self._exports + block.replace(".venv/bin/", f"{BIN}/")
        self._exports += "".join(f"{line}\n" for line in block.splitlines() if line.startswith("export "))
        return script


async def test_what_it_says_to_type_works_word_for_word(
    kafka: KafkaProxy,  # of its own: the commands use the topics' usual names
    tmp_path: Path,
):
    await type_all_of_it(kafka.address, tmp_path)


async def test_it_works_so_on_a_new_apache_kafka(apache_kafka, tmp_path: Path):
    await type_all_of_it((await apache_kafka()).address, tmp_path)


async def type_all_of_it(broker: str, tmp_path: Path) -> None:
    status = str(free_port())
    ready = f"http://localhost:{status}/readyz"
    ports = {"8443": str(free_port()), "localhost:9092": broker}
    second, third = Terminal(tmp_path, ports), Terminal(tmp_path, ports)
    simulate, send = section("Your own job, by hand")
    run, write, stats = section("Use it with your own Kafka")
    with Terminal(tmp_path, ports).typing(simulate):
        await until((tmp_path / "simulate/subscriptions.jsonl").exists, "it gives subscriptions")
        assert (await asyncio.to_thread(second.type, send)).splitlines()[-1].startswith("sent 201 ")
        with second.typing(f"export PUSHMILL_STATUS_PORT={status}\n{run}") as log:
            await until_seen(lambda: get(ready)[0] == 200, f"it is ready; see {log}")
            await asyncio.to_thread(third.type, write)
            settings = f"export PUSHMILL_KAFKA_BOOTSTRAP_SERVERS={broker}\n"
            told = ""
            for _ in range(30):
                told = await asyncio.to_thread(third.type, f"{settings}{stats.strip()} || true")
                if "sent" in told:
                    break
                await asyncio.sleep(0.5)
            assert re.search(r"^ sent +1 *$", told, re.MULTILINE), told


def test_it_says_what_a_rate_needs(tmp_path: Path):
    [command] = section("In production")
    assert "decided by" in Terminal(tmp_path, {}).type(command)
