"""The sizing agrees with the measurements, with the worker's own constants, and with Little's law."""

import json
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from statistics import median

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from worker.commands.sizing import (
    ALONE_MICROSECONDS,
    CPU_MICROSECONDS,
    IN_FLIGHT,
    IN_FLIGHT_MAX,
    KEPT_SECONDS,
    LOOK_MICROSECONDS,
    MULTIBUFFER_CPU_MICROSECONDS,
    OUTCOME_BYTES,
    PARTITION_BYTES,
    PROCESS_MIB,
    RECIPIENT_BYTES,
    RECORD_MICROSECONDS,
    Bound,
    CapacityError,
    Demand,
    Sizing,
    size,
    tiers_of,
    usable_slots,
    with_more_in_flight,
)
from worker.config import Settings
from worker.ledger.ledger import CHECKPOINT_MAX

RESULTS = json.loads((Path(__file__).parents[3] / "benchmarks/results/results.json").read_text())["figures"]
SCHEMAS = Path(__file__).parents[3] / "schemas/examples"

RATES = st.floats(1, 1e6)
LATENCIES = st.floats(0.001, 10)
DEMANDS = st.builds(
    Demand,
    rate=RATES,
    latency=LATENCIES,
    cpu=st.floats(10, 2000),
    cores_per_pod=st.integers(1, 64),
    in_flight=st.integers(1, 10_000),
    recipients_per_record=st.sampled_from([1, 10, 100, 1000]),
    payload=st.integers(0, 4000),
    stretch=st.sampled_from([0.0, 60.0, 3600.0]),
    headroom=st.floats(0, 1),
)


def measured(name: str) -> float:
    return median(RESULTS[name]["rounds"])


# ── what it is calculated from ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("constant", "line"),
    [
        (CPU_MICROSECONDS, "100 a record"),
        (ALONE_MICROSECONDS, "1 a record"),
        pytest.param(
            *(MULTIBUFFER_CPU_MICROSECONDS, "100 a record, multibuffer"),
            marks=pytest.mark.xfail(raises=KeyError, strict=True, reason="the results are older"),
        ),
    ],
)
def test_the_cpu_of_a_push_is_what_the_benchmark_measured(constant, line):
    assert constant == pytest.approx(measured(f"worker: {line}"), abs=0.5)


def test_the_memory_of_a_process_is_above_what_the_benchmark_measured():
    for line in ("100 a record", "1 a record"):
        assert measured(f"memory, MiB: {line}") < PROCESS_MIB


def test_requests_at_once_are_the_setting_s_default():
    assert Settings.model_fields["max_in_flight"].default == IN_FLIGHT < IN_FLIGHT_MAX < CHECKPOINT_MAX


def test_a_partition_gives_a_full_fetch_in_each_turn(monkeypatch, tmp_path):
    from worker.app.fetch import FETCH_SECONDS  # noqa: PLC0415 - what the core must not import
    from worker.config import load_settings  # noqa: PLC0415
    from worker.edges.kafka import consumer as kafka  # noqa: PLC0415

    options = {}
    monkeypatch.setattr(kafka, "AIOKafkaConsumer", lambda **given: options.update(given))
    given = {"PUSHMILL_VAPID_DIR": str(tmp_path), "PUSHMILL_VAPID_SUBJECT": "mailto:x@example.com"}
    kafka.GroupConsumer(load_settings(given), ["jobs"], 0)
    assert pytest.approx(options["max_partition_fetch_bytes"] / FETCH_SECONDS) == PARTITION_BYTES


def test_records_are_kept_as_long_as_topics_are_made_to():
    from worker.records.topics import TOPICS  # noqa: PLC0415 - what the core must not import

    kept = {topic.config["retention.ms"] for topic in TOPICS if topic.name.startswith(("jobs", "later"))}
    assert kept == {str(KEPT_SECONDS * 1000)}


