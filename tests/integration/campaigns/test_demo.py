"""`pushmill demo --campaigns` as a user runs it: a process of its own, with everything that it starts."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.worker_process import unset_environment

COMMAND = (sys.executable, "-m", "worker.cli", "demo", "--campaigns")
SECONDS = 240


@pytest.fixture
def folder() -> Iterator[Path]:
    """For temporary files; not one of pytest's, which the user who runs PostgreSQL for root may not enter."""
    with tempfile.TemporaryDirectory(prefix="pushmill-test-demo-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def demo(folder, *arguments):
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**unset_environment(), "TMPDIR": str(folder), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def test_every_recipient_and_every_click_is_accounted_for(folder):
    done = demo(folder, "--notifications", "400", "--workers", "1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "FAILED" not in done.stdout
    assert done.stdout.count("passed") == 8
    assert re.search(r"by SendPulse's API: (1\d\d) sent, \1 delivered", done.stdout)
    assert "All 400 recipients are accounted for, and so is every click." in done.stdout
    assert [*folder.iterdir()] == []


def test_it_cannot_be_stretched(folder):
    refused = demo(folder, "--stretch", "60")
    assert refused.returncode == 2
    assert "cannot be combined with --campaigns" in refused.stderr
