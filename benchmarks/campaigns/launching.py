"""Launches written by a real launcher to Apache Kafka: processor time a recipient, memory, the first chunk.

A launch is written as fast as the launcher can, by a process of its own that has written a small one before.
A worker's processor time a push is measured in the same turns: a launcher may cost a tenth of it.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks import worker_run
from benchmarks.campaigns.audiences import ATTRIBUTE, TAGS
from benchmarks.campaigns.cost import Cost, Meter
from benchmarks.campaigns.findings import Bound, Finding
from benchmarks.campaigns.surroundings import FEW, Customer, Surroundings
from campaigns.model.condition import parse_condition
from campaigns.store.condition_sql import Parameters, condition_sql
from tests.harness.worker_process import memory_kib
from worker.edges.agreement.library import CryptoMb, LibraryError

WORKER_PUSHES = 10_000
_, MULTIBUFFER = AGREEMENTS = ("openssl", "multibuffer")
"""How a worker agrees on keys: one at a time, and eight at a time where the processor can."""

SMALL_PART = 10
"""A launch is compared with one of so many times fewer recipients."""

CONDITION = {
    "and": [
        *({"field": "tag", "op": "eq", "value": tag} for tag in TAGS),
        {"field": f"attribute.{ATTRIBUTE[0]}", "op": "eq", "value": ATTRIBUTE[1]},
    ]
}
"""Two tags and an attribute; everybody has them."""

STARTED = "SELECT written > 0 FROM launch WHERE campaign = $1"
ENDED = "SELECT state <> 'writing' FROM launch WHERE campaign = $1"


@dataclass(frozen=True)
class Run:
    """What a launch cost.

    Attributes:
        cost: Processor time a recipient.
        peak: The launcher's peak resident memory, MiB.
    """

    cost: Cost
    peak: float


async def launching(around: Surroundings) -> list[Finding]:
    """Measure what a recipient costs, and compare it with a push of a worker in the same turn."""
    size = around.options.recipients
    agreements = [each for each in AGREEMENTS if not _is_missing(around, each)]
    costs: list[Cost] = []
    pushes: dict[str, list[float]] = {each: [] for each in agreements}
    for _ in range(around.options.turns):
        costs.append((await _write(around, size)).cost)
        for each in agreements:
            result = await worker_run.run(worker_run.Case(count=WORKER_PUSHES, agreement=each))
            pushes[each].append(result.cpu)
    ours = [each.ours for each in costs]
    found = [Finding("launcher", "us CPU a recipient", ours, postgresql=[each.postgresql for each in costs])]
    return found + _beside_workers(ours, pushes)


def _is_missing(around: Surroundings, agreement: str) -> bool:
    if agreement == MULTIBUFFER:
        try:
            CryptoMb()
        except LibraryError as error:
            around.skipped[f"launching beside a worker, {agreement}"] = str(error)
            return True
    return False


def _beside_workers(ours: Sequence[float], pushes: Mapping[str, Sequence[float]]) -> list[Finding]:
    found = []
    for agreement, theirs in pushes.items():
        parts = [launcher / push for launcher, push in zip(ours, theirs, strict=True)]
        found += [
            Finding(f"worker, {agreement}", "us CPU a push", theirs),
            Finding(f"launcher / worker, {agreement}", "times", parts, Bound(0.1)),
        ]
    return found


async def memory(around: Surroundings) -> list[Finding]:
    """Measure a launcher's peak memory over a big launch, and over one of a tenth."""
    big = around.options.recipients
    small = max(big // SMALL_PART, 1)
    peaks: dict[int, list[float]] = {small: [], big: []}
    for _ in range(around.options.turns):
        for size, found in peaks.items():
            found.append((await _write(around, size)).peak)
    growth = [large / little for large, little in zip(peaks[big], peaks[small], strict=True)]
    told = [Finding(f"launch of {size:,}", "MiB at the peak", found) for size, found in peaks.items()]
    return [*told, Finding(f"{big:,} / {small:,}", "times", growth, Bound(1.1))]


async def _write(around: Surroundings, size: int) -> Run:
    """Let a new launcher write one launch."""
    site, few = await around.site(size), await around.site(FEW)
    async with around.service("launcher") as launcher:
        await around.until_written(await around.launch(few))  # loads what is loaded at first use
        meter = Meter(around.server.pid, size, lambda: worker_run.cpu_seconds(launcher.pid))
        await around.until_written(await around.launch(site))
        return Run(meter.stop(), memory_kib(launcher.pid, "VmHWM") / 1024)


# ── the first chunk ─────────────────────────────────────────────────────────────────────────────────────────


async def first_chunk(around: Surroundings) -> list[Finding]:
    """Measure from the request that launches a campaign until its first chunk is in Kafka."""
    site = await around.site(around.options.recipients)
    alone, first = [], []
    async with (
        around.service("api", "launcher") as service,
        around.customer(service, site) as customer,
    ):
        for _ in range(1 + around.options.turns):
            alone.append(await _ask_alone(around, site))
            first.append(await _until_first_chunk(around, customer, site))
    alone, first = alone[1:], first[1:]  # the first one warms caches
    parts = [took / max(1.0, 3 * query) for took, query in zip(first, alone, strict=True)]
    return [
        Finding("the audience's query alone", "s", alone),
        Finding("the first chunk of a launch by two tags and an attribute", "s", first),
        Finding("the same, of a second or 3 times the query", "times", parts, Bound(1.0)),
    ]


async def _ask_alone(around: Surroundings, site: int) -> float:
    parameters = Parameters((site,))
    condition = condition_sql(parse_condition(CONDITION), parameters)
    statement = (
        f"SELECT count(*) FROM subscriber AS s WHERE s.site = $1 AND s.status = 'active' AND {condition}"
    )
    began = time.perf_counter()
    await around.ask(statement, *parameters.values)
    return time.perf_counter() - began


async def _until_first_chunk(around: Surroundings, customer: Customer, site: int) -> float:
    body = {
        "name": "Sale",
        "content": {"title": "Hello", "url": "https://shop.example/"},
        "target": {"condition": CONDITION},
        "stretch_time": 0,
    }
    campaign = (await customer.post(f"/v1/sites/site_{site}/campaigns", body))["id"]
    number = int(campaign.removeprefix("camp_"))
    began = time.perf_counter()
    await customer.post(f"/v1/campaigns/{campaign}/launch")
    await around.until(STARTED, number, pause=0.005)
    took = time.perf_counter() - began
    await customer.post(f"/v1/campaigns/{campaign}/cancel")
    await around.until(ENDED, number)
    return took
