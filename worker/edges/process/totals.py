"""Merging the metrics of all processes into one exposition.

Counters and histograms are summed, and keep the totals of processes that have ended: a total that fell would
look like a restart of everything, and be counted twice. Gauges that are amounts are summed; of any other the
highest value counts. No label is added: names and labels are the same for any number of processes. Decides
how each kind of metric is merged. Knows nothing of where metrics come from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

SUMMED_KINDS = frozenset({"counter", "histogram", "summary"})

SUMMED_GAUGES = frozenset(
    {
        "pushmill_in_flight_requests",
        "pushmill_concurrency_limit",  # a limit per process, which together is their sum
        "pushmill_closed_gates",
        "pushmill_buffered_recipients",
        "pushmill_due_recipients",
        "pushmill_worker_state",  # how many processes are in each state
        "pushmill_campaigns_launches",
        "pushmill_campaigns_ready_processes",
        "pushmill_campaigns_database_pool",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
    }
)
"""Gauges that are amounts. Of every other gauge the highest counts: lags of the event loop and of tiers,
because the worst is what hurts; a partition's lag, because one process reads it and another may still report
an old value; limits, start times and versions, because they are equal or the latest is wanted."""

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]


@dataclass(slots=True)
class Family:
    """One metric: its samples by name and labels, in their original order."""

    documentation: str
    kind: str
    samples: dict[Key, float] = field(default_factory=dict)

    def join(self, name: str, samples: Mapping[Key, float]) -> None:
        """Merge in the samples of another process."""
        combine = _combine(name, self.kind)
        for key, value in samples.items():
            self.samples[key] = combine(self.samples[key], value) if key in self.samples else value


Families = dict[str, Family]


def read(text: str) -> Families:
    """Parse the metrics of one process.

    Raises:
        ValueError: It is not in Prometheus' text format.
    """
    return {
        metric.name: Family(
            metric.documentation,
            metric.type,
            {(sample.name, tuple(sample.labels.items())): sample.value for sample in metric.samples},
        )
        for metric in text_string_to_metric_families(text)
        if not metric.name.endswith("_created")  # the start of one process means nothing for all
    }


def merge(of_processes: Iterable[Families]) -> Families:
    """Merge the metrics of several processes."""
    merged: Families = {}
    for families in of_processes:
        for name, family in families.items():
            into = merged.setdefault(name, Family(family.documentation, family.kind))
            into.join(name, family.samples)
    return merged


def counted(families: Families) -> Families:
    """Return what still counts after a process has ended: everything but its gauges."""
    return {name: family for name, family in families.items() if family.kind in SUMMED_KINDS}


def render(families: Families) -> bytes:
    """Write metrics in Prometheus' text format 0.0.4."""
    return generate_latest(_Exposed(families))


class _Exposed:
    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for name, family in self._families.items():
            metric = Metric(name, family.documentation, family.kind)
            for (sample, labels), value in family.samples.items():
                metric.add_sample(sample, dict(labels), value)
            yield metric


def _combine(name: str, kind: str) -> Callable[[float, float], float]:
    return _sum if kind in SUMMED_KINDS or name in SUMMED_GAUGES else max


def _sum(one: float, other: float) -> float:
    return one + other
