"""Merging several processes' metrics: what is summed, what is not, and what is kept."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from campaigns.metrics import Metrics as CampaignMetrics
from worker.edges.process.totals import SUMMED_GAUGES, counted, merge, read, render
from worker.metrics import Metrics
from worker.push.services import PushService


def process(fill) -> tuple[CollectorRegistry, Metrics]:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    fill(metrics)
    return registry, metrics


def families(fill):
    return read(generate_latest(process(fill)[0]).decode())


def samples(merged) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(render(merged).decode())
        for each in family.samples
    }


def busy(metrics: Metrics) -> None:
    metrics.consumed["push.jobs"].inc(3)
    metrics.lateness["normal"].observe(0.01)
    metrics.buffered.set(10)
    metrics.event_loop_lag.set(0.5)
    metrics.checkpoint_age.set(0.4)
    metrics.consumer_lag["push.jobs", 0].set(4)
    metrics.tier_overdue["10s"].set(2)
    metrics.concurrency_limit[PushService.FCM].set(100)
    metrics.enter("running")


def idle(metrics: Metrics) -> None:
    metrics.checkpoint_age.set(31)
    metrics.consumed["push.jobs"].inc()
    metrics.lateness["normal"].observe(10)
    metrics.buffered.set(1)
    metrics.consumer_lag["push.jobs", 1].set(9)
    metrics.concurrency_limit[PushService.FCM].set(50)
    metrics.enter("starting")


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("pushmill_consumed_records_total", {"topic": "push.jobs"}, 4),
        ("pushmill_lateness_seconds_count", {"lane": "normal"}, 2),
        ("pushmill_lateness_seconds_sum", {"lane": "normal"}, 10.01),
        ("pushmill_lateness_seconds_bucket", {"lane": "normal", "le": "0.02"}, 1),
        ("pushmill_lateness_seconds_bucket", {"lane": "normal", "le": "+Inf"}, 2),
        ("pushmill_buffered_recipients", {}, 11),
        ("pushmill_concurrency_limit", {"push_service": "fcm"}, 150),
        ("pushmill_event_loop_lag_seconds", {}, 0.5),
        ("pushmill_checkpoint_age_seconds", {}, 31),
        ("pushmill_tier_overdue_seconds", {"tier": "10s"}, 2),
        ("pushmill_consumer_lag_records", {"topic": "push.jobs", "partition": "0"}, 4),
        ("pushmill_consumer_lag_records", {"topic": "push.jobs", "partition": "1"}, 9),
        ("pushmill_worker_state", {"state": "running"}, 1),
        ("pushmill_worker_state", {"state": "starting"}, 1),
        ("pushmill_worker_state", {"state": "draining"}, 0),
    ],
)
def test_what_adds_up_and_what_does_not(name, labels, value):
    merged = samples(merge([families(busy), families(idle)]))
    assert merged[name, tuple(sorted(labels.items()))] == pytest.approx(value)


def test_one_process_alone_exposes_what_it_does_itself():
    alone = families(busy)
    assert samples(merge([alone])) == samples(alone)
    registry, _ = process(busy)
    own = {
        (each.name, tuple(sorted(each.labels.items())))
        for family in registry.collect()
        for each in family.samples
        if not each.name.endswith("_created")
    }
    assert samples(alone).keys() == own


def test_names_kinds_and_help_are_kept():
    text = render(merge([families(busy), families(idle)])).decode()
    assert "# HELP pushmill_outcomes_total Recipients with a final status." in text
    assert "# TYPE pushmill_outcomes_total counter" in text
    assert "# TYPE pushmill_lateness_seconds histogram" in text
    assert "process=" not in text
    assert "_created" not in text


def test_what_ended_stays_counted_and_its_gauges_do_not():
    merged = samples(merge([counted(families(busy)), families(idle)]))
    assert merged["pushmill_consumed_records_total", (("topic", "push.jobs"),)] == 4
    assert merged["pushmill_buffered_recipients", ()] == 1
    assert merged["pushmill_worker_state", (("state", "running"),)] == 0


def test_merging_changes_nothing_that_it_is_given():
    one = families(busy)
    before = samples(one)
    merge([one, families(idle)])
    assert samples(one) == before


def test_the_summed_gauges_exist():
    campaigns = CollectorRegistry()
    CampaignMetrics(campaigns)
    registries = (process(busy)[0], campaigns)
    known = {family.name for each in registries for family in each.collect() if family.type == "gauge"}
    assert {name for name in SUMMED_GAUGES if name.startswith("pushmill_")} <= known
