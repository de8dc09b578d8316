"""`python -m tests.chaos.campaigns.collector URL BROKER PREFIX RECORDS LEASE`: a collector, to be killed.

URL is the database's. Prints a line once it begins, and works until SIGTERM. Applies RECORDS records at most
in a transaction, and holds partitions for LEASE seconds: with little of either, more can go wrong.
"""

import asyncio
import os
import signal
import sys

from prometheus_client import CollectorRegistry

from campaigns.collect import assignments, collector
from campaigns.metrics import Metrics
from campaigns.store.database import Database
from worker.config import KafkaSettings
from worker.logs import configure


def holder(pid: int) -> str:
    return f"test-{pid}"


async def main(url: str, broker: str, prefix: str) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    configure("json", "warning", sys.stderr)
    settings = KafkaSettings(kafka_bootstrap_servers=broker, topic_prefix=prefix)
    async with Database(url, statement_seconds=5.0) as database:
        sys.stdout.write("works\n")
        sys.stdout.flush()
        metrics = Metrics(CollectorRegistry())
        await collector.Collector(settings, database, metrics, holder(os.getpid())).run(stopping)


if __name__ == "__main__":
    *where, records, lease = sys.argv[1:]
    assignments.MOST_RECORDS = int(records)
    assignments.LEASE_SECONDS = float(lease)
    collector.RENEW_SECONDS = assignments.LEASE_SECONDS / 4
    asyncio.run(main(*where))
