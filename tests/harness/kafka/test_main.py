"""`python -m tests.harness.kafka`, as make runs it."""

import subprocess
import sys

import pytest

from tests.harness.requirements import require
from tests.harness.worker_process import ROOT

ASKS = """
import asyncio, os
from aiokafka.admin import AIOKafkaAdminClient

async def ask():
    admin = AIOKafkaAdminClient(bootstrap_servers=os.environ["PUSHMILL_TEST_BROKER"])
    await admin.start()
    print(os.environ["PUSHMILL_TEST_KAFKA"], len((await admin.describe_cluster())["brokers"]))
    await admin.close()

asyncio.run(ask())
raise SystemExit(7)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "tests.harness.kafka", *arguments)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=150)


def test_the_command_finds_the_broker_and_its_status_is_kept():
    require("kafka")
    done = run("3.9", sys.executable, "-c", ASKS)
    assert (done.returncode, done.stdout) == (7, "3.9 1\n"), done.stderr
    assert done.stderr.startswith("with Apache Kafka 3.9, whose log is in ")


@pytest.mark.parametrize("arguments", [(), ("4",), ("2.8", "true"), ("true",)])
def test_wrong_usage_is_status_2(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m tests.harness.kafka 3.9|4 COMMAND")


def test_where_java_is_missing_it_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run("4", "true")
    assert done.returncode == 1
    assert done.stderr == (
        "java is not on PATH, mvn is not on PATH; to install: apt-get install default-jre-headless maven\n"
    )
