"""`pushmill simulate`: serves push services to test any Web Push sender against."""

import asyncio
import contextlib
import errno
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from worker.simulator.certificates import Certificates
from worker.simulator.faults import Faults, parse_share
from worker.simulator.journal import Keep
from worker.simulator.profiles import PROFILES
from worker.simulator.service import SimulatedPushService

HELP = {
    "profiles": "Push service to imitate: fcm, mozilla, wns or apple. Repeat it for several.",
    "host": "Address to listen on.",
    "advertise": "Host name in subscriptions and certificates, if it differs from --host.",
    "port": "Port of the first service; the others get the ports after it. 0 picks free ports.",
    "folder": "Folder to write ca.pem and subscriptions.jsonl to.",
    "subscriptions": "Subscriptions to make at the start, of each service in turn.",
    "vapid_public_key": "Bind subscriptions to this VAPID public key (base64url), as browsers do.",
    "latency": "Seconds before each answer.",
    "jitter": "Random extra seconds before each answer, at most.",
    "fault": "FAULT=SHARE[:sticky][:retry_after=S], such as 429=0.02 or gone=0.01:sticky; repeatable.",
    "seed": "Seed of tokens and faults: the same seed gives the same ones.",
    "keep": "What to keep of each push: all, digest or none.",
    "decrypt_every": "Decrypt and check every N-th push; 0 decrypts none.",
}
"""Help text for each field of ``SimulateOptions``, for the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """Options of ``pushmill simulate``; ``HELP`` describes them.

    Raises:
        ValueError: A profile or fault is unknown, or shares exceed 1.
    """

    profiles: Sequence[str] = ("fcm",)
    host: str = "localhost"
    advertise: str = ""
    port: int = 0
    folder: Path = Path("simulate")
    subscriptions: int = 100
    vapid_public_key: str = ""
    latency: float = 0.0
    jitter: float = 0.0
    fault: Sequence[str] = ()
    seed: int = 0
    keep: Keep = "digest"
    decrypt_every: int = 1
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        """Check profiles and faults."""
        unknown = set(self.profiles) - PROFILES.keys()
        if unknown or not self.profiles:
            known, wrong = ", ".join(PROFILES), ", ".join(sorted(unknown)) or "none"
            raise ValueError(f"profiles must be one or more of {known}, not {wrong}")
        shares = tuple(parse_share(text) for text in self.fault)
        object.__setattr__(self, "faults", Faults(self.seed, self.latency, self.jitter, shares))


class PortError(OSError):
    """A port or an address that cannot be listened on; the message names it."""


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is the command's output; flushed for pipes


async def simulate(options: SimulateOptions, say: Callable[[str], None] = _print) -> None:
    """Serve until cancelled; ``say`` receives each line of output.

    Raises:
        ModuleNotFoundError: The extra ``demo`` is not installed.
        PortError: A port is taken, or the host is not an address of this machine.
        OSError: The folder cannot be written.
    """
    certificates = Certificates(*{options.advertise or options.host, "localhost", "127.0.0.1", "::1"})
    ca_file = await asyncio.to_thread(certificates.write, options.folder)
    async with contextlib.AsyncExitStack() as stack:
        services = [
            await stack.enter_async_context(_listening(options, certificates, number))
            for number in range(len(options.profiles))
        ]
        lines = subscription_lines(services, options)
        target = options.folder / "subscriptions.jsonl"
        await asyncio.to_thread(target.write_text, "".join(f"{line}\n" for line in lines), "utf-8")
        for line in introduction(services, ca_file, target, options):
            say(line)
        try:
            await _report(services, say)
        finally:
            say(summary(services))


def subscription_lines(services: Sequence[SimulatedPushService], options: SimulateOptions) -> list[str]:
    """Make subscriptions at the services in turn; return them as lines of JSON, as browsers give them."""
    turns = (services[number % len(services)] for number in range(options.subscriptions))
    made = (service.subscribe(vapid_public_key=options.vapid_public_key)[0] for service in turns)
    return [json.dumps(subscription.to_json()) for subscription in made]


def introduction(
    services: Sequence[SimulatedPushService], ca_file: Path, target: Path, options: SimulateOptions
) -> list[str]:
    """Return the lines that tell a user how to send here."""
    hosts = ",".join(service.origin.removeprefix("https://") for service in services)
    return [
        *(f"{service.profile:8} listens on {service.origin}" for service in services),
        f"{options.subscriptions} subscriptions are in {target}; POST /subscribe makes more",
        "Point a worker here with:",
        f"  export PUSHMILL_ENDPOINT_HOSTS={hosts}",
        f"  export PUSHMILL_CA_FILE={ca_file.resolve()}",
        "  export PUSHMILL_ALLOW_PRIVATE_ENDPOINTS=true",
        "GET /stats, GET /pushes, POST /faults and POST /script inspect and control it. Ctrl-C stops it.",
    ]


def summary(services: Sequence[SimulatedPushService]) -> str:
    """Format the counters, a line for each service."""
    lines = []
    for service in services:
        stats = service.stats
        answers = ", ".join(f"{status or 'none'}: {n}" for status, n in sorted(stats.statuses.items()))
        causes = ", ".join(f"{cause}: {n}" for cause, n in stats.causes.most_common())
        lines.append(
            f"{service.profile:8} {stats.taken} taken, {stats.decrypted} decrypted, "
            f"{stats.undecryptable} undecryptable; answers {answers or '-'}; causes {causes or '-'}"
        )
    return "\n".join(lines)


async def _report(services: Sequence[SimulatedPushService], say: Callable[[str], None]) -> None:
    before, then = 0, time.monotonic()
    while True:
        await asyncio.sleep(1)
        pushes, now = sum(service.stats.statuses.total() for service in services), time.monotonic()
        if pushes != before:
            say(_live_line(services, pushes, (pushes - before) / (now - then)))
        before, then = pushes, now


def _live_line(services: Sequence[SimulatedPushService], pushes: int, rate: float) -> str:
    taken = sum(service.stats.taken for service in services)
    wrong = sum(service.stats.undecryptable for service in services)
    open_now = sum(service.stats.open_connections for service in services)
    return (
        f"{pushes:,} {'push' if pushes == 1 else 'pushes'}, {rate:,.0f} a second; "
        f"{taken:,} taken, {pushes - taken:,} not taken, "
        f"{wrong:,} undecryptable; {open_now} connection{'s' * (open_now != 1)}"
    )


def _listening(options: SimulateOptions, certificates: Certificates, number: int) -> SimulatedPushService:
    """Make a service, which binds its port; an error names the port, as the system's own does not."""
    try:
        return _service(options, certificates, number)
    except OSError as error:
        where = f"port {_port(options, number)} of {options.host}" if options.port else options.host
        problem = (
            "is already in use" if error.errno == errno.EADDRINUSE else f"cannot be listened on: {error}"
        )
        raise PortError(f"{where} {problem}") from error


def _port(options: SimulateOptions, number: int) -> int:
    return options.port + number if options.port else 0


def _service(options: SimulateOptions, certificates: Certificates, number: int) -> SimulatedPushService:
    return SimulatedPushService(
        options.profiles[number],
        host=options.host,
        port=_port(options, number),
        ssl_context=certificates.server_context(),
        faults=options.faults,
        keep=options.keep,
        decrypt_every=options.decrypt_every,
        seed=options.seed,
        advertise=options.advertise,
    )
