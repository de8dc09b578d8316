import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.simulator.answers import TAKEN, Fault, ScriptedAnswer
from worker.simulator.faults import Faults, FaultShare, parse_share, throw

TOKENS = [f"token-{number}" for number in range(20_000)]

shares = st.builds(
    FaultShare,
    fault=st.sampled_from(Fault),
    share=st.floats(0, 0.2),
    sticky=st.booleans(),
    retry_after=st.none() | st.floats(0, 3600),
)
plans = st.builds(
    Faults,
    seed=st.integers(0, 2**32),
    latency=st.floats(0, 1),
    jitter=st.floats(0, 1),
    shares=st.lists(shares, max_size=4).map(tuple),
)


@given(plans, st.text(min_size=1, max_size=200), st.integers(1, 100))
def test_the_same_seed_gives_the_same_answer(faults, token, attempt):
    again = msgspec.json.decode(msgspec.json.encode(faults), type=Faults)
    assert faults.answer(token, attempt) == again.answer(token, attempt)
    assert faults.latency <= faults.delay(token, attempt) <= faults.latency + faults.jitter


@given(plans, st.text(min_size=1, max_size=50))
def test_a_sticky_fault_stays_with_its_subscription(faults, token):
    met = [faults.fault(token, attempt) for attempt in range(1, 6)]
    if any(item is not None and item.sticky for item in met):
        assert len(set(met)) == 1


def test_shares_come_out():
    faults = Faults(
        seed=7,
        shares=(
            FaultShare(Fault.GONE, 0.05, sticky=True),
            FaultShare(Fault.NOT_FOUND, 0.02, sticky=True),
            FaultShare(Fault.TOO_MANY, 0.1),
            FaultShare(Fault.RESET_LATE, 0.03),
        ),
    )
    met = [faults.answer(token, 1).fault for token in TOKENS]
    for fault, share in ((Fault.GONE, 0.05), (Fault.NOT_FOUND, 0.02)):
        assert met.count(fault) / len(TOKENS) == pytest.approx(share, rel=0.15)
    for fault, share in ((Fault.TOO_MANY, 0.1), (Fault.RESET_LATE, 0.03)):
        assert met.count(fault) / len(TOKENS) == pytest.approx(share * 0.93, rel=0.15)


def test_another_seed_and_another_attempt_meet_others():
    faults = Faults(seed=1, shares=(FaultShare(Fault.ERROR, 0.5),))
    other = msgspec.structs.replace(faults, seed=2)
    first = [faults.answer(token, 1) for token in TOKENS[:1000]]
    assert first != [faults.answer(token, 2) for token in TOKENS[:1000]]
    assert first != [other.answer(token, 1) for token in TOKENS[:1000]]


def test_no_faults_cost_nothing():
    assert Faults().answer("token", 1) is TAKEN
    assert Faults(latency=0.5).answer("token", 1) == ScriptedAnswer(201, delay=0.5)


def test_a_share_brings_its_status_and_pause():
    share = FaultShare(Fault.TOO_MANY, 1.0, retry_after=3, http_date=True)
    expected = ScriptedAnswer(429, 3, http_date=True, fault=Fault.TOO_MANY)
    assert Faults(shares=(share,)).answer("token", 1) == expected


@given(st.integers(), st.text())
def test_a_throw_lies_in_its_range(seed, subject):
    assert 0 <= throw(seed, subject) < 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"shares": (FaultShare(Fault.GONE, 0.6), FaultShare(Fault.ERROR, 0.6))}, "add up"),
        ({"shares": (FaultShare(Fault.GONE, -0.1),)}, "between"),
        ({"latency": -1}, "latency"),
        ({"jitter": -1}, "jitter"),
    ],
)
def test_what_cannot_be_meant_is_refused(values, reason):
    with pytest.raises(ValueError, match=reason):
        Faults(**values)


def test_shares_of_both_kinds_may_each_fill_the_whole():
    Faults(shares=(FaultShare(Fault.GONE, 1.0, sticky=True), FaultShare(Fault.ERROR, 1.0)))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("429=0.02", FaultShare(Fault.TOO_MANY, 0.02)),
        ("gone=0.01:sticky", FaultShare(Fault.GONE, 0.01, sticky=True)),
        ("503=0.1:retry_after=5", FaultShare(Fault.UNAVAILABLE, 0.1, retry_after=5.0)),
        ("reset-late=1:sticky=false", FaultShare(Fault.RESET_LATE, 1.0)),
        ("406=0.5:http_date:retry_after=9", FaultShare(Fault.THROTTLED, 0.5, False, 9.0, True)),
    ],
)
def test_the_command_line_form(text, share):
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["", "429", "429=much", "418=0.1", "gone=0.1:stickily", "gone=0.1:sticky=x"])
def test_a_bad_command_line_form_is_refused(text):
    with pytest.raises(ValueError, match="FAULT=SHARE"):
        parse_share(text)
