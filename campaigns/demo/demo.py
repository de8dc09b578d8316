"""`pushmill demo --campaigns`: the full circle on loopback, with real processes, checked to the last click.

    import -> campaign service -> Kafka -> workers -> push services over TLS -> browsers
                   |   ^                      |                                    |
              statistics `------- Kafka <-----'------------ POST /v1/events <------'

A second campaign goes the same way, by another platform's API (`sendpulse.py`). `guests.py` decides who
subscribes and what becomes of each, `checks.py` what must hold at the end.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from rich.console import Console, Group
from rich.table import Table

from campaigns.api.outside import read_zones
from campaigns.demo.checks import SUBSCRIBER_STATUSES, Evidence, Task, checks, token_of
from campaigns.demo.customer import POLL_SECONDS, AnswerError, Customer, until_settled
from campaigns.demo.guests import Fate, Guest, guests
from campaigns.demo.sendpulse import send_task, sendpulse_program
from campaigns.demo.surroundings import (
    LOOPBACK,
    Administration,
    ServiceProcess,
    administration,
    make_secret,
    scratch_postgres,
    service_environment,
)
from campaigns.embedded_postgres import EmbeddedPostgresError
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind, read
from campaigns.model.import_lines import read_json_line
from campaigns.model.scope import Permission
from campaigns.model.subscriber import SubscriberStatus
from campaigns.operations.importing import BATCH, import_lines
from campaigns.operations.subscribers import count_by_status
from campaigns.store.database import DatabaseAwayError
from campaigns.store.subscriber_import import ImportLine
from crypto.vapid import VapidKey, generate_vapid_key
from worker.demo.broker import free_port
from worker.demo.demo import until_interrupted
from worker.demo.drafts import SubscriptionKind
from worker.demo.evidence import Push
from worker.demo.kafka import Kafka, group_is_whole, ready_kafka
from worker.demo.processes import DemoProcess, while_alive
from worker.demo.push_services import PushServices
from worker.demo.report import check_table
from worker.demo.stage import STOP_SECONDS, Options, kept_folder, worker_process
from worker.records.values import encode_json

SHOP = "https://shop.example"
KEY = "shop"
LINE_SECONDS = 2.0
SETTLED_SECONDS = 60.0
"""How long anything may take that follows from what is done: to be counted, or for the second campaign."""

CONTENT = {
    "title": "Hello {{name}}",
    "body": "Everything is half price until Sunday.",
    "url": f"{SHOP}/sale",
    "actions": [{"action": "buy", "title": "Buy", "url": f"{SHOP}/buy"}],
}


def run(options: Options) -> int:
    """Run the demo, and return the exit status."""
    more = (EmbeddedPostgresError, AnswerError, DatabaseAwayError)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(until_interrupted(demonstrate(options, Console()), *more))


class Stage(NamedTuple):
    """Everything that runs during the demo."""

    options: Options
    console: Console
    key: VapidKey
    kafka: Kafka
    services: PushServices
    service: ServiceProcess
    workers: Sequence[DemoProcess]
    administration: Administration
    customer: Customer
    url: str

    @property
    def processes(self) -> Sequence[DemoProcess]:
        """All processes that must not exit by themselves."""
        return (self.services.process, self.service, *self.workers)

    def say(self, line: str) -> None:
        """Print a line for the user."""
        self.console.print(line, highlight=False, soft_wrap=True)


async def demonstrate(options: Options, console: Console) -> bool:
    """Start everything, send the campaign and check the result; return whether everything was right.

    Raises:
        EmbeddedPostgresError: PostgreSQL is not installed, or does not start.
        BrokerError: The embedded broker cannot be used.
        ProcessDiedError: A process exited unexpectedly.
        StuckError: The campaign service is not ready in time.
        AnswerError: The campaign service refuses something.
        TimeoutError: Something hangs.
    """
    async with asyncio.timeout(options.limit + 3 * SETTLED_SECONDS), AsyncExitStack() as stack:
        stage = await _ready_stage(options, console, stack)
        evidence = await while_alive(stage.processes, _play(stage))
        return _close(stage, evidence._replace(exits=await _stop(stage)))


async def _ready_stage(options: Options, console: Console, stack: AsyncExitStack) -> Stage:
    folder = stack.enter_context(kept_folder(console, keep=options.keep))
    key = _write_key(folder / "keys")
    postgres = await stack.enter_async_context(scratch_postgres())
    kafka = await stack.enter_async_context(ready_kafka(os.environ))
    services = await stack.enter_async_context(PushServices(folder, options.seed, keep="all"))
    port = str(free_port())
    environment = {
        **service_environment(postgres.url, make_secret(), PORT=port),
        **kafka.environment,
        "PUSHMILL_ENDPOINT_HOSTS": services.hosts,
        "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS": "true",
    }
    acting = await stack.enter_async_context(administration(environment))
    service = await stack.enter_async_context(ServiceProcess(environment, folder / "campaign-service.log"))
    workers = [worker_process(number, folder, kafka, services) for number in range(1, options.workers + 1)]
    for worker in workers:
        await stack.enter_async_context(worker)
    token = await acting.issue_key("demo", Permission.ADMIN)
    url = f"http://{LOOPBACK}:{port}"
    customer = await stack.enter_async_context(Customer(url, token))
    console.print(f"{kafka.name}; PostgreSQL in a folder of its own", highlight=False, soft_wrap=True)
    return Stage(options, console, key, kafka, services, service, workers, acting, customer, url)


def _write_key(folder: Path) -> VapidKey:
    folder.mkdir()
    key = generate_vapid_key()
    (folder / f"{KEY}.pem").write_bytes(key.to_pem())
    return key


async def _stop(stage: Stage) -> dict[str, int]:
    """Stop service and workers; return their exit statuses."""
    stopped = (stage.service, *stage.workers)
    statuses = await asyncio.gather(*(process.stop(STOP_SECONDS) for process in stopped))
    return {process.name: status for process, status in zip(stopped, statuses, strict=True)}


# ── what happens ────────────────────────────────────────────────────────────────────────────────────────────


async def _play(stage: Stage) -> Evidence:
    await asyncio.gather(stage.service.until_ready(), group_is_whole(stage.kafka, len(stage.workers)))
    stage.say(f"ready: the campaign service, {len(stage.workers)} workers, simulated push services")
    pem = stage.key.to_pem().decode()
    site = await stage.customer.post("/v1/sites", {"url": SHOP, "vapid_key": KEY, "private_key": pem})
    known = await _import(stage, site["id"])
    asked = {"name": "Sale", "content": CONTENT, "target": {"all": True}, "stretch_time": 0}
    campaign = await stage.customer.post(f"/v1/sites/{site['id']}/campaigns", asked)
    path = f"/v1/campaigns/{campaign['id']}"
    await stage.customer.post(f"{path}/launch")
    await _until_done(stage, path)
    pushes = await stage.services.pushes()
    reported = await _report(stage, known, pushes)
    statistics = await _until_counted(stage, path, reported)
    subscribers = await _until_expired(stage, site["id"], known)
    return Evidence(
        guests=known,
        pushes=pushes,
        statistics=statistics,
        status=(await stage.customer.get(path))["status"],
        reported=reported,
        subscribers=subscribers,
        task=await _send_by_sendpulse(stage, pushes),
        exits={},
    )


async def _import(stage: Stage, site: str) -> Mapping[str, Guest]:
    """Subscribe everybody at the push services, and import them; return them by endpoint."""
    everybody = list(guests(stage.options.notifications, stage.options.seed))
    counts = Counter(guest.push_service for guest in everybody)
    made = {
        service: iter(
            await stage.services.subscribe(
                SubscriptionKind(service, KEY, gone=False), count, stage.key.public_text
            )
        )
        for service, count in counts.items()
    }
    known, lines = {}, []
    for guest in everybody:
        subscription = next(made[guest.push_service])
        known[subscription["endpoint"]] = guest
        lines.append(_line(guest, subscription))
    await stage.services.script(
        (guest.push_service, endpoint, guest.fate.value)
        for endpoint, guest in known.items()
        if guest.fate is not Fate.TAKEN
    )
    began = asyncio.get_running_loop().time()
    added = 0
    for first in range(0, len(lines), BATCH):
        added += await _import_batch(stage, site, lines[first : first + BATCH], first)
    seconds = asyncio.get_running_loop().time() - began
    stage.say(f"imported: {added:,} subscribers in {seconds:.1f} s")
    return known


def _line(guest: Guest, subscription: Mapping[str, Any]) -> bytes:
    """Write a guest as a line of an import."""
    line = {"subscription": subscription, "tags": guest.tags, "language": guest.language}
    return encode_json({**line, "attributes": {"name": guest.name}})


async def _import_batch(stage: Stage, site: str, lines: Sequence[bytes], first: int) -> int:
    scope, service = stage.administration.scope, stage.administration.service
    zones = read_zones()
    entries = [
        ImportLine(number, *read_json_line(line, service.endpoints, zones))
        for number, line in enumerate(lines, start=first + 1)
    ]
    number = read(Kind.SITE, site) or 0
    done = await import_lines(scope, service, number, entries, vapid_key=KEY, now=datetime.now(UTC))
    return done.added


async def _until_done(stage: Stage, path: str) -> None:
    """Show the progress until every recipient has an outcome, or the time is over."""
    loop = asyncio.get_running_loop()
    deadline, told_at = loop.time() + stage.options.limit, loop.time()
    while loop.time() < deadline:
        counted = await stage.customer.get(f"{path}/statistics")
        outcomes = sum(counted["by_status"].values())
        status = (await stage.customer.get(path))["status"]
        if loop.time() - told_at >= LINE_SECONDS or status == "done":
            told_at = loop.time()
            stage.say(f"  {status}: {counted['written']:,} written, {outcomes:,} counted")
        if status == "done":
            return
        await asyncio.sleep(POLL_SECONDS)


async def _report(stage: Stage, known: Mapping[str, Guest], pushes: Sequence[Any]) -> Counter[str]:
    """Let browsers show what they got, and report it; return how often, by the names of statistics."""
    events: list[dict[str, Any]] = []
    reported: Counter[str] = Counter()
    for push in pushes:
        guest = known.get(push.endpoint)
        if guest is None or not push.taken or push.text is None or not guest.sees:
            continue
        token = token_of(push.text)
        events.append({"t": token, "kind": "shown", "button": None, "at": datetime.now(UTC)})
        reported["shown"] += 1
        if guest.reaction.value is not None:
            kind, button = guest.reaction.value
            events.append({"t": token, "kind": kind, "button": button, "at": datetime.now(UTC)})
            reported[_counted_as(kind, button)] += 1
    await stage.customer.report(events)
    stage.say(f"reported by browsers: {sum(reported.values()):,} events")
    return reported


def _counted_as(kind: str, button: int | None) -> str:
    """Return the name in statistics of what a browser reports."""
    if kind == "clicked":
        return "clicks" if button is None else f"button_{button}"
    return kind


async def _until_counted(stage: Stage, path: str, reported: Counter[str]) -> Mapping[str, Any]:
    """Wait until everything reported is counted, or the time is over; return the statistics."""
    counted: Mapping[str, Any] = await until_settled(
        lambda: stage.customer.get(f"{path}/statistics"),
        lambda found: all(found[name]["total"] >= number for name, number in reported.items()),
        SETTLED_SECONDS,
    )
    return counted


async def _until_expired(stage: Stage, site: str, known: Mapping[str, Guest]) -> Mapping[str, int]:
    """Wait until those who are gone are known to be, or the time is over; count the site's by status."""
    acting, number = stage.administration, read(Kind.SITE, site) or 0
    gone = sum(guest.fate in SUBSCRIBER_STATUSES for guest in known.values())
    counted = await until_settled(
        lambda: count_by_status(acting.scope, acting.service, number),
        lambda found: found[SubscriberStatus.EXPIRED] >= gone,
        SETTLED_SECONDS,
    )
    return {str(each): count for each, count in counted.items()}


