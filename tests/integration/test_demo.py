"""`pushmill demo` as a user runs it: a process of its own, with everything that it starts."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.harness.worker_process import unset_environment

pytestmark = pytest.mark.given_broker

COMMAND = (sys.executable, "-m", "worker.cli", "demo")
SECONDS = 150


@pytest.fixture
def environment(tmp_path):
    """An environment with no setting of ours but the broker's address, and a temporary folder to inspect."""
    broker = os.environ.get("PUSHMILL_TEST_BROKER")
    given = {"PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": broker} if broker else {}
    return {**unset_environment(), **given, "TMPDIR": str(tmp_path), "COLUMNS": "120"}


@pytest.fixture
def start(environment):
    """Return a function that starts a demo, which is terminated at the end of the test."""
    started = []

    def popen(*arguments):
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # keep a Ctrl-C here away from it
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        with process:
            process.terminate()


def children_of(process):
    """Return the command line of each child process, by its id."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "ppid=,pid=,args="], capture_output=True, text=True, check=True
    )
    rows = (line.split(maxsplit=2) for line in listed.stdout.splitlines())
    return {int(pid): args for parent, pid, *args in rows if int(parent) == process.pid}


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_line(process, text):
    line = next((line for line in process.stdout if text in line), None)
    assert line is not None, process.stderr.read()


def test_two_thousand_notifications_are_accounted_for(start, tmp_path):
    process = start("--notifications", "2000")
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, out + err
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for line in ("sent 1,892 1,892", "expired 60 60", "unauthorized 10 10", "total 2,000 2,000"):
        assert line in lines
    assert sum(line.startswith("passed ") for line in lines) == 8
    assert lines[-1] == "All 2,000 recipients are accounted for."
    assert err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_is_stretched_overtaken_paused_and_resumed(start, tmp_path):
    process = start("--stretch", "30", "--notifications", "1000")
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, out + err
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for line in ("sent 946 946", "expired 30 30", "total 1,000 1,000"):
        assert line in lines
    assert sum(line.startswith("passed ") for line in lines) == 13
    said = [line.partition(" s: ")[2] for line in lines if " s: " in line]
    happened = [line for line in said if not line.startswith("planned ")]
    assert happened[:2] == ["an urgent job is written", "the campaign is paused"]
    assert re.fullmatch(r"the campaign is resumed; its planned times have moved by \d+\.\d s", happened[2])
    assert any(re.search(r"gap [+-]\d\.\d%, .* late; paused, the plan has moved", line) for line in said)
    assert lines[-1] == "All 1,000 recipients are accounted for."
    assert err == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_asked_for_is_kept(start, tmp_path):
    process = start("--notifications", "1", "--workers", "1", "--keep")
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, out + err
    [folder] = tmp_path.iterdir()
    assert str(folder) in out
    assert {"keys", "ca.pem", "worker-1.log"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_behind(start, tmp_path, number):
    process = start("--notifications", "20000")
    wait_for_line(process, "workers joined")
    children = children_of(process)
    assert len(children) >= 3
    process.send_signal(number)
    process.send_signal(number)  # as an impatient user does
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert err == "pushmill demo: everything has been stopped\npushmill: interrupted\n"
    assert [pid for pid in children if lives(pid)] == []
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_dies_is_noticed(start, tmp_path):
    process = start("--notifications", "20000")
    wait_for_line(process, "workers joined")
    children = children_of(process)
    worker = next(pid for pid, command in children.items() if "worker.cli run" in str(command))
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert re.search(r"worker [12] exited unexpectedly with status -9; its log ends with:\n\{", err)
    assert [pid for pid in children if lives(pid)] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--notifications", "0"),
        ("--workers", "none"),
        ("--no-such-option",),
        ("--stretch", "5"),
        ("--stretch", "30", "--notifications", "999"),
    ],
)
def test_wrong_usage_is_status_2(start, arguments):
    process = start(*arguments)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 2
