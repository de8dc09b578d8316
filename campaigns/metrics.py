"""Every metric of the campaign service, by its public name. No label ever takes an id.

Each process has them all, whatever its role: together they are merged as the worker's processes are.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

PREFIX = "pushmill_campaigns_"
ADAPTERS = ("own", "sendpulse", "pushary", "truepush", "pushpilot", "pushwoosh")
LAUNCH_STATES = ("writing", "written", "paused")
POOL_STATES = ("used", "idle")
COLLECTED = ("outcomes", "expired", "events")
"""Topics that are read, by their names without the prefix."""

DUE = ("campaign",)
"""Kinds of what has a time at which it is due."""

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_TOO_MANY_REQUESTS = 429


class Metrics:
    """The process's metrics, in a registry that the caller owns; durations are seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._requests = self._counter("http_requests", "Requests answered", "adapter", "route", "code")
        self._request_duration = Histogram(
            PREFIX + "http_request_duration_seconds",
            "Time that a request takes, in seconds.",
            ["adapter"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._rate_limited = self._counter("rate_limited", "Requests beyond a caller's limit", "adapter")
        self._ignored_fields = self._counter("ignored_fields", "Fields of requests passed over", "adapter")
        self.ready = self._gauge("ready_processes", "Processes of a role that are ready", "role")
        self.launched_recipients = self._counter("launched_recipients", "Recipients written to send jobs")
        self.launches = self._gauge("launches", "Launches that are not done", "state")
        self.launch_stalled = self._gauge(
            "launch_stalled_seconds", "How long a launch has waited for a launcher, at most, in seconds"
        )
        self.outbox_oldest = self._gauge("outbox_oldest_seconds", "Age of the oldest small send, in seconds")
        self.collector_lag = self._gauge("collector_lag_records", "Kafka records not collected yet", "topic")
        self.due_overdue = self._gauge("due_overdue_seconds", "How late what is due is, in seconds", "kind")
        self.foreign = self._counter("foreign", "Records and events of others, passed over", "topic")
        self.database_pool = self._gauge("database_pool", "Connections to the database", "state")
        self._start_at_zero()

    def count_request(self, adapter: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; `route` is the path in the table, never the one that was asked for."""
        self._requests.labels(adapter, route, str(status)).inc()
        self._request_duration.labels(adapter).observe(seconds)
        if status == _TOO_MANY_REQUESTS:
            self._rate_limited.labels(adapter).inc()

    def count_ignored(self, adapter: str, fields: int) -> None:
        """Count fields of a request that decorate, and were passed over."""
        self._ignored_fields.labels(adapter).inc(fields)

    def _start_at_zero(self) -> None:
        for adapter in ADAPTERS:
            self._request_duration.labels(adapter)
            self._rate_limited.labels(adapter)
            self._ignored_fields.labels(adapter)
        for state in LAUNCH_STATES:
            self.launches.labels(state)
        for state in POOL_STATES:
            self.database_pool.labels(state)
        for topic in COLLECTED:
            self.collector_lag.labels(topic)
            self.foreign.labels(topic)
        for kind in DUE:
            self.due_overdue.labels(kind)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, f"{about}.", labels, registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, f"{about}.", labels, registry=self._registry)