async def _send_by_sendpulse(stage: Stage, before: Sequence[Push]) -> Task:
    """Send the second campaign; for the push services, it is what came after the pushes `before`."""
    issued = await stage.administration.issue_key(
        "demo", Permission.READ, Permission.SEND, kind=CredentialKind.SENDPULSE
    )
    async with sendpulse_program(stage.url, issued) as program:
        told = await send_task(program, SETTLED_SECONDS)
    stage.say(f"by SendPulse's API: {int(told['send']):,} sent, {told['delivered']:,} delivered")
    return Task(told, [*(Counter(await stage.services.pushes()) - Counter(before)).elements()])


# ── what is shown at the end ────────────────────────────────────────────────────────────────────────────────


def _close(stage: Stage, evidence: Evidence) -> bool:
    verdicts = checks(evidence)
    stage.console.print(Group(_statistics_table(evidence), check_table(verdicts)))
    if all(check.passed for check in verdicts):
        stage.say(f"\nAll {len(evidence.guests):,} recipients are accounted for, and so is every click.")
        return True
    for process in (stage.service, *stage.workers):
        stage.console.out(f"\nThe log of {process.name} ends with:\n{process.tail()}", highlight=False)
    return False


def _statistics_table(evidence: Evidence) -> Table:
    counted = evidence.statistics
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_row()
    for name in ("targeted", "written", "accepted", "refused"):
        table.add_row(name, f"{counted[name]:,}")
    for name in ("shown", "clicks", "button_0", "dismissed"):
        table.add_row(name, f"{counted[name]['first']:,}")
    told = evidence.task.told
    table.add_row("SendPulse: send", f"{int(told['send']):,}")
    table.add_row("SendPulse: delivered", f"{told['delivered']:,}")
    return table