def test_recipients_and_outcomes_are_as_large_as_calculated_with():
    job = json.loads((SCHEMAS / "send-job.json").read_text())
    subscription = job["recipients"][0]["subscription"]
    subscription["endpoint"] = "https://fcm.googleapis.com/fcm/send/" + "x" * 152  # like Chrome's today
    person = {"id": "sub_1234567", "subscription": subscription, "variables": {"name": "Ada", "sku": "a-1"}}
    assert len(msgspec.json.encode(person)) == pytest.approx(RECIPIENT_BYTES, rel=0.1)
    outcome = json.loads((SCHEMAS / "outcome-batch.json").read_text())["outcomes"][0]
    assert len(msgspec.json.encode(outcome)) == pytest.approx(OUTCOME_BYTES, rel=0.1)


# ── the bounds ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_thousand_a_second_is_a_third_of_a_core():
    sizing = size(Demand(1000, 0.05))
    assert sizing.cores == pytest.approx(1000 * 1.33 * CPU_MICROSECONDS / 1e6)
    assert (sizing.pods, sizing.processes, sizing.partitions, sizing.decides) == (1, 1, 1, Bound.CPU)


def test_slow_push_services_need_slots_rather_than_cores():
    sizing = size(Demand(10_000, 1.0, headroom=0))
    assert sizing.requests == 10_000
    assert usable_slots(512) == 384
    assert (sizing.decides, sizing.processes) == (Bound.IN_FLIGHT, 27)


def test_large_records_need_partitions_to_be_read_from():
    sizing = size(Demand(100_000, 0.01, recipients_per_record=1, payload=4000, cpu=1))
    assert sizing.decides_partitions is Bound.BYTES
    assert sizing.partitions * PARTITION_BYTES >= 100_000 * 4420


def test_a_pod_is_filled_with_processes_and_each_has_a_partition():
    sizing = size(Demand(100_000, 0.05, cpu=250, cores_per_pod=8))
    assert (sizing.pods, sizing.processes) == (5, 40)
    assert sizing.partitions >= 40
    assert sizing.memory_mib == 2 * 8 * PROCESS_MIB


def test_small_records_cost_more_cpu_as_it_was_measured():
    alone = size(Demand(1, 1, recipients_per_record=1))
    assert alone.cpu == pytest.approx(ALONE_MICROSECONDS)
    assert size(Demand(1, 1, recipients_per_record=1000)).cpu < CPU_MICROSECONDS
    assert size(Demand(1, 1)).cpu == CPU_MICROSECONDS


@pytest.mark.parametrize("cpu", [179.0, 220.0, *range(50, 400, 7)])
def test_with_more_in_flight_cpu_alone_decides(cpu):
    slow = Demand(100_000, 0.2, cpu=cpu)
    better = with_more_in_flight(slow)
    if better is not None and better.demand.in_flight < IN_FLIGHT_MAX:
        assert better.processes == size(slow).processes_for[Bound.CPU]


def test_more_in_flight_is_told_where_it_helps_and_only_there():
    slow = Demand(100_000, 0.2)
    better = with_more_in_flight(slow)
    assert better is not None
    assert better.processes == size(slow).processes_for[Bound.CPU] < size(slow).processes
    assert slow.in_flight < better.demand.in_flight < IN_FLIGHT_MAX
    assert with_more_in_flight(Demand(100_000, 0.01)) is None
    assert with_more_in_flight(Demand(100_000, 5.0, in_flight=IN_FLIGHT_MAX)) is None
    # The slots take four processes, and the pod has four anyway.
    assert with_more_in_flight(Demand(1000, 1.0, cores_per_pod=4)) is None


# ── tiers ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_cost_of_tiers_is_what_was_simulated_for_a_hundred_million_over_a_day():
    rate, day = 100_000_000 / 86_400, 86_400.0
    sliced = size(Demand(rate, 0.1, stretch=day)).traffic
    hashed = size(Demand(rate, 0.1, stretch=day, hashed=True)).traffic
    assert sliced.tier_records / rate == pytest.approx(0.21, rel=0.03)
    assert sliced.tier_records == pytest.approx(243, rel=0.03)
    assert hashed.tier_records / rate == pytest.approx(6.9, rel=0.03)
    assert hashed.tier_records == pytest.approx(8000, rel=0.03)


