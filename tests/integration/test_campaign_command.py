"""`pushmill campaign` against a Kafka that lacks the topics it needs."""

import asyncio
import sys

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.harness.worker_process import ROOT, unset_environment


@pytest.mark.parametrize(
    ("action", "topic"), [("stats", "stats"), ("pause", "control"), ("cancel", "control")]
)
async def test_without_its_topic_it_says_so_in_one_line_and_creates_none(
    broker: str, action: str, topic: str
):
    prefix = f"nobody.made.{action}."
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.cli", "campaign", action, "camp"),
        env=unset_environment()
        | {"PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": broker, "PUSHMILL_TOPIC_PREFIX": prefix},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, error = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, output) == (1, b"")
    assert error.decode() == (
        f"pushmill: Kafka at {broker} has no topic {prefix}{topic}: "
        "create what is missing with `pushmill topics create`\n"
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    assert not [name for name in await admin.list_topics() if name.startswith(prefix)]
    await admin.close()
