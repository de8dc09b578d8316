"""`python -m tests.harness.kafka VERSION COMMAND …`: run a command with an Apache Kafka of its own.

The command finds it in PUSHMILL_TEST_BROKER, and its version in PUSHMILL_TEST_KAFKA. Exits with the command's
status. Its folder, with the broker's log, stays if that is not 0.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.harness.kafka.apache import ApacheKafka, ApacheKafkaError
from tests.harness.kafka.jars import VARIABLE, VERSIONS, JarsError
from tests.harness.requirements import REQUIREMENTS

BROKER_VARIABLE = "PUSHMILL_TEST_BROKER"
FAILED, MISUSED = 1, 2


async def run(version: str, command: list[str], folder: Path) -> int:
    """Run the command, and return its exit status."""
    async with ApacheKafka(folder, version=version) as kafka:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, BROKER_VARIABLE: kafka.address, VARIABLE: version}
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:  # interrupted: so was the command, which may take its time to end
                await process.wait()


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or arguments[0] not in VERSIONS:
        sys.stderr.write(f"usage: python -m tests.harness.kafka {'|'.join(VERSIONS)} COMMAND [ARGUMENT …]\n")
        return MISUSED
    if missing := REQUIREMENTS["kafka"].missing():
        sys.stderr.write(f"{', '.join(missing)}; to install: {REQUIREMENTS['kafka'].install}\n")
        return FAILED
    version, *command = arguments
    folder = Path(tempfile.mkdtemp(prefix=f"pushmill-kafka-{version}-"))
    try:
        status = asyncio.run(run(version, command, folder))
    except (ApacheKafkaError, JarsError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    if status:
        sys.stderr.write(f"with Apache Kafka {version}, whose log is in {folder}/broker-1/broker.log\n")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
