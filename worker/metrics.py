"""Every public metric, by its public name, with all known label values at 0 from the start.

Children are bound once: the hot path writes `metrics.outcomes[service][status].inc()`, which is two dict
look-ups and an addition. No label ever takes the id of a campaign, a site or a recipient.
"""

import platform
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate, repeat
from typing import Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Gauge, Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from worker.push.answers import NOT_DELIVERED, TransportFailure
from worker.push.services import PushService
from worker.records.job import Lane
from worker.records.outcome import Status
from worker.records.topics import TIERS

WorkerState = Literal["starting", "running", "draining", "stopped"]
WORKER_STATES: tuple[WorkerState, ...] = ("starting", "running", "draining", "stopped")

NO_SERVICE = "none"
"""The `push_service` of an outcome whose endpoint was not usable."""

RETRY_REASONS = (
    *(failure.value for failure in TransportFailure if failure is not TransportFailure.ADDRESS_REFUSED),
    *("throttled", "unavailable", "server_error", "retry_now", "quarantined"),
)
DEFER_REASONS = ("not_due", "retry", "paused", "gate_closed", "surplus", "no_vapid_key")
"""Why recipients go to a tier: they are planned for later, are to be tried again, the campaign is paused, the
push service asked to wait, their site holds too much of the buffer, or the key that their job names is
missing."""

DEAD_LETTER_REASONS = ("bad_json", "bad_field", "unsupported_version", "internal_error")
_USUAL_CODES = (201, 400, 401, 403, 404, 410, 413, 429, 500, 502, 503)
_NAMED_CODES = frozenset(HTTPStatus)

_ENCRYPT_SECONDS = (2e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2)
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0)
_LATENESS_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0)
_CHECKPOINT_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_Key = TypeVar("_Key")
_Child = TypeVar("_Child")


class Children(dict[_Key, _Child], Generic[_Key, _Child]):
    """A metric's children by label value; values not known beforehand are bound on first use."""

    def __init__(self, bind: Callable[[_Key], _Child], known: Iterable[_Key] = ()) -> None:
        super().__init__((key, bind(key)) for key in known)
        self._bind = bind

    def __missing__(self, key: _Key) -> _Child:
        child = self[key] = self._bind(key)
        return child


class Counter:
    """A counter's child without the lock of the library's own: a single thread counts and collects."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Add to the counter."""
        self.value += amount


class Histogram:
    """A histogram's child, in seconds; without a lock, like `Counter`."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Observe a duration, or `times` durations with this mean."""
        self._counts[bisect_left(self._bounds, seconds)] += times
        self._sum += seconds * times

    def observe_each(self, durations: Sequence[float]) -> None:
        """Observe durations; one below 0, after the clock was set back, counts as 0."""
        if min(durations, default=0.0) < 0:
            durations = [max(0.0, each) for each in durations]
        counts = self._counts
        for bucket in map(bisect_left, repeat(self._bounds), durations):
            counts[bucket] += 1
        self._sum += sum(durations)

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """Return the number of durations up to each bound, and the sum of all durations."""
        bounds = (*map(floatToGoString, self._bounds), "+Inf")
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True)), self._sum


