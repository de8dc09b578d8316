"""The demo's report: what came back against what was expected, and the closing tables. Pure."""

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
"""How many problems of each check are shown; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Check:
    """A claim that must hold, and every case in which it does not."""

    claim: str
    problems: Sequence[str]

    @property
    def passed(self) -> bool:
        """Whether the claim holds."""
        return not self.problems


# ── checks ──────────────────────────────────────────────────────────────────────────────────────────────────


def checks(evidence: Evidence) -> list[Check]:
    """Compare what came with what was expected, recipient by recipient."""
    expected, received = evidence.delivered.production.expected, evidence.received
    by_endpoint: dict[str, list[Push]] = defaultdict(list)
    for push in evidence.pushes:
        by_endpoint[push.endpoint].append(push)
    return [
        Check("every recipient has an outcome, and no one else does", list(_strays(expected, received))),
        Check("every outcome is the expected one", list(_wrong_outcomes(expected, received))),
        Check("no outcome was reported twice", [_name(key) for key in received.repeated]),
        Check(
            "every expected push was requested exactly once, and no other",
            list(_asked(expected, by_endpoint)),
        ),
        Check(
            "every accepted push decrypted to exactly the right text",
            list(_wrong_texts(expected, by_endpoint)),
        ),
        Check("push.expired names exactly the subscriptions that are gone", list(_expired(evidence))),
        Check(
            "push.dead-letters holds exactly the records that are not valid jobs",
            list(_dead_letters(evidence)),
        ),
        Check("every worker exited cleanly", list(_exits(evidence.exits))),
    ]


def _name(key: RecipientKey) -> str:
    return f"{key.recipient_id} of {key.job_id}"


def _strays(expected: Mapping[RecipientKey, Expected], received: Received) -> Iterator[str]:
    yield from (f"{_name(key)}: no outcome" for key in expected if key not in received.outcomes)
    yield from (f"{_name(key)}: was never produced" for key in received.outcomes if key not in expected)


def _wrong_outcomes(expected: Mapping[RecipientKey, Expected], received: Received) -> Iterator[str]:
    for key, wanted in expected.items():
        outcome = received.outcomes.get(key)
        attempts = int(wanted.asked)
        if outcome and (outcome.status != wanted.status or outcome.attempts != attempts):
            yield f"{_name(key)}: {outcome}, expected {wanted.status} after {attempts} attempts"


def _asked(expected: Mapping[RecipientKey, Expected], pushes: Mapping[str, Sequence[Push]]) -> Iterator[str]:
    known = {wanted.endpoint for wanted in expected.values()}
    for key, wanted in expected.items():
        count = len(pushes.get(wanted.endpoint, ()))
        if count != wanted.asked:
            yield f"{_name(key)}: {count} requests at {wanted.service}, expected {int(wanted.asked)}"
    yield from ("a push to an endpoint of no recipient" for endpoint in pushes if endpoint not in known)


def _wrong_texts(
    expected: Mapping[RecipientKey, Expected], pushes: Mapping[str, Sequence[Push]]
) -> Iterator[str]:
    for key, wanted in expected.items():
        for push in pushes.get(wanted.endpoint, ()):
            problem = _wrong_text(push, wanted.digest)
            if problem:
                yield f"{_name(key)}: {wanted.service} {problem}"


def _wrong_text(push: Push, digest: int | None) -> str:
    if push.taken != (digest is not None):
        return "accepted it" if push.taken else "refused it"
    if not push.taken or push.digest == digest:
        return ""
    return "decrypted another text" if push.digest else "could not decrypt it"


def _expired(evidence: Evidence) -> Iterator[str]:
    wanted = {
        ExpiredSubscription(each.site_id, key.recipient_id, each.endpoint)
        for key, each in evidence.delivered.production.expected.items()
        if each.status == Status.EXPIRED
    }
    found = evidence.received.expired
    yield from (f"{gone.site_id}/{gone.recipient_id}: is missing" for gone in sorted(wanted - found.keys()))
    yield from (f"{gone.site_id}/{gone.recipient_id}: is not gone" for gone in sorted(found.keys() - wanted))
    yield from (f"{gone.site_id}/{gone.recipient_id}: {n} times" for gone, n in found.items() if n > 1)


def _dead_letters(evidence: Evidence) -> Iterator[str]:
    wanted = {
        DeadLetter(record.key, record.value, code)
        for record, code in evidence.delivered.production.broken.items()
    }
    found = Counter(evidence.received.dead_letters)
    yield from (f"{letter.key}: is missing, or altered" for letter in wanted - found.keys())
    yield from (f"{letter.key or 'no key'}: {letter.code}, unexpected" for letter in found.keys() - wanted)
    yield from (f"{letter.key}: {n} times" for letter, n in found.items() if n > 1)


def _exits(exits: Mapping[str, int]) -> Iterator[str]:
    return (f"{name}: exit status {status}" for name, status in exits.items() if status)


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Figures:
    """How fast it was; durations are in seconds.

    Attributes:
        span: From the first record written to the last outcome.
        rate: Outcomes a second over the span.
        latencies: From a record's timestamp to each of its outcomes: 50th, 95th and 99th percentile.
        cpu_seconds: CPU time of all workers together.
    """

    span: float
    rate: float
    latencies: tuple[float, float, float]
    cpu_seconds: float


def figures(evidence: Evidence) -> Figures:
    """Measure throughput and latency; everything is 0 if nothing came."""
    outcomes, written_at = evidence.received.outcomes, evidence.delivered.written_at
    waits = sorted(
        outcome.at.timestamp() - written_at[key.job_id]
        for key, outcome in outcomes.items()
        if key.job_id in written_at
    )
    span = max(0.0, evidence.received.last_at - min(written_at.values())) if waits else 0.0
    rate = len(waits) / span if span else 0.0
    latencies = (percentile(waits, 50), percentile(waits, 95), percentile(waits, 99))
    return Figures(span, rate, latencies, evidence.cpu_seconds)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile of sorted values; 0 if there are none."""
    return values[max(0, ceil(len(values) * percent / 100) - 1)] if values else 0.0


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────


def render(evidence: Evidence, measured: RenderableType, verdicts: Iterable[Check]) -> RenderableType:
    """Draw the closing tables: outcomes, push services, measurements, checks."""
    return Group(_outcome_table(evidence), _service_table(evidence), measured, check_table(verdicts))


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
    table = _table("\npush service", "\nrequests", "\naccepted", "\ndecrypted", "\nexpected")
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
    """Draw the figures of speed."""
    measured = figures(evidence)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row()
    p50, p95, p99 = measured.latencies
    table.add_row("throughput", f"{measured.rate:,.0f} a second over {measured.span:.1f} s")
    table.add_row("latency", f"p50 {p50:.2f} s, p95 {p95:.2f} s, p99 {p99:.2f} s, all queued at once")
    table.add_row("workers' CPU", f"{measured.cpu_seconds:.1f} s, including their start")
    return table


def check_table(verdicts: Iterable[Check]) -> Table:
    """Draw claims, and the first problems of those that do not hold."""
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
