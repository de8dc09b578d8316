import sys

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from worker.metrics import NO_SERVICE, RETRY_REASONS, WORKER_STATES, Metrics
from worker.pipeline.politeness import QUARANTINED
from worker.push.answers import PushResponse, TransportFailure, classify
from worker.push.services import PushService
from worker.push.verdict import TryAgain
from worker.records.outcome import Status

# ARCHITECTURE.md: Metrics. Type and labels of each, and two more, without which an operator would not see
# that offsets were reset, or that one of several processes makes no checkpoint.
CONTRACT = {
    "pushmill_outcomes": ("counter", {"status", "push_service"}),
    "pushmill_requests": ("counter", {"push_service", "code"}),
    "pushmill_request_duration_seconds": ("histogram", {"push_service"}),
    "pushmill_retries": ("counter", {"push_service", "reason"}),
    "pushmill_deferred_recipients": ("counter", {"tier", "reason"}),
    "pushmill_lateness_seconds": ("histogram", {"lane"}),
    "pushmill_encrypt_duration_seconds": ("histogram", set()),
    "pushmill_in_flight_requests": ("gauge", {"push_service"}),
    "pushmill_concurrency_limit": ("gauge", {"push_service"}),
    "pushmill_closed_gates": ("gauge", {"push_service"}),
    "pushmill_buffered_recipients": ("gauge", set()),
    "pushmill_due_recipients": ("gauge", set()),
    "pushmill_consumed_records": ("counter", {"topic"}),
    "pushmill_consumer_lag_records": ("gauge", {"topic", "partition"}),
    "pushmill_held_records": ("gauge", {"topic", "partition"}),
    "pushmill_tier_overdue_seconds": ("gauge", {"tier"}),
    "pushmill_dead_letters": ("counter", {"reason"}),
    "pushmill_quarantined": ("counter", {"push_service"}),
    "pushmill_ttl_lowered": ("counter", {"push_service"}),
    "pushmill_accepted_but_dropped": ("counter", {"push_service", "detail"}),
    "pushmill_checkpoint_duration_seconds": ("histogram", set()),
    "pushmill_checkpoint_age_seconds": ("gauge", set()),
    "pushmill_offset_resets": ("counter", {"topic"}),
    "pushmill_vapid_signatures": ("counter", set()),
    "pushmill_event_loop_lag_seconds": ("gauge", set()),
    "pushmill_worker_state": ("gauge", {"state"}),
    "pushmill_build_info": ("gauge", {"version", "python", "agreement"}),
}
SERVICES = ["fcm", "mozilla", "wns", "apple", "other"]


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


def test_the_metrics_are_the_contracts(metrics, registry):
    assert {metric.name: metric.type for metric in registry.collect()} == {
        name: kind for name, (kind, _) in CONTRACT.items()
    }


def test_labels_are_the_contracts(metrics, registry):
    metrics.consumed["push.jobs"].inc()
    metrics.offset_resets["push.jobs"].inc()
    metrics.consumer_lag["push.jobs", 0].set(1)
    metrics.held["push.jobs", 0].set(1)
    for metric in registry.collect():
        labels = {frozenset(sample.labels) - {"le"} for sample in metric.samples}
        assert labels == {frozenset(CONTRACT[metric.name][1])}, metric.name


def test_every_metric_says_what_it_is(metrics, registry):
    for metric in registry.collect():
        assert metric.documentation
        assert ("_seconds" in metric.name) == ("in seconds" in metric.documentation), metric.name


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        *(
            ("outcomes", {"status": status.value, "push_service": each})
            for status in Status
            for each in SERVICES
        ),
        ("outcomes", {"status": "invalid", "push_service": "none"}),
        ("requests", {"push_service": "fcm", "code": "201"}),
        ("requests", {"push_service": "apple", "code": "timeout"}),
        *(("retries", {"push_service": "wns", "reason": reason}) for reason in RETRY_REASONS),
        *(
            ("deferred_recipients", {"tier": tier, "reason": "not_due"})
            for tier in ("10s", "1m", "10m", "1h")
        ),
        ("dead_letters", {"reason": "bad_json"}),
        ("quarantined", {"push_service": "mozilla"}),
        ("ttl_lowered", {"push_service": "mozilla"}),
        ("accepted_but_dropped", {"push_service": "wns", "detail": "dropped"}),
        ("vapid_signatures", {}),
    ],
)
def test_known_counters_start_at_zero(metrics, registry, name, labels):
    assert registry.get_sample_value(f"pushmill_{name}_total", labels) == 0


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        *((f"request_duration_seconds_{end}", {"push_service": "fcm"}) for end in ("count", "sum")),
        ("lateness_seconds_count", {"lane": "normal"}),
        ("lateness_seconds_count", {"lane": "urgent"}),
        ("encrypt_duration_seconds_count", {}),
        ("checkpoint_duration_seconds_count", {}),
        *(("concurrency_limit", {"push_service": each}) for each in SERVICES),
        *(("tier_overdue_seconds", {"tier": tier}) for tier in ("10s", "1m", "10m", "1h")),
        *(("worker_state", {"state": state}) for state in WORKER_STATES),
        ("buffered_recipients", {}),
        ("due_recipients", {}),
        ("event_loop_lag_seconds", {}),
    ],
)
def test_known_gauges_and_histograms_start_at_zero(metrics, registry, name, labels):
    assert registry.get_sample_value(f"pushmill_{name}", labels) == 0


