import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.worker.support import JOBS, NOW, TOKENS, job, make_pipeline, recipient, record
from worker.app import watch
from worker.app.watch import HELD_SECONDS, SLOW_SECONDS, Watch
from worker.edges import clock
from worker.edges.kafka.transactions import NOTHING, Held
from worker.metrics import Metrics
from worker.pipeline.actionable import NOT_ALLOWED
from worker.pipeline.shelf import Shelf
from worker.records.control import CampaignControl, State
from worker.records.envelope import Partition
from worker.records.topics import TIERS
from worker.records.values import RecordError, moment

STALLED = "no checkpoint is being acknowledged; sending is suspended until one is"
ELSEWHERE = {"endpoint": "https://elsewhere.example/x", "keys": recipient()["subscription"]["keys"]}


class Desk:
    """A watch over a pipeline and a shelf, with its own clock."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(clock, "monotonic", lambda: self.now)
        monkeypatch.setattr(clock, "now", lambda: NOW + self.now)
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        self.pipeline = make_pipeline(metrics=metrics)
        self.shelf = Shelf()
        self.watch = Watch(self.pipeline, self.shelf, TOKENS, metrics, topic_prefix="push.")

    def look(self):
        with capture_logs() as lines:
            self.watch._look()
        return [line["event"] for line in lines]

    def metric(self, name, **labels):
        return self.registry.get_sample_value(name, labels)

    def checkpoint(self, seconds=0.0):
        batch = self.pipeline.checkpoint(NOW)
        with capture_logs() as lines:
            self.watch.checkpoint(batch, self.now, seconds)
        self.pipeline.acknowledge(batch)
        return lines


@pytest.fixture
def desk(monkeypatch) -> Desk:
    return Desk(monkeypatch)


def test_a_worker_with_nothing_open_has_no_old_checkpoint(desk):
    desk.now += 1000
    assert desk.look() == []
    assert desk.metric("pushmill_checkpoint_age_seconds") == 0


def test_a_worker_that_begins_with_a_backlog_has_not_stalled(desk):
    desk.pipeline.accept(record(job()), NOW)
    desk.now += 0.5
    assert desk.look() == []
    assert desk.metric("pushmill_checkpoint_age_seconds") == 0.5


def test_a_stall_is_logged_once_however_long_it_lasts_and_so_is_its_end(desk):
    desk.look()
    desk.pipeline.accept(record(job()), NOW)
    told = []
    for _ in range(240):
        desk.now += 0.5
        told += desk.look()
    assert told == [STALLED]
    assert desk.metric("pushmill_checkpoint_age_seconds") == 120
    desk.checkpoint()
    with capture_logs() as lines:
        desk.watch._look_at_checkpoints()
    assert lines == [{"event": "checkpoints are acknowledged again", "seconds": 120, "log_level": "info"}]
    assert desk.metric("pushmill_checkpoint_age_seconds") == 0


def test_a_second_stall_right_after_the_first_is_logged_as_soon_as_it_is_no_repetition(desk):
    desk.look()
    desk.pipeline.accept(record(job()), NOW)
    told = []
    for second in range(1, 30):
        desk.now += 1
        told += [(second, event) for event in desk.look()]
        if second == 3:
            desk.checkpoint()
    assert told == [(2, STALLED), (4, "checkpoints are acknowledged again"), (12, STALLED)]


@pytest.mark.parametrize(("seconds", "events"), [(0.1, []), (SLOW_SECONDS, ["a checkpoint was slow"])])
def test_a_slow_checkpoint_is_logged(desk, seconds, events):
    desk.pipeline.accept(record(job()), NOW)
    assert [line["event"] for line in desk.checkpoint(seconds)] == events
    assert desk.metric("pushmill_checkpoint_duration_seconds_count") == 1


def test_what_a_checkpoint_settles_is_logged_once_for_each_site_without_any_endpoint(desk):
    for offset in range(3):
        desk.pipeline.accept(record(job(recipient() | {"subscription": ELSEWHERE}), offset=offset), NOW)
    [line] = desk.checkpoint()
    assert (line["event"], line["site"], line["job"]) == (NOT_ALLOWED, "site_a", "job_1")
    assert "elsewhere" not in str(line)


def test_dead_letters_are_logged_with_their_position_and_throttled_when_they_repeat(desk):
    wrong = record(b"{", offset=7)
    with capture_logs() as lines:
        for _ in range(5):
            desk.watch.dead_letter(wrong, RecordError("bad_json", "value: is not JSON"))
    [line] = lines
    assert (line["topic"], line["partition"], line["offset"]) == ("jobs", 0, 7)
    assert line["problem"] == "value: is not JSON"


def test_controls_are_logged_one_by_one_only_once_the_old_ones_are_read(desk):
    control = CampaignControl(1, "camp_1", State.PAUSED, moment(NOW))
    with capture_logs() as lines:
        desk.watch.control(control)
        desk.watch.control(control)
        desk.watch.controls_read()
        desk.watch.control(control)
    assert [(line["event"], line.get("records")) for line in lines] == [
        ("read the campaign controls", 2),
        ("campaign control", None),
    ]


def test_a_reset_is_counted_and_logged_with_the_offset_that_is_gone(desk):
    topic = "push.jobs"
    assert desk.metric("pushmill_offset_resets_total", topic=topic) == 0
    with capture_logs() as lines:
        desk.watch.reset(JOBS)
    assert desk.metric("pushmill_offset_resets_total", topic=topic) == 1
    assert (lines[0]["topic"], lines[0]["offset"]) == (topic, 0)


def test_lag_is_of_the_inputs_alone_and_never_below_nothing(desk):
    desk.pipeline.accept(record(job(), offset=0), NOW)
    ends = {JOBS: 5, Partition("jobs.urgent", 0): None, Partition(TIERS[0].topic, 0): 9}
    desk.watch._look_at_lag(ends.get)
    assert desk.metric("pushmill_consumer_lag_records", topic="push.jobs", partition="0") == 4
    assert desk.metric("pushmill_consumer_lag_records", topic="push.later.10s", partition="0") is None
    desk.watch._look_at_lag({JOBS: 0}.get)  # an old value: the position is already past it
    assert desk.metric("pushmill_consumer_lag_records", topic="push.jobs", partition="0") == 0


def test_what_is_held_is_told_of_inputs_and_controls_alone(desk):
    elsewhere, tier, control = Partition("jobs", 9), Partition(TIERS[0].topic, 0), Partition("control", 0)
    for _ in range(2):
        desk.watch._look_at_held(
            {JOBS: Held(3, 1), elsewhere: Held(4, 1), tier: Held(5, 1), control: NOTHING}
        )
    for topic, partition, records in (
        ("push.jobs", "0", 3),
        ("push.jobs", "9", None),  # this worker no longer has it
        ("push.later.10s", "0", None),
        ("push.control", "0", 0),
    ):
        assert desk.metric("pushmill_held_records", topic=topic, partition=partition) == records
    for _ in range(2):
        desk.watch._look_at_held({JOBS: NOTHING, control: Held(2, 0)})
    assert desk.metric("pushmill_held_records", topic="push.jobs", partition="0") == 0
    assert desk.metric("pushmill_held_records", topic="push.control", partition="0") == 2


def test_transactions_that_follow_one_another_hold_nothing(desk):
    for number in range(5):
        desk.watch._look_at_held({JOBS: Held(3, 4 * number)})
        assert desk.metric("pushmill_held_records", topic="push.jobs", partition="0") == 0
    desk.watch._look_at_held({JOBS: Held(7, 16)})
    assert desk.metric("pushmill_held_records", topic="push.jobs", partition="0") == 7


def test_a_partition_that_is_held_for_long_is_logged(desk):
    def held(records, seconds, start=4):
        desk.now += seconds
        with capture_logs() as lines:
            desk.watch._look_at_held({JOBS: Held(records, start)})
        return lines

    assert held(3, 0) == held(5, HELD_SECONDS - 1) == []
    [line] = held(6, 1)
    assert (line["topic"], line["partition"]) == ("push.jobs", 0)
    assert (line["records"], line["seconds"]) == (6, HELD_SECONDS)
    assert held(6, 1) == []  # throttled
    assert held(6, HELD_SECONDS, start=5) == []  # another transaction
    assert held(0, 1) == held(5, HELD_SECONDS, start=5) == held(5, 1, start=5) == []


def test_what_waits_in_a_tier_beyond_its_time_is_measured_in_seconds(desk):
    tier = TIERS[0]
    written_at = clock.now() - tier.delay
    desk.shelf.put([record(job(), Partition(tier.topic, 0), timestamp=written_at)], clock.now())
    desk.now += 3
    desk.look()
    assert desk.metric("pushmill_tier_overdue_seconds", tier=tier.name) == 3


async def test_it_looks_on_and_on_and_says_how_late_it_was(desk, monkeypatch):
    naps = iter([0.7, 0.5])

    async def sleep(seconds):
        assert seconds == watch.WATCH_SECONDS
        desk.now += next(naps)

    monkeypatch.setattr(watch.asyncio, "sleep", sleep)
    with pytest.raises(RuntimeError):  # what a StopIteration becomes
        await desk.watch.run({}.get, dict)
    assert desk.metric("pushmill_event_loop_lag_seconds") == 0
