"""`python -m worker.simulator.child FOLDER SEED KEEP`: one push service of each profile, in one process.

Writes FOLDER/ca.pem, prints a line of JSON with the origin of each service, and serves until its stdin is
closed, so that it does not outlive its parent process.
"""

import asyncio
import json
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import uvloop

from worker.simulator.certificates import Certificates
from worker.simulator.journal import Keep
from worker.simulator.profiles import PROFILES
from worker.simulator.service import SimulatedPushService


async def serve(folder: Path, seed: int, keep: Keep) -> None:
    """Serve until stdin is closed; `keep` is what to keep of each push."""
    certificates = Certificates()
    await asyncio.to_thread(certificates.write, folder)
    context = certificates.server_context()
    services = [SimulatedPushService(name, ssl_context=context, keep=keep, seed=seed) for name in PROFILES]
    await serve_services(services, {service.profile: service.origin for service in services})


async def serve_services(services: Iterable[SimulatedPushService], announcement: object) -> None:
    """Serve until stdin is closed; print the announcement as JSON once they all listen."""
    async with AsyncExitStack() as stack:
        for service in services:
            await stack.enter_async_context(service)
        sys.stdout.write(json.dumps(announcement) + "\n")
        sys.stdout.flush()
        await _end_of_stdin()


async def _end_of_stdin() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    transport.close()


def main() -> None:
    """Read the arguments, and serve."""
    folder, seed, keep = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(folder), int(seed), msgspec.convert(keep, Keep)))


if __name__ == "__main__":
    main()
