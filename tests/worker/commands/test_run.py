import os
import signal
import subprocess
import sys

import pytest

from tests.harness.worker_process import unset_environment
from worker.commands import run
from worker.edges.kafka.client import KafkaUnreachableError

WITHOUT_THE_LIBRARY = """
from worker.edges.agreement import library
library.PACKAGE = "pushmill-none"
from worker.cli import main
main()
"""


class Worker:
    """Finds no Kafka and, if `is_stopped`, is told to stop at the same time."""

    def __init__(self, is_stopped, *_):
        self.is_stopped = is_stopped

    async def run(self, stop):
        if self.is_stopped:
            os.kill(os.getpid(), signal.SIGTERM)
            await stop.wait()
        raise KafkaUnreachableError("cannot use Kafka")


async def test_a_process_that_is_stopped_while_it_looks_for_kafka_has_stopped_cleanly(monkeypatch):
    monkeypatch.setattr(run, "Worker", Worker)
    await run._work(True)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_key_agreement_that_does_not_work_ends_the_start_with_one_line(processes, tmp_path):
    """However many processes there were to be."""
    environment = unset_environment() | {
        "PUSHMILL_AGREEMENT": "multibuffer",
        "PUSHMILL_PROCESSES": processes,
        "PUSHMILL_VAPID_DIR": str(tmp_path),
        "PUSHMILL_VAPID_SUBJECT": "mailto:push@example.org",
        "PUSHMILL_STATUS_PORT": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_LIBRARY, "run"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith("pushmill: PUSHMILL_AGREEMENT is multibuffer: pushmill-none is not installed")
    assert line.endswith("set PUSHMILL_AGREEMENT=auto")


async def test_a_process_that_finds_no_kafka_has_failed(monkeypatch):
    monkeypatch.setattr(run, "Worker", Worker)
    with pytest.raises(KafkaUnreachableError):
        await run._work(False)
