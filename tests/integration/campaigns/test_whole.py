"""The short form of `python -m tests.chaos.campaigns.whole`: all of the campaign service is killed."""

from pathlib import Path

import pytest

from tests.chaos.campaigns.plans import Options
from tests.chaos.campaigns.whole import WholeRun

OPTIONS = Options(recipients=2000, keys=3, kills=4, collectors=2, sends=24, relays=3)


@pytest.mark.timeout(600)
async def test_whatever_dies_everybody_is_in_one_job_and_counted_once(apache_kafka, tmp_path: Path):
    said: list[str] = []
    findings = await WholeRun(OPTIONS, tmp_path, said.append).run(await apache_kafka())
    told = "\n".join([*findings.problems(), *said, findings.table()])
    assert not findings.missing, told
    assert not findings.reckoning.problems, told
    assert sum(findings.deaths["launcher"].values()) >= OPTIONS.kills, (
        told
    )  # of those of relays, one may be spared
    assert len(findings.wanted) == 3 + OPTIONS.sends