def test_every_reason_to_try_again_is_known():
    bodies = (b"", *(b'{"errno": %d}' % errno for errno in range(100, 1000)))
    answers = [
        PushResponse(status, body=body) for status in range(200, 600) for body in (b"", b'{"errno": 202}')
    ]
    answers += [PushResponse(status, body=body) for status in (400, 503) for body in bodies]
    verdicts = [classify(service, each) for service in PushService for each in (*answers, *TransportFailure)]
    reasons = {verdict.reason for verdict in verdicts if isinstance(verdict, TryAgain)}
    assert reasons | {QUARANTINED.reason} == set(RETRY_REASONS)


def test_outcomes_are_counted_by_service_and_status(metrics, registry):
    metrics.outcomes[PushService.FCM][Status.SENT].inc(3)
    metrics.outcomes["fcm"]["sent"].inc()
    metrics.outcomes[NO_SERVICE][Status.INVALID].inc()
    sent = {"status": "sent", "push_service": "fcm"}
    assert registry.get_sample_value("pushmill_outcomes_total", sent) == 4
    invalid = {"status": "invalid", "push_service": "none"}
    assert registry.get_sample_value("pushmill_outcomes_total", invalid) == 1


@pytest.mark.parametrize(
    ("code", "label"),
    [(201, "201"), (299, "2xx"), (418, "418"), (499, "4xx"), (599, "5xx"), (TransportFailure.DNS, "dns")],
)
def test_requests_are_counted_by_code_and_strange_codes_by_class(metrics, registry, code, label):
    metrics.requests[PushService.OTHER][code].inc()
    labels = {"push_service": "other", "code": label}
    assert registry.get_sample_value("pushmill_requests_total", labels) == 1


def test_codes_of_a_hostile_push_service_do_not_make_series_without_end(metrics, registry):
    for code in range(200, 600):
        metrics.requests[PushService.OTHER][code].inc()
    (requests,) = [metric for metric in registry.collect() if metric.name == "pushmill_requests"]
    others = [each for each in requests.samples if each.labels["push_service"] == "other"]
    assert len([each for each in others if each.name.endswith("_total")]) < 100


def test_durations_may_be_told_together(metrics, registry):
    metrics.lateness["normal"].observe_each([0.001, 0.3, 0.3, -2.0])
    metrics.lateness["urgent"].observe(0.001)
    metrics.lateness["urgent"].observe(0.3, 2)
    metrics.lateness["urgent"].observe(0.0)  # the clock was set back
    values = {
        lane: {
            (each.name, each.labels.get("le")): each.value
            for metric in registry.collect()
            for each in metric.samples
            if each.name.startswith("pushmill_lateness") and each.labels["lane"] == lane
        }
        for lane in ("normal", "urgent")
    }
    assert values["normal"] == pytest.approx(values["urgent"])
    assert values["normal"]["pushmill_lateness_seconds_sum", None] == pytest.approx(0.601)


def test_a_child_is_bound_once(metrics):
    assert metrics.retries["fcm"]["new_reason"] is metrics.retries["fcm"]["new_reason"]
    assert metrics.requests["fcm"][201] is metrics.requests["fcm"][201]
    assert metrics.consumed["push.jobs"] is metrics.consumed["push.jobs"]


def test_one_state_at_a_time(metrics, registry):
    for state in WORKER_STATES:
        metrics.enter(state)
        states = {
            each: registry.get_sample_value("pushmill_worker_state", {"state": each})
            for each in WORKER_STATES
        }
        assert states == {each: float(each == state) for each in WORKER_STATES}


@pytest.mark.parametrize(
    ("children", "name"),
    [("consumer_lag", "pushmill_consumer_lag_records"), ("held", "pushmill_held_records")],
)
def test_of_a_partition_that_went_away_nothing_is_told(metrics, registry, children, name):
    gauges = getattr(metrics, children)
    gauges["push.jobs", 3].set(7)
    place = {"topic": "push.jobs", "partition": "3"}
    assert registry.get_sample_value(name, place) == 7
    metrics.forget_partition("push.jobs", 3)
    metrics.forget_partition("push.jobs", 4)
    assert registry.get_sample_value(name, place) is None
    gauges["push.jobs", 3].set(1)
    assert registry.get_sample_value(name, place) == 1


@pytest.mark.parametrize(
    ("name", "labels", "reach"),
    [
        ("encrypt_duration", {}, (1e-4, 1e-2)),
        ("request_duration", {"push_service": "fcm"}, (5e-3, 30.0)),
        ("lateness", {"lane": "normal"}, (5e-3, 300.0)),
        ("checkpoint_duration", {}, (5e-3, 5.0)),
    ],
)
def test_buckets_reach_from_least_to_most(metrics, registry, name, labels, reach):
    (metric,) = [each for each in registry.collect() if each.name == f"pushmill_{name}_seconds"]
    bounds = [
        float(each.labels["le"])
        for each in metric.samples
        if each.name.endswith("_bucket") and labels.items() <= each.labels.items()
    ]
    assert bounds == sorted(bounds)
    assert bounds[0] <= reach[0]
    assert bounds[-2] >= reach[1]


def test_the_build_is_named():
    registry = CollectorRegistry()
    Metrics(registry, agreement="multibuffer")
    text = generate_latest(registry).decode()
    python = ".".join(str(number) for number in sys.version_info[:3])
    (line,) = [line for line in text.splitlines() if line.startswith("pushmill_build_info{")]
    assert f'python="{python}"' in line
    assert 'agreement="multibuffer"' in line
    assert line.endswith(" 1.0")


def test_two_registries_do_not_meet(metrics):
    other = CollectorRegistry()
    Metrics(other)
    metrics.vapid_signatures.inc()
    assert other.get_sample_value("pushmill_vapid_signatures_total") == 0