class _Family(Collector, Generic[_Child]):
    """A metric and its children by label values, converted to the library's types when it is collected."""

    def __init__(
        self, make: Callable[[], _Child], convert: Callable[[dict[tuple[str, ...], _Child]], Metric]
    ) -> None:
        self._make = make
        self._convert = convert
        self._children: dict[tuple[str, ...], _Child] = {}

    def labels(self, *values: str) -> _Child:
        """Return the child for these label values."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._make()
        return child

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        yield self._convert(self._children)


class Metrics:
    """The process's metrics, in a registry that the caller owns; durations are seconds.

    Tables are indexed label by label: `requests[service][code]`, where a code is an HTTP status or a
    `TransportFailure`.
    """

    def __init__(self, registry: CollectorRegistry, *, agreement: str = "openssl") -> None:
        self._registry = registry
        self._agreement = agreement
        self._signatures = 0
        self._declare_pushes()
        self._declare_times()
        self._declare_limits()
        self._declare_kafka()
        self._declare_worker()

    def enter(self, state: WorkerState) -> None:
        """Make `state` the worker's current state."""
        for each, gauge in self._states.items():
            gauge.set(each == state)

    def count_signatures(self, total: int) -> None:
        """Set the number of signed tokens to the `total` since the start."""
        self.vapid_signatures.inc(total - self._signatures)
        self._signatures = total

    def forget_partition(self, topic: str, partition: int) -> None:
        """Stop reporting the lag and the held records of a partition that is no longer assigned."""
        for children, gauge in ((self.consumer_lag, self._lag), (self.held, self._held)):
            if children.pop((topic, partition), None) is not None:
                gauge.remove(topic, str(partition))

    def _declare_pushes(self) -> None:
        outcomes = self._counter("outcomes", "Recipients with a final status", "status", "push_service")
        self.outcomes = Children(
            lambda service: Children(lambda status: outcomes.labels(status, service), Status),
            (*PushService, NO_SERVICE),
        )
        requests = self._counter("requests", "Requests to push services", "push_service", "code")
        self.requests = _per_service(
            lambda service: Children(
                lambda code: requests.labels(service, _code_label(code)),
                (*_USUAL_CODES, *TransportFailure),
            )
        )
        retries = self._counter("retries", "Recipients to be tried again", "push_service", "reason")
        self.retries = _per_service(
            lambda service: Children(lambda reason: retries.labels(service, reason), RETRY_REASONS)
        )
        deferred = self._counter("deferred_recipients", "Recipients written to a tier", "tier", "reason")
        self.deferred = Children(
            lambda tier: Children(lambda reason: deferred.labels(tier, reason), DEFER_REASONS),
            (tier.name for tier in TIERS),
        )
        quarantined = self._counter(
            "quarantined", "Answers 404 and 410 not believed at once, for too many came", "push_service"
        )
        self.quarantined = _per_service(quarantined.labels)
        lowered = self._counter("ttl_lowered", "Messages kept for less time than asked", "push_service")
        self.ttl_lowered = _per_service(lowered.labels)
        dropped = self._counter(
            "accepted_but_dropped", "Pushes accepted and not delivered, as WNS says", "push_service", "detail"
        )
        self.dropped = Children[tuple[str, str], Counter](lambda said: dropped.labels(*said), NOT_DELIVERED)

    def _declare_times(self) -> None:
        request = self._histogram(
            "request_duration", "Time from request to answer", _REQUEST_SECONDS, "push_service"
        )
        self.request_duration = _per_service(request.labels)
        lateness = self._histogram(
            "lateness", "Time from due time to first attempt", _LATENESS_SECONDS, "lane"
        )
        self.lateness = Children[str, Histogram](lateness.labels, Lane)
        self.encrypt_duration = self._histogram(
            "encrypt_duration", "Time to encrypt one payload", _ENCRYPT_SECONDS
        ).labels()
        self.checkpoint_duration = self._histogram(
            "checkpoint_duration", "Time from publishing to the committed offsets", _CHECKPOINT_SECONDS
        ).labels()
        self.checkpoint_age = self._gauge(
            "checkpoint_age_seconds", "Time since the last checkpoint while anything is open, in seconds"
        )
        self.event_loop_lag = self._gauge("event_loop_lag_seconds", "How late timers fire, in seconds")

    def _declare_limits(self) -> None:
        in_flight = self._gauge("in_flight_requests", "Requests waiting for their answer", "push_service")
        self.in_flight = _per_service(in_flight.labels)
        limit = self._gauge("concurrency_limit", "Requests allowed at once", "push_service")
        self.concurrency_limit = _per_service(limit.labels)
        gates = self._gauge("closed_gates", "Back-off gates that are closed", "push_service")
        self.closed_gates = _per_service(gates.labels)
        self.buffered = self._gauge("buffered_recipients", "Recipients held in memory")
        self.due = self._gauge("due_recipients", "Recipients that are due and not sent yet")

    def _declare_kafka(self) -> None:
        consumed = self._counter("consumed_records", "Kafka records read", "topic")
        self.consumed = Children[str, Counter](consumed.labels)
        resets = self._counter("offset_resets", "Partitions read on from their first record", "topic")
        self.offset_resets = Children[str, Counter](resets.labels)
        self._lag = self._gauge(
            "consumer_lag_records", "Kafka records not read yet, inputs only", "topic", "partition"
        )
        self.consumer_lag = Children[tuple[str, int], Gauge](lambda partition: self._lag.labels(*partition))
        self._held = self._gauge(
            "held_records",
            "Kafka records behind the start of a transaction that stays open, inputs and control only",
            *("topic", "partition"),
        )
        self.held = Children[tuple[str, int], Gauge](lambda partition: self._held.labels(*partition))
        overdue = self._gauge(
            "tier_overdue_seconds", "How late the tier's next record is, in seconds", "tier"
        )
        self.tier_overdue = Children[str, Gauge](overdue.labels, (tier.name for tier in TIERS))
        dead = self._counter("dead_letters", "Records that could not be handled", "reason")
        self.dead_letters = Children[str, Counter](dead.labels, DEAD_LETTER_REASONS)

    def _declare_worker(self) -> None:
        self.vapid_signatures = self._counter("vapid_signatures", "VAPID tokens signed").labels()
        state = self._gauge("worker_state", "1 for the state that the worker is in", "state")
        self._states = Children[WorkerState, Gauge](state.labels, WORKER_STATES)
        build = self._gauge(
            "build_info", "Always 1; what runs is in the labels", "version", "python", "agreement"
        )
        build.labels(_version(), platform.python_version(), self._agreement).set(1)

    def _counter(self, name: str, about: str, *labels: str) -> _Family[Counter]:
        def convert(children: dict[tuple[str, ...], Counter]) -> Metric:
            metric = CounterMetricFamily(f"pushmill_{name}", f"{about}.", labels=labels)
            for values, child in children.items():
                metric.add_metric(values, child.value)
            return metric

        return self._registered(_Family(Counter, convert))

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"pushmill_{name}", f"{about}.", labels, registry=self._registry)

    def _histogram(
        self, name: str, about: str, bounds: tuple[float, ...], *labels: str
    ) -> _Family[Histogram]:
        def convert(children: dict[tuple[str, ...], Histogram]) -> Metric:
            metric = HistogramMetricFamily(f"pushmill_{name}_seconds", f"{about}, in seconds.", labels=labels)
            for values, child in children.items():
                metric.add_metric(values, *child.buckets())
            return metric

        return self._registered(_Family(partial(Histogram, bounds), convert))

    def _registered(self, family: _Family[_Child]) -> _Family[_Child]:
        self._registry.register(family)
        return family


def _per_service(bind: Callable[[str], _Child]) -> Children[str, _Child]:
    return Children(bind, PushService)


def _code_label(code: int | str) -> str:
    # A push service may answer with any number: codes without a name share one label for their class.
    return str(code) if isinstance(code, str) or code in _NAMED_CODES else f"{code // 100}xx"


def _version() -> str:
    try:
        return version("pushmill")
    except PackageNotFoundError:
        return "unknown"
