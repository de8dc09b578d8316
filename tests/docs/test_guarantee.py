"""docs/guarantee.md names the bounds of the code, and says of chaos what chaos does."""

import re

import pytest

from campaigns.operations.sending import URGENT_MAX
from tests.chaos.__main__ import COUNTS, parsed
from tests.chaos.schedule import Kind
from tests.chaos.verdict import FREEZES, Verdict
from tests.docs.support import DOCS, blocks, text
from worker.config import REBALANCE_TIMEOUT, Settings
from worker.ledger.lease import DURATION
from worker.ledger.ledger import CHECKPOINT_MAX
from worker.ledger.patience import ANSWER_LIMIT, OUTAGE_LIMIT
from worker.records.topics import INPUTS, TIER_TOPICS, TOPICS
from worker.timing.tiers import HORIZON

PAGE = text(DOCS / "guarantee.md")
PROSE = " ".join(PAGE.split())


def retention_days() -> str:
    [kept] = {int(topic.config["retention.ms"]) for topic in TOPICS if topic.name in {*INPUTS, *TIER_TOPICS}}
    return f"{kept / 86_400_000:g}"


def allowed_at_one_death() -> int:
    verdict = Verdict(1, parsed([]).in_flight)
    verdict.note(Kind.KILL, 0.0)
    return verdict.happened[0].allowed


DRAIN_TIMEOUT = Settings.model_fields["drain_timeout"].default
FREEZE_COUNT = sum(COUNTS[kind] for kind in (*FREEZES, Kind.PAUSE))


@pytest.mark.parametrize(
    "said",
    [
        f"a checkpoint is due every {Settings.model_fields['checkpoint_interval'].default:g} seconds",
        f"in number ({CHECKPOINT_MAX:,} recipients, both together)",
        f"no checkpoint acknowledged for {DURATION:g} second sends nothing",
        f"waiting in memory for its next attempt ({HORIZON:g} seconds at most)",
        f"{DRAIN_TIMEOUT + ANSWER_LIMIT:g} seconds after a stop began",
        f"(`PUSHMILL_DRAIN_TIMEOUT` and {ANSWER_LIMIT:g}), and {REBALANCE_TIMEOUT:g} after a rebalance did",
        f"as long as it is over within {OUTAGE_LIMIT / 60:g} minutes and no other worker",
        f"retention of `push.jobs` and `push.later.*` ({retention_days()} days)",
        f"runs {parsed([]).workers} workers and a stretched campaign of {parsed([]).recipients:,} recipients",
        f"kills workers {COUNTS[Kind.KILL]} times with `kill -9`",
        f"stops and restarts them {COUNTS[Kind.TERM]} times with SIGTERM",
        f"lets {COUNTS[Kind.JOIN]} further workers join and leave",
        f"freezes workers {FREEZE_COUNT} times",
        f"more repeats than {allowed_at_one_death():,},",
        f"and the {parsed([]).in_flight} requests that a worker has in flight",
        f"Sends to at most {URGENT_MAX} recipients are the one exception",
    ],
)
def test_a_number_is_the_code_s(said: str):
    assert said in PROSE


def test_no_kill_of_a_run_that_it_tells_of_repeated_more_than_is_allowed():
    found = re.findall(r"^\| .*? \| 0 \| [\d,]+ \| ([\d,]+) \|", PAGE, re.MULTILINE)
    worst = [int(cell.replace(",", "")) for cell in found]
    assert len(worst) > 3
    assert max(worst) <= allowed_at_one_death()


def test_nothing_was_lost_in_any_of_them():
    runs = re.findall(r"^\| (?:everything|50) .*? \| (\d+) \|", PAGE, re.MULTILINE)
    assert len(runs) > 5
    assert set(runs) == {"0"}


def test_the_commands_of_chaos_are_taken():
    [commands] = blocks(PAGE, "console")
    arguments = re.findall(r'ARGS="([^"]*)"', commands)
    assert len(arguments) > 2
    for given in arguments:
        if given != "--help":
            options = parsed(given.split())
            assert options.counts or options.campaigns
