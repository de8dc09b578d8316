"""`pushmill campaigns keys sync`: once, and as a process that runs beside a worker."""

import os
import signal
import subprocess
import sys

import pytest

from crypto.vapid import load_vapid_key
from tests.harness.waiting import until_seen


def test_keys_are_mirrored_once(pushmill, added, tmp_path):
    folder = tmp_path / "vapid"
    assert pushmill.json("keys", "sync", folder, "--once") == {"written": 1, "present": 0, "failed": 0}
    assert pushmill("keys", "sync", folder, "--once") == "0 written, 1 present, 0 failed\n"
    key = load_vapid_key((folder / "shop.pem").read_bytes())
    assert key.public_text == added["vapid_public_key"]


def test_mistakes_are_one_line(pushmill, added, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    told = pushmill.refused("keys", "sync", tmp_path / "file", "--once", status=1)
    assert "cannot be written" in told
    assert pushmill.refused("keys", "sync", "vapid", "--json").startswith("--json is for --once")
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_DATABASE_URL", "postgresql://someone:hunter2@127.0.0.1:1/any")
    assert "hunter2" not in pushmill.refused("keys", "sync", "vapid", "--once", status=1)


def test_a_key_that_cannot_be_opened_is_a_failure(pushmill, added, tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_SECRET", "t" * 32)
    pushmill("keys", "sync", tmp_path, "--once", status=1)
    assert not (tmp_path / "shop.pem").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_runs_until_a_signal(pushmill, added, tmp_path, number):
    folder = tmp_path / "vapid"
    running = subprocess.Popen(  # noqa: ASYNC220 - only its start, and nothing is read from it
        [sys.executable, "-m", "worker.cli", "campaigns", "keys", "sync", str(folder)],
        env=os.environ,
        stderr=subprocess.DEVNULL,
    )
    try:
        await until_seen((folder / "shop.pem").exists, "the key is there")
        running.send_signal(number)
        await until_seen(lambda: running.poll() is not None, "it has ended")
        assert running.returncode == 0
    finally:
        running.kill()
        running.wait()
