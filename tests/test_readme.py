"""README is short, and what it claims is held to the results, the code and the Makefile.

What it tells a reader to type is typed in tests/integration/test_readme.py; its links are followed in
tests/docs/test_links.py.
"""

import re

from tests.docs.support import README, ROOT, blocks, names, rows, section, text
from worker.records.job import RECIPIENTS_MAX
from worker.records.outcome import Status

PROSE = " ".join(text(README).split())
RESULTS = {row[0]: row[1:] for row in rows(text(ROOT / "benchmarks/results/results.md"))}


def test_it_is_read_in_two_minutes():
    assert len(text(README).split()) < 1_000


def test_the_figures_are_those_of_the_results():
    cpu = float(RESULTS["worker: 100 a record"][0])
    ratio, least, most = RESULTS["pywebpush's async path / the worker"][1:]
    assert f"**{cpu:.0f} µs of CPU**" in PROSE
    assert f"took {ratio} times as much in the same turns ({least} to {most})" in PROSE


def test_it_counts_the_statuses_right():
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    assert f"one of [{words[len(Status) - 1]} statuses]" in PROSE


def test_it_counts_the_recipients_of_a_record_right():
    assert f"| Kafka records, up to {RECIPIENTS_MAX:,} recipients each |" in PROSE


def test_every_target_of_make_that_it_names_is_there():
    commands = "\n".join(names(text(README)) + blocks(text(README), "console"))
    named = set(re.findall(r"\bmake ([a-z]+)", commands))
    assert named >= {"demo", "setup"}
    assert named <= set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))


def test_what_it_installs_is_there():
    [commands] = blocks(section(README, "Install"), "console")
    project = text(ROOT / "pyproject.toml")
    extras = set(re.findall(r"'\.\[([a-z]+)\]'", commands))
    assert extras == {"campaigns", "demo"}
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)
    [version] = re.findall(r'^version = "(.*)"', project, re.MULTILINE)
    assert f"pushmill:{version} ." in commands
