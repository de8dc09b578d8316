"""Jobs whose records have timestamps that cannot be, or of clocks that are off: on the whole path."""

import pytest

from tests.worker.pipeline.simulated import TIERS_AND_JOBS, Kafka, Worker, always, run
from tests.worker.pipeline.support import LATER, OK, answered, at, later, outcomes, published
from tests.worker.support import JOBS, NOW, job, make_pipeline, recipient, record
from worker.timing.clocks import WrongClock

PAST = [NOW / 1000, 0.0, -0.001]  # in seconds; none; Kafka's -1
FUTURE = [NOW * 1000, NOW + 300.001]  # in microseconds; a clock that is fast


@pytest.mark.parametrize("timestamp", PAST + FUTURE)
def test_a_job_whose_timestamp_cannot_be_is_sent_at_once_and_that_is_told(timestamp):
    pipeline = make_pipeline()
    wrong = pipeline.accept(record(job(ttl=60), timestamp=timestamp), NOW)
    assert wrong is (WrongClock.PAST if timestamp < NOW else WrongClock.FUTURE)
    (flight,) = answered(pipeline)
    assert (flight.delivery.due, flight.request.headers["TTL"]) == (NOW, "60")
    assert [each["status"] for each in outcomes(published(pipeline))] == ["sent"]


@pytest.mark.parametrize("timestamp", PAST + FUTURE)
def test_a_start_of_the_jobs_own_needs_no_timestamp(timestamp):
    pipeline = make_pipeline()
    assert pipeline.accept(record(job(start_at=at(NOW + 5)), timestamp=timestamp), NOW) is None
    assert pipeline.next_due == NOW + 5


@pytest.mark.parametrize("timestamp", PAST + FUTURE)
def test_what_comes_of_it_says_when_it_starts(timestamp):
    pipeline = make_pipeline()
    people = [recipient("a"), recipient("b")]
    said = {"stretch_time": 200, "slice": {"first": 0, "total": 2}}
    pipeline.accept(record(job(*people, **said), timestamp=timestamp), NOW)
    (value,) = later(published(pipeline), "later.1m")
    assert value["start_at"] == at(NOW).replace("+00:00", "Z")
    pipeline = make_pipeline(LATER)
    assert (
        pipeline.accept(record(value, LATER, timestamp=timestamp), NOW + 95) is None
    )  # and it says so itself
    assert pipeline.next_due == NOW + 100


@pytest.mark.parametrize("timestamp", PAST + FUTURE)
@pytest.mark.parametrize("sliced", [False, True])
def test_a_stretched_campaign_with_such_a_timestamp_is_spread_as_any_other(timestamp, sliced):
    post, sent = always(OK)
    people = [recipient(f"r{number}") for number in range(20)]
    said = {"slice": {"first": 0, "total": 20}} if sliced else {}
    kafka = Kafka()
    value = job(*people, stretch_time=2000, payload="", **said)
    kafka.logs[JOBS].append(record(value, JOBS, 0, timestamp))
    run([Worker(kafka, TIERS_AND_JOBS, NOW, post)], NOW)
    moments = sorted(moment - NOW for (moment,) in sent.values())
    assert len(moments) == 20
    assert moments[0] >= 0
    assert moments[-1] <= 2001
    if sliced:
        assert all(0 <= moment - 100 * number < 1 for number, moment in enumerate(moments))


@pytest.mark.parametrize("timestamp", [NOW + 299, NOW - 30])
def test_a_clock_that_is_a_little_off_is_believed(timestamp):
    pipeline = make_pipeline()
    assert pipeline.accept(record(job(), timestamp=timestamp), NOW) is None
    assert pipeline.dispatch(NOW, 10) == [] if timestamp > NOW else pipeline.dispatch(NOW, 10)


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_a_start_at_the_end_of_time_waits_without_an_error(start):
    value = job(recipient(not_before=start), start_at=start, stretch_time=86_400, ttl=2**31 - 1)
    for place in (JOBS, LATER, LATER):
        pipeline = make_pipeline(place)
        assert pipeline.accept(record(value, place), NOW) is None
        (value,) = later(published(pipeline), "later.1h")
        assert value["start_at"] == "9999-12-31T23:59:59Z"


def test_a_start_at_the_beginning_of_time_has_lapsed():
    pipeline = make_pipeline()
    assert pipeline.accept(record(job(start_at="0001-01-01T00:00:00+14:00")), NOW) is None
    assert [each["status"] for each in outcomes(published(pipeline))] == ["lapsed"]
