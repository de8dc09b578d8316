"""What a run of the campaign service's benchmarks says of its bounds."""

import json

from benchmarks.campaigns.findings import Bound, Finding, Findings

FAST = Finding("launcher", "us CPU a recipient", [4.0, 5.0, 9.0], Bound(6.0), [3.0, 2.0, 4.0])
SLOW = Finding("collector", "us CPU an outcome", [4.0, 7.0, 9.0], Bound(6.0))
SHARE = Finding("share of COPY's pace", "times", [0.3, 0.5, 0.6], Bound(0.4, at_least=True))
PLAIN = Finding("requests", "a turn", [12_000.0])


def test_a_bound_is_held_by_the_median():
    assert FAST.is_held
    assert not SLOW.is_held
    assert SHARE.is_held
    assert not Finding("share", "times", [0.3, 0.39, 0.9], Bound(0.4, at_least=True)).is_held
    assert PLAIN.is_held


def test_what_is_not_held_is_told_by_row_and_name():
    findings = Findings({"launching": [FAST], "collecting": [SLOW, SHARE]})
    assert findings.broken == ["collecting: collector"]


def test_the_table_has_bound_median_spread_and_postgresql():
    lines = Findings({"a": [FAST, SLOW], "b": [SHARE, PLAIN]}).table().splitlines()[2:]
    assert lines == [
        "| a | launcher | us CPU a recipient | at most 6.00 | 5.00 | 4.00 | 9.00 | 3.00 | yes |",
        "| a | collector | us CPU an outcome | at most 6.00 | 7.00 | 4.00 | 9.00 |  | **no** |",
        "| b | share of COPY's pace | times | at least 0.40 | 0.50 | 0.30 | 0.60 |  | yes |",
        "| b | requests | a turn |  | 12,000 | 12,000 | 12,000 |  |  |",
    ]


def test_a_run_is_written_with_what_has_no_figures(tmp_path):
    findings = Findings({"a": [SLOW]}, {"floods": "wrk is not on PATH"}, {"serving": "TimeoutError: "})
    findings.write(tmp_path / "results", {"machine": "one core"})
    told = (tmp_path / "results" / "campaigns.md").read_text()
    assert "- machine: one core\n" in told
    assert "| floods | left out: wrk is not on PATH |" in told
    assert "| serving | failed: TimeoutError:  |" in told
    read = json.loads((tmp_path / "results" / "campaigns.json").read_text())
    assert read["failed"] == {"serving": "TimeoutError: "}
    assert (
        read["rows"]["a"][0] | {"turns": [4.0, 7.0, 9.0], "bound": "at most 6.00", "held": False}
        == (read["rows"]["a"][0])
    )
