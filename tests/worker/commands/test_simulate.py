import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys

import aiohttp
import pytest
import typer
from typer.testing import CliRunner

from crypto.vapid import generate_vapid_key
from worker.commands.simulate import simulate
from worker.simulator.serve import HELP

app = typer.Typer()
app.command("simulate")(simulate)
PROGRAM = "import typer; from worker.commands.simulate import simulate; typer.run(simulate)"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(app, [str(arg) for arg in args])


def refused(result, status):
    assert result.exit_code == status
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("pushmill: ")
    return line


def started(folder, *args):
    """Start a process, and wait until it says that it can be stopped."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--folder", str(folder), *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    lines = []
    while not lines or "Ctrl-C" not in lines[-1]:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines.append(line)
    return process, lines


async def push_to(folder):
    [first, *_] = (folder / "subscriptions.jsonl").read_text().splitlines()
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http,
        http.post(json.loads(first)["endpoint"]) as response,
    ):
        return response.status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_its_summary_and_status_0(tmp_path, number):
    process, lines = started(
        tmp_path / "new", "--profile", "mozilla", "--profile", "apple", "--fault", "429=1"
    )
    assert [line.split()[0] for line in lines[:2]] == ["mozilla", "apple"]
    assert asyncio.run(push_to(tmp_path / "new")) == 400
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "ttl_missing: 1" in out
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["mozilla", "apple"]


def test_another_host_than_loopback_is_said(tmp_path):
    process, _ = started(tmp_path, "--host", "0.0.0.0", "--advertise", "localhost")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err.startswith("pushmill: 0.0.0.0 is not a loopback address")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--profile", "gcm"], "profiles must be one or more of fcm"),
        (["--fault", "gone=2"], "share"),
        (["--fault", "oops"], "FAULT=SHARE"),
        (["--vapid-public-key", "BAAD"], "--vapid-public-key"),
        (["--vapid-public-key", "ключ"], "--vapid-public-key"),
        (["--port", "65535", "--profile", "fcm", "--profile", "wns"], "too few ports"),
        (["--advertise", "a b"], "host"),
        (["--advertise", "a" * 80], "host"),
    ],
)
def test_options_that_cannot_be_meant(run, args, said):
    assert said in refused(run(*args), 2)


@pytest.mark.parametrize(
    "args",
    [["--port", "70000"], ["--subscriptions", "-1"], ["--keep", "some"], ["--latency", "x"], ["surplus"]],
)
def test_options_that_cannot_be_read(run, args):
    result = run(*args)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)


def test_a_port_that_is_taken(run):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        assert refused(run("--port", port), 1).endswith(f"port {port} of localhost is already in use")
        two = refused(run("--port", port - 1, "--profile", "fcm", "--profile", "wns"), 1)
    assert two.endswith(f"port {port} of localhost is already in use")


def test_a_host_that_is_not_of_this_machine(run):
    result = run("--host", "192.0.2.1")
    assert result.exit_code == 1
    assert "cannot serve" in result.stderr


def test_a_folder_that_cannot_be(run, tmp_path):
    (tmp_path / "file").write_text("")
    assert f"cannot serve: {tmp_path / 'file'}" in refused(run("--folder", tmp_path / "file"), 1)


def test_without_trustme_the_way_out_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "trustme", None)
    assert "pip install 'pushmill[demo]'" in refused(run(), 2)


def test_a_public_key_is_taken_with_or_without_padding(tmp_path):
    process, _ = started(tmp_path, "--vapid-public-key", generate_vapid_key().public_text + "=")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_help_tells_of_every_option(run):
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"})
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert all(part.split(".")[0] in text for part in HELP.values())
