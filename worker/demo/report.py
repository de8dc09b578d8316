"""The demo's account: what came back against what had to, and the closing tables. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.demo.contract import Status
from worker.demo.drafts import SERVICES
from worker.demo.evidence import DeadLetter, Evidence, ExpiredSubscription, Push, Received
from worker.demo.producer import Expected, RecipientKey

SHOWN_PROBLEMS = 5
"""Of each check; how many more there are is said."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold, and every instance in which it does not."""

    claim: str
    problems: Sequence[str]

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return not self.problems


# ── checks ──────────────────────────────────────────────────────────────────────────────────────────────────


def checks(evidence: Evidence) -> list[Check]:
    """Compare what came with what had to come, recipient by recipient."""
    expected, received = evidence.delivered.production.expected, evidence.received
    by_endpoint: dict[str, list[Push]] = defaultdict(list)
    for push in evidence.pushes:
        by_endpoint[push.endpoint].append(push)
    return [
        Check("every recipient has an outcome, and nobody else", list(_strays(expected, received))),
        Check("every outcome is the one that was arranged", list(_wrong_outcomes(expected, received))),
        Check("no outcome was said twice", [_name(who) for who in received.repeated]),
        Check("every push that was due was asked for once, no other", list(_asked(expected, by_endpoint))),
        Check("every push taken was decrypted to its very text", list(_wrong_texts(expected, by_endpoint))),
        Check("push.expired names exactly the subscriptions that are gone", list(_expired(evidence))),
        Check("push.dead-letters holds exactly the records that are no job", list(_buried(evidence))),
        Check("every worker ended cleanly", list(_exits(evidence.exits))),
    ]


def _name(who: RecipientKey) -> str:
    return f"{who.recipient_id} of {who.job_id}"


def _strays(expected: Mapping[RecipientKey, Expected], received: Received) -> Iterator[str]:
    yield from (f"{_name(who)}: no outcome" for who in expected if who not in received.outcomes)
    yield from (f"{_name(who)}: was never produced" for who in received.outcomes if who not in expected)


def _wrong_outcomes(expected: Mapping[RecipientKey, Expected], received: Received) -> Iterator[str]:
    for who, wanted in expected.items():
        outcome = received.outcomes.get(who)
        attempts = int(wanted.asked)
        if outcome and (outcome.status != wanted.status or outcome.attempts != attempts):
            yield f"{_name(who)}: {outcome}, should be {wanted.status} after {attempts} attempts"


def _asked(expected: Mapping[RecipientKey, Expected], pushes: Mapping[str, Sequence[Push]]) -> Iterator[str]:
    known = {wanted.endpoint for wanted in expected.values()}
    for who, wanted in expected.items():
        count = len(pushes.get(wanted.endpoint, ()))
        if count != wanted.asked:
            yield f"{_name(who)}: {count} pushes at {wanted.service}, should be {int(wanted.asked)}"
    yield from ("a push to an endpoint of nobody" for endpoint in pushes if endpoint not in known)


def _wrong_texts(
    expected: Mapping[RecipientKey, Expected], pushes: Mapping[str, Sequence[Push]]
) -> Iterator[str]:
    for who, wanted in expected.items():
        for push in pushes.get(wanted.endpoint, ()):
            problem = _wrong_text(push, wanted.digest)
            if problem:
                yield f"{_name(who)}: {wanted.service} {problem}"


def _wrong_text(push: Push, digest: int | None) -> str:
    if push.taken != (digest is not None):
        return "took it" if push.taken else "refused it"
    if not push.taken or push.digest == digest:
        return ""
    return "read another text" if push.digest else "could not read it"


def _expired(evidence: Evidence) -> Iterator[str]:
    wanted = {
        ExpiredSubscription(each.site_id, who.recipient_id, each.endpoint)
        for who, each in evidence.delivered.production.expected.items()
        if each.status == Status.EXPIRED
    }
    found = evidence.received.expired
    yield from (f"{gone.site_id}/{gone.recipient_id}: is missing" for gone in sorted(wanted - found.keys()))
    yield from (f"{gone.site_id}/{gone.recipient_id}: is not gone" for gone in sorted(found.keys() - wanted))
    yield from (f"{gone.site_id}/{gone.recipient_id}: {n} times" for gone, n in found.items() if n > 1)