def test_what_is_due_at_once_costs_nothing_in_tiers():
    assert tiers_of(Demand(1, 1)) == tiers_of(Demand(1, 1, stretch=15, hashed=True))
    assert size(Demand(1, 1, stretch=15)).traffic.tiers == 0


def test_tiers_cost_cpu_for_each_look_and_each_record():
    for hashed in (False, True):
        demand = Demand(1, 1, stretch=86_400, hashed=hashed)
        tiers = tiers_of(demand)
        assert tiers.looks == pytest.approx(21, rel=0.05)
        spent = tiers.looks * LOOK_MICROSECONDS + tiers.records * RECORD_MICROSECONDS
        assert size(demand).cpu == pytest.approx(CPU_MICROSECONDS + spent)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from([60.0, 600.0, 7200.0]), st.sampled_from([1, 10, 100]))
def test_slice_never_costs_more_than_none(stretch, per_record):
    sliced, hashed = (
        size(Demand(1, 1, stretch=stretch, recipients_per_record=per_record, hashed=hashed))
        for hashed in (False, True)
    )
    assert sliced.traffic.tier_records <= hashed.traffic.tier_records * 1.1


# ── always ──────────────────────────────────────────────────────────────────────────────────────────────────


def holds(sizing: Sizing) -> bool:
    demand = sizing.demand
    return (
        sizing.processes * usable_slots(demand.in_flight) >= demand.rate * demand.latency
        and sizing.processes >= demand.rate * sizing.cpu / 1e6
        and sizing.partitions >= sizing.processes
        and sizing.partitions * PARTITION_BYTES >= sizing.traffic.busiest_topic
    )


@settings(deadline=None, max_examples=50)
@given(DEMANDS)
def test_there_are_never_fewer_slots_cores_or_partitions_than_it_takes(demand):
    assert holds(size(demand))
    better = with_more_in_flight(demand)
    if better:
        assert holds(better)
        assert better.processes < size(demand).processes


@settings(deadline=None, max_examples=50)
@given(DEMANDS, RATES)
def test_a_higher_rate_never_needs_less(demand, rate):
    assume(rate >= demand.rate)
    less, more = size(demand), size(replace(demand, rate=rate))
    assert more.processes >= less.processes
    assert more.partitions >= less.partitions
    assert more.traffic.written >= less.traffic.written


@settings(deadline=None, max_examples=50)
@given(DEMANDS, LATENCIES)
def test_slower_answers_never_need_less(demand, latency):
    assume(latency >= demand.latency)
    less, more = size(demand), size(replace(demand, latency=latency))
    assert more.processes >= less.processes
    assert more.partitions >= less.partitions


@settings(deadline=None, max_examples=50)
@given(DEMANDS)
def test_what_decides_asks_for_the_most(demand):
    sizing = size(demand)
    assert sizing.processes_for[sizing.decides] == max(sizing.processes_for.values())
    assert sizing.partitions_for[sizing.decides_partitions] == sizing.partitions


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("rate", value) for value in (0, -1, inf, nan)),
        *(("latency", value) for value in (0, -1, inf, nan)),
        *(("cpu", value) for value in (0, nan)),
        ("cores_per_pod", 0),
        ("in_flight", 0),
        ("recipients_per_record", 0),
        ("recipients_per_record", 1001),
        ("payload", -1),
        *(("stretch", value) for value in (-1, inf)),
        *(("headroom", value) for value in (-0.1, nan)),
    ],
)
def test_an_error_names_the_field(field, value):
    with pytest.raises(CapacityError, match=rf"^{field}: should be "):
        Demand(**{"rate": 1000, "latency": 0.1, field: value})
