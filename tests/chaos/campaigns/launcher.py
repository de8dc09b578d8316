"""`python -m tests.chaos.campaigns.launcher DATABASE BROKER PREFIX CHUNK BATCH`: a launcher, to be killed.

Prints a line once it works, and works until SIGTERM. A transaction has CHUNK recipients of a launch, or BATCH
rows of the outbox: with few, there is more to be killed in.
"""

import asyncio
import os
import signal
import sys

from campaigns.launch import chunks
from campaigns.launch.launcher import Launcher
from campaigns.launch.service import Service
from campaigns.model.secrets import Purpose, parse_secrets
from campaigns.store import relaying
from campaigns.store.database import Database
from worker.config import KafkaSettings

SECRET = "a secret of tests that is long enough"


async def main(url: str, broker: str, prefix: str) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    settings = KafkaSettings(kafka_bootstrap_servers=broker, topic_prefix=prefix)
    key = parse_secrets(SECRET).keys(Purpose.RECIPIENT_TOKEN).signing
    async with Database(url, statement_seconds=5.0) as database:
        service = Service(database, settings, "https://push.example", key)
        sys.stdout.write("works\n")
        sys.stdout.flush()
        await Launcher(service, f"test-{os.getpid()}").run(stopping)


if __name__ == "__main__":
    *where, chunk, batch = sys.argv[1:]
    chunks.CHUNK, relaying.BATCH_ROWS = int(chunk), int(batch)
    asyncio.run(main(*where))