def _buried(evidence: Evidence) -> Iterator[str]:
    wanted = {
        DeadLetter(record.key, record.value, code)
        for record, code in evidence.delivered.production.broken.items()
    }
    found = Counter(evidence.received.dead_letters)
    yield from (f"{buried.key}: is missing, or altered" for buried in wanted - found.keys())
    yield from (f"{buried.key or 'no key'}: {buried.code}, unexpected" for buried in found.keys() - wanted)
    yield from (f"{buried.key}: {n} times" for buried, n in found.items() if n > 1)


def _exits(exits: Mapping[str, int]) -> Iterator[str]:
    return (f"{name}: exit status {status}" for name, status in exits.items() if status)


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Figures:
    """How fast it was; durations in seconds.

    Attributes:
        span: From the first record written to the last outcome.
        rate: Outcomes a second over the span.
        latencies: From a record's timestamp to an outcome of it: the 50th, 95th and 99th percentile.
        cpu_seconds: Of all workers together.
    """

    span: float
    rate: float
    latencies: tuple[float, float, float]
    cpu_seconds: float


def figures(evidence: Evidence) -> Figures:
    """Measure throughput and latency; all 0 if nothing came."""
    outcomes, written_at = evidence.received.outcomes, evidence.delivered.written_at
    waits = sorted(
        outcome.at.timestamp() - written_at[who.job_id]
        for who, outcome in outcomes.items()
        if who.job_id in written_at
    )
    span = max(0.0, evidence.received.last_at - min(written_at.values())) if waits else 0.0
    rate = len(waits) / span if span else 0.0
    latencies = (percentile(waits, 50), percentile(waits, 95), percentile(waits, 99))
    return Figures(span, rate, latencies, evidence.cpu_seconds)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of sorted values; 0 if there are none."""
    return values[max(0, ceil(len(values) * percent / 100) - 1)] if values else 0.0


# ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────


def render(evidence: Evidence, measured: RenderableType, verdicts: Iterable[Check]) -> RenderableType:
    """The closing tables: outcomes, push services, what was measured, checks."""
    return Group(_outcome_table(evidence), _service_table(evidence), measured, _check_table(verdicts))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(columns[0], min_width=12)
    for column in columns[1:]:
        table.add_column(column, justify="right", min_width=9)
    return table


def _outcome_table(evidence: Evidence) -> Table:
    table = _table("outcome", "expected", "got")
    wanted = Counter(each.status for each in evidence.delivered.production.expected.values())
    found = Counter(each.status for each in evidence.received.outcomes.values())
    for status in sorted(wanted | found, key=lambda status: -wanted[status]):
        style = None if wanted[status] == found[status] else "red"
        table.add_row(status, f"{wanted[status]:,}", f"{found[status]:,}", style=style)
    table.add_row("total", f"{wanted.total():,}", f"{found.total():,}", style="bold", end_section=True)
    return table


def _service_table(evidence: Evidence) -> Table:
    table = _table("\npush service", "\nasked", "\ntaken", "\ndecrypted", "\ndue")
    services = {each.endpoint: each.service for each in evidence.delivered.production.expected.values()}
    of = [(services.get(push.endpoint, "?"), push) for push in evidence.pushes]
    asked = Counter(service for service, _ in of)
    taken = Counter(service for service, push in of if push.taken)
    read = Counter(service for service, push in of if push.digest)
    due = Counter(
        each.service for each in evidence.delivered.production.expected.values() if each.digest is not None
    )
    for service in SERVICES:
        counts = (asked[service], taken[service], read[service], due[service])
        table.add_row(service, *(f"{count:,}" for count in counts))
    return table


def render_speed(evidence: Evidence) -> RenderableType:
    """The figures of speed."""
    measured = figures(evidence)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row()
    p50, p95, p99 = measured.latencies
    table.add_row("throughput", f"{measured.rate:,.0f} a second, for {measured.span:.1f} s")
    table.add_row("latency", f"p50 {p50:.2f} s, p95 {p95:.2f} s, p99 {p99:.2f} s, all queued at once")
    table.add_row("workers' CPU", f"{measured.cpu_seconds:.1f} s, their start included")
    return table


def _check_table(verdicts: Iterable[Check]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row()
    for check in verdicts:
        mark = Text("passed", "green") if check.passed else Text("FAILED", "bold red")
        table.add_row(mark, check.claim)
        for problem in check.problems[:SHOWN_PROBLEMS]:
            table.add_row("", Text(f"  {problem}"))
        if len(check.problems) > SHOWN_PROBLEMS:
            table.add_row("", f"  … and {len(check.problems) - SHOWN_PROBLEMS:,} more")
    return table
