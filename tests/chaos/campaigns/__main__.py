"""`python -m tests.chaos.campaigns`: launchers and Kafka are killed while one launch is written.

Starts an Apache Kafka of its own. Half of the kills are at a step of a transaction, half at any moment.
Exits with 1 if a recipient was lost or written twice.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaigns.run import LaunchRun, kill_often
from tests.harness.kafka.apache import ApacheKafka
from worker.config import KafkaSettings
from worker.edges.kafka.topics import create_topics


async def main(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="pushmill-") as name:
        folder = Path(name)
        async with ApacheKafka(folder / "kafka") as kafka:
            settings = KafkaSettings(kafka_bootstrap_servers=kafka.address, topic_prefix="chaos.")
            await create_topics(settings, partitions=12)
            async with LaunchRun(settings, folder, arguments.recipients, arguments.chunk) as run:
                dice = random.Random(arguments.seed)
                for _ in range(arguments.brokers):
                    await kill_often(run, arguments.kills // (arguments.brokers + 1), dice)
                    launcher = await run.launcher()
                    await launcher.until_written(1)
                    await kafka.brokers[0].restart(kill=True)
                    await launcher.kill()
                await kill_often(run, arguments.kills // (arguments.brokers + 1), dice)
                written = run.written
                await run.finish()
                verdict = await run.verdict()
    sys.stdout.write(f"{verdict}; {run.killed} launchers killed before {written} recipients were written\n")
    return 0 if verdict.exactly_once else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--chunk", type=int, default=5000, help="recipients of a transaction")
    parser.add_argument("--kills", type=int, default=40, help="of launchers")
    parser.add_argument("--brokers", type=int, default=1, help="kills of Kafka")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parse())))
