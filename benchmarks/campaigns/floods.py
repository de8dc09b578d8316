"""Floods from one address, as fast as wrk makes them, and what they cost another client.

The flood is of subscribes, some with another site's token, or of reports, some forged. Another client reads
at a steady rate, alone and beside the flood, in the same turns. What is beyond a limit must be refused, and
counted.
"""

import asyncio
import itertools
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.campaigns.asking import Ask
from benchmarks.campaigns.audiences import number_of
from benchmarks.campaigns.findings import Bound, Finding
from benchmarks.campaigns.serving import steady
from benchmarks.campaigns.surroundings import FEW, Customer, Options, Surroundings
from campaigns.api.limits import OPEN
from campaigns.model.secrets import Purpose, parse_secrets
from campaigns.model.tokens import recipient_token, subscriber_token
from crypto.keys import generate_receiver_keys
from tests.harness.campaigns_process import SECRET, CampaignsProcess

WRK = ("-t1", "-c10")
"""One thread, 10 connections: what a page of wrk's own documentation begins with, on half of this machine."""

SCRIPT = Path(__file__).with_name("flood.lua")
BODIES = 1_000
EVERY = 10
"""One of so many requests shows a token that proves nothing: another site's, or a forged one."""

KEYS = generate_receiver_keys()
READS_A_SECOND = 20
ALONE_SECONDS = 3.0
REQUESTS = re.compile(r"(\d+) requests in ")
REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
LIMITED = "pushmill_campaigns_rate_limited_total"
ADDED = "SELECT count(*) FROM subscriber_endpoint WHERE site = $1"


@dataclass(frozen=True)
class Flood:
    """One kind.

    Attributes:
        name: What comes.
        path: Where to; `{site}` stands for the site.
        media_type: Of the bodies.
        limit: The name of the limit by address.
        body: Makes one, of a site and a number.
    """

    name: str
    path: str
    media_type: str
    limit: str
    body: Callable[[int, int, int], object]


def _subscribe(site: int, _launch: int, number: int) -> object:
    body: dict[str, object] = {
        "subscription": {
            "endpoint": f"https://fcm.googleapis.com/fcm/send/{os.urandom(60).hex()}",
            "keys": {"p256dh": KEYS.p256dh, "auth": KEYS.auth_text},
        }
    }
    if number % EVERY == 0:
        key = parse_secrets(SECRET).keys(Purpose.SUBSCRIBER_TOKEN).signing
        body["token"] = subscriber_token(key, site + 1, number_of(site, FEW, number % FEW))
    return body


def _report(site: int, launch: int, number: int) -> object:
    key = parse_secrets(SECRET).keys(Purpose.RECIPIENT_TOKEN).signing
    token = recipient_token(key, launch, number_of(site, FEW, number % FEW))
    if number % EVERY == 0:
        token = f"{token[:-16]}{'A' * 16}"
    return {"events": [{"t": token, "kind": "shown", "button": None, "at": datetime.now(UTC)}]}


FLOODS = (
    Flood("subscribes", "/v1/sites/site_{site}/subscribers", "application/json", "subscribe", _subscribe),
    Flood("reports", "/v1/events", "text/plain;charset=UTF-8", "events", _report),
)


async def floods(around: Surroundings) -> list[Finding]:
    """Measure another client's reads beside each flood: at most 2 times as slow as alone."""
    if shutil.which("wrk") is None:
        around.skipped["floods"] = "wrk is not on PATH; to install: apt-get install wrk"
        return []
    site = await around.site(FEW)
    launch = await around.launch(site, state="written")
    found: list[Finding] = []
    for flood in FLOODS:  # a service each: what one flood has used up of a limit is not the other's
        async with around.service("api") as service, around.customer(service, site) as customer:
            found += await _measure(around, Case(flood, service, customer, site, launch))
    return found


@dataclass(frozen=True)
class Case:
    """A flood, whom it floods, and who reads beside it."""

    flood: Flood
    service: CampaignsProcess
    customer: Customer
    site: int
    launch: int


async def _measure(around: Surroundings, case: Case) -> list[Finding]:
    bodies = around.folder / f"{case.flood.name}.txt"
    made = (case.flood.body(case.site, case.launch, number) for number in range(BODIES))
    bodies.write_bytes(b"\n".join(map(msgspec.json.encode, made)) + b"\n")
    before = await around.ask(ADDED, case.site)
    await _reads(case, ALONE_SECONDS)  # warms caches
    alone, beside, requests = [], [], []
    for _ in range(around.options.turns):
        alone.append(await _reads(case, ALONE_SECONDS))
        wrk = await _start(case, bodies, around.options.seconds)
        beside.append(await _reads(case, around.options.seconds - 1))
        requests.append(await _ended(wrk))
    added = await around.ask(ADDED, case.site) - before
    _check(case, requests, around.options, added)
    name = f"beside a flood of {case.flood.name}"
    slower = [one / other for one, other in zip(beside, alone, strict=True)]
    return [
        Finding("reads alone", "ms, median", alone),
        Finding(f"reads {name}", "ms, median", beside),
        Finding(f"the same, {name} / alone", "times", slower, Bound(2.0)),
        Finding(f"the flood of {case.flood.name}", "requests a turn", [each.made for each in requests]),
    ]


async def _reads(case: Case, seconds: float) -> float:
    """Read a subscriber again and again; return the median time in milliseconds.

    Raises:
        RuntimeError: A read was refused.
    """
    numbers = (number_of(case.site, FEW, turn % FEW) for turn in itertools.count())
    asks = (Ask("GET", f"/v1/subscribers/sub_{number}") for number in numbers)
    answered = await steady(case.customer.session, asks, READS_A_SECOND, seconds)
    if not all(each.is_ok for each in answered):
        raise RuntimeError("a read was refused beside the flood")
    return 1000 * median(each.seconds for each in answered)


@dataclass(frozen=True)
class Made:
    """How many requests wrk has made, and how many were answered with a refusal."""

    made: int
    refused: int


async def _start(case: Case, bodies: Path, seconds: float) -> asyncio.subprocess.Process:
    path = case.flood.path.format(site=case.site)
    return await asyncio.create_subprocess_exec(
        *("wrk", *WRK, f"-d{seconds:.0f}s", "-s", str(SCRIPT), case.service.api + path),
        env=os.environ | {"BODIES": str(bodies), "TYPE": case.flood.media_type},
        stdout=asyncio.subprocess.PIPE,
    )


async def _ended(wrk: asyncio.subprocess.Process) -> Made:
    output, _ = await wrk.communicate()
    text = output.decode()
    made, refused = REQUESTS.search(text), REFUSED.search(text)
    if wrk.returncode or made is None:
        raise RuntimeError(f"wrk failed: {text}")
    return Made(int(made[1]), int(refused[1]) if refused else 0)


def _check(case: Case, requests: Sequence[Made], options: Options, added: int) -> None:
    """Check that what was beyond the limit was refused and counted, and that nothing else came of it.

    Raises:
        RuntimeError: It was not.
    """
    made, refused = sum(each.made for each in requests), sum(each.refused for each in requests)
    counted = case.service.metric(LIMITED, adapter="own")
    minutes = 2 + int(len(requests) * (options.seconds + ALONE_SECONDS) // 60)
    most = OPEN[case.flood.limit].amount * minutes
    if made - refused > most or counted < refused or added > most:
        raise RuntimeError(
            f"a flood of {made} {case.flood.name}: {refused} refused, {counted:.0f} counted as limited, "
            f"{added} added"
        )
