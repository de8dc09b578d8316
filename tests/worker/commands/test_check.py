import json
import os
import re
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.worker.checks.support import people
from tests.worker.support import job, recipient
from worker.checks.finding import Severity
from worker.commands.check import check

app = typer.Typer()
app.command("check")(check)
PROGRAM = "import typer; from worker.commands.check import check; typer.run(check)"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PUSHMILL_ENDPOINT_HOSTS", raising=False)

    def checked(content, *, name="job.json", **options):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return CliRunner().invoke(app, [name], **options)

    return checked


def lines_of(*values):
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def test_nothing_wrong(run):
    result = run(job(*people(3)))
    assert (result.exit_code, result.stdout) == (0, "1 job, 3 recipients: no problems found\n")


def test_warnings_alone_are_no_failure(run):
    result = run(job(ttl=5))
    assert result.exit_code == 0
    column = json.dumps(job(ttl=5)).index("5}") + 1
    assert result.stdout.splitlines()[0].startswith(f"job.json:1:{column}: warning: ttl: is below 60 seconds")
    assert result.stdout.splitlines()[1] == "1 job, 1 recipient: 1 warning"


def test_errors_are_a_failure(run):
    result = run(job(ttl=5, x=1, y=1))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "1 job, 1 recipient: 2 errors, 1 warning"


def test_a_job_on_many_lines_is_one(run):
    assert run(json.dumps(job(), indent=2).encode()).stdout == "1 job, 1 recipient: no problems found\n"
    broken = json.dumps(job(), indent=2).encode()[:-5]
    lines = broken.count(b"\n") + 1
    [said, _] = run(broken).stdout.splitlines()
    assert said.startswith(f"job.json:{lines}:1: error: value: is not JSON: it is cut off")


def test_each_problem_of_a_job_on_many_lines_has_its_line_and_column(run):
    value = job(recipient("a b"), ttl="soon", x=1, urgency="urgent")
    text = json.dumps(value, indent=2)
    lines = text.splitlines()
    *said, counted = run(text.encode()).stdout.splitlines()
    assert counted == "1 job, 1 recipient: 4 errors"
    for start in ('"id": "a b"', '"ttl": "soon"', '"x": 1', '"urgency": "urgent"'):
        [number] = [number for number, line in enumerate(lines, 1) if start in line]
        column = lines[number - 1].index(start) + len(start.partition(": ")[0]) + 3
        assert sum(line.startswith(f"job.json:{number}:{column}: error: ") for line in said) == 1


def test_what_is_missing_is_missing_in_its_object(run):
    text = b'{\n "v": 1,\n "notification":\n  {"title": "x"}\n}'
    assert run(text).stdout.splitlines()[:-1] == [
        "job.json:1:1: error: job_id: is missing",
        "job.json:1:1: error: campaign_id: is missing",
        "job.json:1:1: error: site_id: is missing",
        "job.json:1:1: error: recipients: is missing",
        "job.json:4:3: error: notification.url: is missing",
    ]


def test_no_message_shows_a_regular_expression(run):
    value = job(recipient("a b"), job_id="a b", site_id=".", vapid_key="/", topic="a b")
    *said, _ = run(value).stdout.splitlines()
    assert len(said) == 5
    assert all("should be letters, digits, " in line for line in said)
    assert not any("A-Z" in line or "regex" in line for line in said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(json.dumps(job())).encode(), "1:1: error: value: is a text instead of an object"),
        (b"\0\0\0\0\x07" + json.dumps(job()).encode(), "1:1: error: value: is not JSON: it begins with a"),
        (json.dumps(job()).encode()[:-1] + b",}", "comma before a closing bracket"),
        (json.dumps(job()).encode("utf-16"), "is UTF-16 text"),
    ],
)  # fmt: skip
def test_the_likely_cause_is_named(run, content, said):
    result = run(content)
    assert result.exit_code == 1
    assert said in result.stdout.splitlines()[0]


