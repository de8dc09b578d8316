"""A push service that decrypts what a peer sends to it, and what must have arrived there."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.senders import Task
from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService

PUSHES = 300
IN_FLIGHT = 16


@asynccontextmanager
async def decrypting_service(folder: Path, port: int = 0) -> AsyncIterator[tuple[SimulatedPushService, Task]]:
    """Yield a push service that decrypts every push, and the task to send one to each subscription."""
    certificates = Certificates()
    certificates.write(folder)
    async with SimulatedPushService("fcm", port=port, ssl_context=certificates.server_context()) as service:
        subscriptions = [each.to_json() for each in service.subscribe(PUSHES)]
        yield service, Task(folder / "ca.pem", subscriptions, in_flight=IN_FLIGHT)


def assert_each_got_its_text_once(service: SimulatedPushService, task: Task) -> None:
    pushes = list(service.all_pushes())
    assert Counter((push.status, push.plaintext) for push in pushes) == {(201, task.text): PUSHES}
    assert {push.ttl for push in pushes} <= {60, 2_419_200}  # webpush-rs cannot be told another than its own
    assert len({push.token for push in pushes}) == PUSHES
    assert service.stats.connections <= 3 * IN_FLIGHT  # hyper opens some that it does not need
