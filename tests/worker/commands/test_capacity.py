import re

import pytest
import typer
from typer.testing import CliRunner

from worker.commands.capacity import LATENCIES, RATES, KeyAgreement, capacity

app = typer.Typer()
app.command("capacity")(capacity)


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def lines(*args):
    result = run(*args)
    assert result.exit_code == 0, result.output
    return {" ".join(line.split()) for line in result.stdout.splitlines()}


def test_it_says_what_decides_and_what_it_takes():
    told = lines("--rate", 100_000, "--latency", 0.2, "--cpu", 250)
    assert told >= {
        "100,000 pushes a second, answered after 0.2 s: 70 processes, decided by requests in flight",
        "CPU 33.2 cores 34 processes",
        "requests in flight 26,600 requests 70 processes decides",
        "processes 70 readers 70 partitions decides",
        "pods 70, PUSHMILL_PROCESSES=1",
        "34 with PUSHMILL_MAX_IN_FLIGHT=1044",
        "partitions 70 or more, of each topic that is read",
    }


def test_it_says_what_is_assumed():
    told = lines("--rate", 1000, "--cpu", 300, "--headroom", 0.5)
    assert "- 300 us of CPU a push, 0 of them for tiers and small records" in told
    assert "- records of a campaign share a notification: else 58 us more a record" in told
    assert "- 50% headroom, for retries and for a pod that is down" in told


@pytest.mark.parametrize("agreement", KeyAgreement)
def test_the_cpu_of_a_push_follows_from_what_agrees_on_keys(agreement):
    told = lines("--rate", 1000, "--agreement", agreement)
    cpu = f"- {agreement.cpu:.0f} us of CPU a push with PUSHMILL_AGREEMENT={agreement}, "
    assert any(line.startswith(cpu) for line in told)


def test_tiers_are_told_where_there_are_any():
    assert not [line for line in lines("--rate", 1000) if line.startswith("tiers")]
    [stretched] = [line for line in lines("--rate", 1000, "--stretch", 86_400) if line.startswith("tiers")]
    assert re.fullmatch(r"tiers [\d.]+ MB/s, 20\d records a second", stretched)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rate", 0),
        ("--latency", "nan"),
        ("--cpu", -1),
        ("--cores-per-pod", 0),
        ("--in-flight", 0),
        ("--recipients-per-record", 1001),
        ("--payload", -1),
        ("--stretch", "inf"),
        ("--headroom", -1),
    ],
)
def test_a_wrong_value_is_named_by_its_option(option, value):
    result = run("--rate", 1000, option, value)
    assert result.exit_code == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith(f"pushmill: {option}: should be ")


def test_without_a_rate_it_asks_for_one():
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("pushmill: --rate is missing: ")


def test_the_runbooks_tables_are_printed_and_have_every_rate_and_latency():
    told = run("--tables").stdout.splitlines()
    rows = [line for line in told if line.startswith("| 1") and "s |" in line]
    assert len(rows) == len(RATES) * len(LATENCIES) * len(KeyAgreement)
    assert any(line.startswith("| with `slice` | 0.21 |") for line in told)