def test_recipients_of_a_job_that_workers_put_right_are_counted(run):
    half = json.dumps(job(*people(2))).replace('"Hi"', '"Zo\\ud83d"').encode()
    assert b"ud83d" in half
    assert run(half).stdout.endswith("1 job, 2 recipients: 1 warning\n")
    assert "2 jobs, 3 recipients" in run(half + b"\n" + json.dumps(job(job_id="other")).encode()).stdout


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_byte_order_mark_is_nothing(run, jobs):
    lines = [json.dumps(job(job_id=f"job-{number}")) for number in range(jobs)]
    said = run(b"\xef\xbb\xbf" + "\n".join(lines).encode()).stdout
    assert "warning" not in said
    assert "error" not in said


def test_json_lines_are_told_by_number(run):
    wire = lines_of(job(job_id="a"), job(job_id="b", x=1)) + b'\n{"v": 1,\n' + lines_of(job(job_id="a"))
    result = run(wire)
    assert result.exit_code == 1
    column = json.dumps(job(job_id="b", x=1)).index("1}") + 1
    assert [line.split(": ")[:3] for line in result.stdout.splitlines()[:-1]] == [
        [f"job.json:2:{column}", "error", "x"],
        ["job.json:4:9", "error", "value"],
        ["job.json:5:20", "error", "job_id"],
    ]
    assert result.stdout.splitlines()[-1] == "4 jobs, 3 recipients: 3 errors"


def test_standard_input():
    result = CliRunner().invoke(app, ["-"], input=json.dumps(job(x=1)))
    assert result.exit_code == 1
    assert re.match("stdin:1:[0-9]+: error: x: ", result.stdout)


def test_hosts_of_the_environment(run):
    person = recipient()
    person["subscription"]["endpoint"] = "https://push.example/x"
    assert run(job(person)).exit_code == 1
    assert run(job(person), env={"PUSHMILL_ENDPOINT_HOSTS": "push.example"}).exit_code == 0
    assert run(job(person), env={"PUSHMILL_ENDPOINT_HOSTS": "*"}).exit_code == 0


@pytest.mark.parametrize("file", ["missing.json", ".", "a" * 5000])
def test_a_file_that_cannot_be_read(run, file):
    result = CliRunner().invoke(app, [file])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "cannot be read" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_hosts_that_cannot_be(run):
    result = run(job(), env={"PUSHMILL_ENDPOINT_HOSTS": "https://a.example"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("pushmill: PUSHMILL_ENDPOINT_HOSTS: ")


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"nonsense", b"[" * 100_000, b"{}\n" * 3, b"null", b"\xff\xfe\n{}"]
)
def test_whatever_the_file_holds_it_ends_in_a_status(run, content):
    result = run(content)
    assert result.exit_code == 1
    assert "error" in result.stdout.splitlines()[-1]


def test_nothing_secret_is_said(run):
    person = recipient("sub_1", variables={"name": "s3cr3t"})
    person["subscription"] = {
        "endpoint": "https://push.example/s3cr3t",
        "keys": {"p256dh": "s3cr3t", "auth": "s3cr3t"},
        "x": "s3cr3t",
    }
    broken = recipient("sub_2", variables=["s3cr3t"], not_before="s3cr3t")
    notification = {"title": "s3cr3t {{ s3cr3t", "url": "s3cr3t", "tag": "s3cr3t", "data": {"a": "s3cr3t"}}
    for fields in ({}, {"urgency": "s3cr3t"}, {"topic": "s3cr3t s3cr3t"}, {"start_at": "s3cr3t"}):
        result = run(job(person, broken, notification=notification, **fields))
        assert result.exit_code == 1
        assert "s3cr3t" not in result.output


def test_as_a_process(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(job(x=1)))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "job.json")],
        capture_output=True, text=True, check=False, env=os.environ | {"PUSHMILL_ENDPOINT_HOSTS": ""},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"{tmp_path / 'job.json'}:1:")
    assert f": {Severity.ERROR}: x: is unknown" in done.stdout
