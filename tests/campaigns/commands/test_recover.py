"""`pushmill campaigns recover`; what it enters is told by tests/campaigns/recovery."""

import pytest

from campaigns.model.ids import LaunchId
from campaigns.recovery.recover import Recovered, StillLaunchingError

SINCE = "2026-11-21T04:00:00Z"


@pytest.fixture
def recovered(monkeypatch):
    """Lets it enter what the test says, or fail so; notes since when."""
    seen = []

    def arrange(outcome):
        async def recover(_settings, _database, since, _now):
            seen.append(since.isoformat())
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr("campaigns.commands.recover.enter_what_was_missed", recover)
        return seen

    return arrange


def test_it_tells_what_it_has_entered(pushmill, recovered):
    done = Recovered(launches=2, sends=1, controls=0, outbox=3, erased=4, left=[LaunchId(7, "abcdefgh")])
    seen = recovered(done)
    said = pushmill("recover", "--since", SINCE)
    assert [line.split()[0] for line in said.splitlines()[:-1]] == ["2", "1", "0", "3", "4", "1"]
    assert said.splitlines()[-1] == "not entered: launch_7_abcdefgh"
    assert pushmill.json("recover", "--since", "2026-11-21T05:00:00+01:00") == {
        **{name: getattr(done, name) for name in ("launches", "sends", "controls", "outbox", "erased")},
        "left": ["launch_7_abcdefgh"],
    }
    assert seen == ["2026-11-21T04:00:00+00:00", "2026-11-21T05:00:00+01:00"]


@pytest.mark.parametrize("given", ["yesterday", "2026-11-21T04:00:00", "2026-11-21", ""])
def test_a_time_needs_an_offset(pushmill, given):
    assert pushmill.refused("recover", "--since", given) == (
        f"--since should be a time with an offset, such as {SINCE}"
    )


def test_whoever_launches_meanwhile_is_told_of(pushmill, recovered):
    recovered(StillLaunchingError("launchers are at work"))
    assert pushmill.refused("recover", "--since", SINCE, status=1) == "launchers are at work"


def test_a_kafka_that_is_away_is_told_of(pushmill):
    assert "cannot use Kafka at 127.0.0.1:1" in pushmill.refused("recover", "--since", SINCE, status=1)
