"""Holding back what says nothing new, and nothing else."""

from types import SimpleNamespace

import pytest
from aiokafka.errors import OffsetOutOfRangeError
from hypothesis import given
from hypothesis import strategies as st

from worker.edges.kafka.fetch_backoff import FIRST_SECONDS, LONGEST_SECONDS, FetchBackoff

NO_NEWS = (b"", None)


def answer(records=b"", error=0):
    """An answer for two partitions, the second of which may have something to say."""
    silent, other = (0, 0, 7, 7, 0, [], -1, b""), (1, error, 7, 7, 0, [], -1, records)
    return SimpleNamespace(topics=[("push.jobs", [silent, other])])


NEWS = st.just(answer(b"batch")) | st.just(answer(error=OffsetOutOfRangeError.errno))
SILENCE = st.sampled_from([answer(none) for none in NO_NEWS] + [SimpleNamespace(topics=[])])
TOOK = st.floats(0, 1)


@given(st.lists(st.tuples(st.booleans(), TOOK), max_size=20), NEWS, TOOK)
def test_news_is_never_held_back(before, news, took):
    backoff = FetchBackoff()
    for is_news, took_before in before:
        backoff.hold(news if is_news else answer(), took_before)
    assert backoff.hold(news, took) == 0


@given(st.lists(st.tuples(SILENCE | NEWS, TOOK), max_size=20))
def test_an_answer_is_held_for_a_moment_at_most_and_never_if_the_broker_has_waited(answers):
    backoff = FetchBackoff()
    for given_answer, took in answers:
        held = backoff.hold(given_answer, took)
        assert 0 <= held <= max(LONGEST_SECONDS - took, 0)


@pytest.mark.parametrize("records", NO_NEWS)
def test_silence_is_asked_about_less_and_less_often_until_there_is_news(records):
    backoff = FetchBackoff()
    begin = [FIRST_SECONDS, FIRST_SECONDS * 2, FIRST_SECONDS * 4]
    for _ in range(2):
        held = [backoff.hold(answer(records), 0) for _ in range(12)]
        assert held[:3] == begin
        assert held == sorted(held)
        assert held[-1] == LONGEST_SECONDS
        backoff.hold(answer(b"batch"), 0)
