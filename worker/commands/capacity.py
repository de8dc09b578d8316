"""`pushmill capacity`: sizes a deployment for a rate of pushes, before any of it exists."""

from enum import StrEnum
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from worker.commands import MISUSED, end
from worker.commands.sizing import (
    CPU_MICROSECONDS,
    IN_FLIGHT,
    IN_FLIGHT_MAX,
    KEPT_SECONDS,
    MULTIBUFFER_CPU_MICROSECONDS,
    OUTCOME_BYTES,
    OWN_TEXT_MICROSECONDS,
    RECIPIENT_BYTES,
    REPLICAS,
    CapacityError,
    Demand,
    Sizing,
    size,
    usable_slots,
    with_more_in_flight,
)

RATES = (1_000, 10_000, 100_000, 1_000_000)
LATENCIES = (0.05, 0.2, 1.0)
"""Pushes a second, and seconds until the answer: the rows of the sizing page's table."""

DAY = 86_400
CAMPAIGN = 100_000_000
"""Recipients in a day: the campaign of the sizing page's table of tiers."""


class KeyAgreement(StrEnum):
    """What `PUSHMILL_AGREEMENT` comes to on the processors of a deployment."""

    OPENSSL = "openssl"
    MULTIBUFFER = "multibuffer"

    @property
    def cpu(self) -> float:
        """Microseconds of CPU time for one push from a record of 100."""
        return CPU_MICROSECONDS if self is KeyAgreement.OPENSSL else MULTIBUFFER_CPU_MICROSECONDS


class _Amount(NamedTuple):
    unit: str
    size: float


_AMOUNTS = (_Amount("TB", 1e12), _Amount("GB", 1e9), _Amount("MB", 1e6), _Amount("kB", 1e3))


def capacity(
    *,
    rate: Annotated[float | None, typer.Option(help="Pushes a second that are needed.")] = None,
    latency: Annotated[float, typer.Option(help="Seconds that push services take to answer.")] = 0.1,
    agreement: Annotated[
        KeyAgreement, typer.Option(help="What computes key agreements; see PUSHMILL_AGREEMENT.")
    ] = KeyAgreement.OPENSSL,
    cpu: Annotated[
        float | None, typer.Option(help="Microseconds of CPU time per push; else as measured.")
    ] = None,
    cores_per_pod: Annotated[int, typer.Option(help="Cores of a pod, and so its PUSHMILL_PROCESSES.")] = 1,
    in_flight: Annotated[int, typer.Option(help="PUSHMILL_MAX_IN_FLIGHT of each process.")] = IN_FLIGHT,
    recipients_per_record: Annotated[int, typer.Option(help="Recipients in each record of push.jobs.")] = 100,
    payload: Annotated[int, typer.Option(help="Bytes of the notification in each record.")] = 300,
    stretch: Annotated[float, typer.Option(help="Seconds over which a campaign is spread.")] = 0,
    hashed: Annotated[bool, typer.Option("--hashed", help="Jobs are stretched without `slice`.")] = False,
    headroom: Annotated[
        float, typer.Option(help="Share of the rate to add, for retries and for a pod that is down.")
    ] = 0.33,
    tables: Annotated[
        bool, typer.Option("--tables", help="Print the tables of the sizing page instead.")
    ] = False,
) -> None:
    """Work out how many processes, pods and partitions a rate needs, and what decides it."""
    if tables:
        tables_of_rates = "\n".join(rates_table(each) for each in KeyAgreement)
        typer.echo(f"{tables_of_rates}\n{tiers_table()}", nl=False)
        return
    if rate is None:
        end("--rate is missing: how many pushes a second are needed, such as --rate 20000", MISUSED)
    try:
        demand = Demand(
            rate=rate,
            latency=latency,
            cpu=agreement.cpu if cpu is None else cpu,
            cores_per_pod=cores_per_pod,
            in_flight=in_flight,
            recipients_per_record=recipients_per_record,
            payload=payload,
            stretch=stretch,
            hashed=hashed,
            headroom=headroom,
        )
    except CapacityError as error:
        field, _, problem = str(error).partition(":")
        end(f"--{field.replace('_', '-')}:{problem}", MISUSED)
    sizing = size(demand)
    typer.echo(_title(sizing))
    for table_of in (_bounds, _answer):
        Console().print(table_of(sizing), highlight=False)
        typer.echo("")
    assumed = _assumptions(sizing, agreement if cpu is None else None)
    typer.echo("assumed:\n" + "\n".join(f"- {line}" for line in assumed))


# ── for a terminal ──────────────────────────────────────────────────────────────────────────────────────


def _title(sizing: Sizing) -> str:
    demand = sizing.demand
    pushes = "push" if demand.rate == 1 else "pushes"
    return (
        f"{demand.rate:,.0f} {pushes} a second, answered after {demand.latency:g} s: "
        f"{_number(sizing.processes, 'process', 'processes')}, decided by {sizing.decides}\n"
    )


