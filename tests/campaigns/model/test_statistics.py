from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.statistics import ENGAGEMENTS, Counts, Engagement, Statistics, statistics

NOW = datetime(2026, 11, 21, tzinfo=UTC)

UNDER_WAY = Counts(
    targeted=100,
    written=80,
    by_status={"sent": 50, "rejected": 5, "lapsed": 3, "cancelled": 2},
    attempted=57,
    unsubscribed=1,
    engagement={"shown": Engagement(40, 41), "clicks": Engagement(5, 9)},
)


def test_what_came_of_a_launch():
    found = statistics([UNDER_WAY], NOW)
    assert found == Statistics(
        targeted=100,
        written=80,
        attempted=57,
        accepted=50,
        refused=7,
        not_sent=3,
        unknown=0,
        unsubscribed=1,
        by_status={"cancelled": 2, "lapsed": 3, "rejected": 5, "sent": 50},
        shown=Engagement(40, 41),
        clicks=Engagement(5, 9),
        counted_until=NOW,
    )


def test_what_is_open_at_the_end_is_unknown():
    done = Counts(targeted=100, written=80, by_status={"sent": 70}, attempted=70, is_done=True)
    assert statistics([done], NOW).unknown == 10


def test_nothing_came_of_nothing():
    assert statistics([], None) == Statistics()


@st.composite
def counts(draw):
    by_status = draw(
        st.dictionaries(st.sampled_from(["sent", "failed", "lapsed", "new"]), st.integers(0, 50))
    )
    attempted = draw(st.integers(by_status.get("sent", 0), sum(by_status.values())))
    engagement = st.builds(Engagement, st.integers(0, 9), st.integers(0, 99))
    return Counts(
        targeted=draw(st.integers(0, 500)),
        written=draw(st.integers(0, 500)),
        by_status=by_status,
        attempted=attempted,
        engagement=draw(st.dictionaries(st.sampled_from(ENGAGEMENTS), engagement)),
        is_done=draw(st.booleans()),
    )


@given(st.lists(counts(), max_size=4))
def test_a_campaigns_statistics_are_the_sum_of_its_launches(launches):
    whole, parts = statistics(launches, NOW), [statistics([each], NOW) for each in launches]
    numbers = (
        "targeted",
        "written",
        "attempted",
        "accepted",
        "refused",
        "not_sent",
        "unknown",
        "unsubscribed",
    )
    for name in numbers:
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts)
    for name in ENGAGEMENTS:
        assert getattr(whole, name).total == sum(getattr(part, name).total for part in parts)
    assert sum(whole.by_status.values()) == whole.accepted + whole.refused + whole.not_sent
