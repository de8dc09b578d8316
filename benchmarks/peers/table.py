"""The peers of `make bench`: other senders, and a plain worker; which of them this machine can run."""

import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from benchmarks import contestant
from benchmarks.contestant import Contestant, Unavailable
from benchmarks.peers import plain_worker
from benchmarks.peers.programs import PROGRAMS, Program
from benchmarks.senders import Task
from benchmarks.worker_run import Case
from tests.harness.simulator import PushServiceClient, push_services

HTTPS_PORT = 443


@dataclass(frozen=True)
class Peer:
    """A contestant that may have to be built first.

    Attributes:
        run: The contestant.
        prepare: Builds what is not built yet; raises `Unavailable` if this machine cannot run it.
    """

    run: Contestant
    prepare: Callable[[], None] = lambda: None


def plain(name: str, tokens: str) -> Peer:
    return Peer(contestant.worker(name, Case(count=0), name, plain_worker.starter(tokens)))


def program(name: str, built: Program) -> Peer:
    async def run(service: PushServiceClient, count: int) -> dict[str, float]:
        async with contestant.subscribed(service, count) as subscriptions:
            return {name: await built.run(Task(service.ca, subscriptions))}

    return Peer(run, built.prepare)


def python_sender(name: str) -> Contestant:
    return contestant.sender("benchmarks.peers.python", name)


async def webpush_rs(_service: PushServiceClient, count: int) -> dict[str, float]:
    """Send to a push service on port 443: it signs its tokens for the endpoint's host without the port."""
    with tempfile.TemporaryDirectory() as folder:
        async with push_services(Path(folder), port=HTTPS_PORT) as [service]:
            return await python_sender("webpush-rs")(service, count)


def webpush_rs_is_ready() -> None:
    """Raise `Unavailable` unless it is installed, and a push service can listen on the port of HTTPS."""
    try:
        distribution("webpush-rs")
    except PackageNotFoundError:
        raise Unavailable("webpush-rs is not installed: pip install '.[bench]'") from None
    try:
        with socket.create_server(("127.0.0.1", HTTPS_PORT)):
            pass
    except OSError as error:
        reason = f"port {HTTPS_PORT} cannot be bound ({error.strerror})"
        raise Unavailable(f"{reason}, and it signs tokens for no other") from None


PEERS: dict[str, Peer] = {
    "plain worker": plain("plain worker", "signed"),
    "plain worker, one token kept": plain("plain worker, one token kept", "kept"),
    "pywebpush async": Peer(python_sender("pywebpush async")),
    "pywebpush sync": Peer(python_sender("pywebpush sync")),
    "webpush-rs": Peer(webpush_rs, webpush_rs_is_ready),
    **{name: program(name, built) for name, built in PROGRAMS.items()},
}
