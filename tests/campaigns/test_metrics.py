from prometheus_client import CollectorRegistry, generate_latest

from campaigns.collect.collector import TOPICS
from campaigns.metrics import COLLECTED, DUE, Metrics
from campaigns.schedule.due import CAMPAIGN

CONTRACT = {
    "pushmill_campaigns_http_requests": ("counter", ("adapter", "route", "code")),
    "pushmill_campaigns_http_request_duration_seconds": ("histogram", ("adapter",)),
    "pushmill_campaigns_ready_processes": ("gauge", ("role",)),
    "pushmill_campaigns_launched_recipients": ("counter", ()),
    "pushmill_campaigns_launches": ("gauge", ("state",)),
    "pushmill_campaigns_launch_stalled_seconds": ("gauge", ()),
    "pushmill_campaigns_outbox_oldest_seconds": ("gauge", ()),
    "pushmill_campaigns_collector_lag_records": ("gauge", ("topic",)),
    "pushmill_campaigns_due_overdue_seconds": ("gauge", ("kind",)),
    "pushmill_campaigns_rate_limited": ("counter", ("adapter",)),
    "pushmill_campaigns_ignored_fields": ("counter", ("adapter",)),
    "pushmill_campaigns_foreign": ("counter", ("topic",)),
    "pushmill_campaigns_database_pool": ("gauge", ("state",)),
}


def test_the_metrics_are_the_contracts():
    registry = CollectorRegistry()
    Metrics(registry)
    labels = {each._name: (each._type, each._labelnames) for each in registry._collector_to_names}
    assert labels == CONTRACT


def test_what_is_known_beforehand_is_there_from_the_start():
    registry = CollectorRegistry()
    Metrics(registry)
    text = generate_latest(registry).decode()
    assert 'pushmill_campaigns_rate_limited_total{adapter="pushwoosh"} 0.0' in text
    assert 'pushmill_campaigns_database_pool{state="idle"} 0.0' in text
    assert 'pushmill_campaigns_collector_lag_records{topic="events"} 0.0' in text
    assert 'pushmill_campaigns_foreign_total{topic="outcomes"} 0.0' in text
    assert 'pushmill_campaigns_due_overdue_seconds{kind="campaign"} 0.0' in text
    assert "pushmill_campaigns_launch_stalled_seconds 0.0" in text


def test_the_labels_that_are_known_beforehand_are_those_that_there_will_be():
    assert COLLECTED == TOPICS
    assert CAMPAIGN in DUE


def test_a_request_is_counted_by_its_route():
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.count_request("own", "/v1/sites/{site}", 429, 0.02)
    metrics.count_ignored("own", 2)
    prefix = "pushmill_campaigns_"
    labels = {"adapter": "own", "route": "/v1/sites/{site}", "code": "429"}
    assert registry.get_sample_value(f"{prefix}http_requests_total", labels) == 1
    for name, value in (
        ("rate_limited_total", 1),
        ("ignored_fields_total", 2),
        ("http_request_duration_seconds_sum", 0.02),
    ):
        assert registry.get_sample_value(prefix + name, {"adapter": "own"}) == value