def _bounds(sizing: Sizing) -> Table:
    table = _columns("bound", "at the peak", "asks for", "")
    needs = (f"{sizing.cores:,.1f} cores", f"{sizing.requests:,.0f} requests")
    for (bound, processes), need in zip(sizing.processes_for.items(), needs, strict=True):
        mark = "decides" if bound is sizing.decides else ""
        table.add_row(bound, need, _number(processes, "process", "processes"), mark)
    busiest = f"{_bytes(sizing.traffic.busiest_topic)}/s from a topic"
    for bound, partitions in sizing.partitions_for.items():
        mark = "decides" if bound is sizing.decides_partitions else ""
        need = busiest if bound == "bytes read" else _number(sizing.processes, "reader")
        table.add_row(bound, need, _number(partitions, "partition"), mark)
    return table


def _answer(sizing: Sizing) -> Table:
    table, demand, traffic = _columns("it takes", ""), sizing.demand, sizing.traffic
    table.add_row("pods", f"{sizing.pods:,}, PUSHMILL_PROCESSES={demand.cores_per_pod}")
    better = with_more_in_flight(demand)
    if better:
        table.add_row("", f"{better.pods:,} with PUSHMILL_MAX_IN_FLIGHT={better.demand.in_flight}")
    table.add_row("partitions", f"{sizing.partitions:,} or more, of each topic that is read")
    table.add_row("memory limit", f"{sizing.memory_mib:,} MiB a pod")
    table.add_row("jobs", f"{_bytes(traffic.jobs)}/s")
    if traffic.tiers:
        table.add_row("tiers", f"{_bytes(traffic.tiers)}/s, {traffic.tier_records:,.0f} records a second")
    table.add_row("outcomes", f"{_bytes(traffic.outcomes)}/s")
    days = KEPT_SECONDS // DAY
    table.add_row("on disks", f"{_bytes(traffic.kept)} after {days} days at this rate; {REPLICAS} replicas")
    return table


def _assumptions(sizing: Sizing, agreement: KeyAgreement | None) -> tuple[str, ...]:
    demand = sizing.demand
    extra = sizing.cpu - demand.cpu
    slots = f"{usable_slots(demand.in_flight):,} requests at once in each process"
    measured = f" with PUSHMILL_AGREEMENT={agreement}" if agreement else ""
    return (
        f"{sizing.cpu:,.0f} us of CPU a push{measured}, {extra:,.0f} of them for tiers and small records",
        f"records of a campaign share a notification: else {OWN_TEXT_MICROSECONDS:.0f} us more a record",
        "one core for each process",
        f"{slots}: a push service gets three quarters of the slots, and at most {IN_FLIGHT_MAX:,} are used",
        f"{demand.headroom:.0%} headroom, for retries and for a pod that is down",
        f"{RECIPIENT_BYTES} bytes a recipient in a job, {OUTCOME_BYTES} in an outcome, before compression",
        "figures of two processes on one machine, multiplied: nothing larger has been measured",
    )


def _columns(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="")
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _bytes(count: float) -> str:
    unit, size = next((each for each in _AMOUNTS if count >= each.size), ("B", 1.0))
    return f"{count / size:,.1f} {unit}"


# ── for the sizing page ─────────────────────────────────────────────────────────────────────────────────


def rates_table(agreement: KeyAgreement) -> str:
    """Return pods and partitions for some rates and latencies, in Markdown."""
    demands = (Demand(rate, latency, agreement.cpu) for rate in RATES for latency in LATENCIES)
    rows = [_rate_row(demand) for demand in demands]
    return _markdown(
        "pushes a second",
        "answered after",
        "cores busy",
        "in flight",
        "decides",
        "pods of one process",
        "partitions",
        "the same with more in flight",
        rows=rows,
    )


def _rate_row(demand: Demand) -> tuple[str, ...]:
    sizing, better = size(demand), with_more_in_flight(demand)
    return (
        f"{demand.rate:,}",
        f"{demand.latency * 1000:g} ms" if demand.latency < 1 else f"{demand.latency:g} s",
        f"{sizing.cores:,.1f}",
        f"{sizing.requests:,.0f}",
        sizing.decides,
        f"{sizing.pods:,}",
        f"{sizing.partitions:,}",
        f"{better.pods:,} with `PUSHMILL_MAX_IN_FLIGHT={better.demand.in_flight}`" if better else "",
    )


def tiers_table() -> str:
    """Return the cost of tiers to a large campaign, with and without `slice`, in Markdown."""
    rate = CAMPAIGN / DAY
    rows = [
        _tiers_row(size(Demand(rate, 0.1, stretch=DAY, hashed=hashed, headroom=0)))
        for hashed in (False, True)
    ]
    return _markdown(
        "jobs",
        "tier records for each recipient",
        "tier records a second",
        "written to tiers",
        "CPU a push, tiers included",
        rows=rows,
    )


def _tiers_row(sizing: Sizing) -> tuple[str, ...]:
    records = sizing.traffic.tier_records
    return (
        "without (spread by hash)" if sizing.demand.hashed else "with `slice`",
        f"{records / sizing.demand.rate:.2g}",
        f"{records:,.0f}",
        f"{_bytes(sizing.traffic.tiers)}/s",
        f"{sizing.cpu:,.0f} us",
    )


def _markdown(*names: str, rows: list[tuple[str, ...]]) -> str:
    head = f"| {' | '.join(names)} |\n{'|---' * len(names)}|\n"
    return head + "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |") for row in rows)
