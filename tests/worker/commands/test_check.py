import json
import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tests.worker.support import job, recipient
from worker.commands.check import Severity, check, findings
from worker.push.services import Endpoints, HostRule

app = typer.Typer()
app.command("check")(check)
PROGRAM = "import typer; from worker.commands.check import check; typer.run(check)"
EVERYTHING = {
    "title": "Hello {{name|there}}",
    "body": "for {{name|you}}",
    "url": "https://shop.example/{{sku}}?c={{campaign_id}}",
    "icon": "https://shop.example/i.png",
    "image": "https://shop.example/{{recipient_id}}.png",
    "badge": "https://shop.example/b.png",
    "actions": [
        {"action": "buy", "title": "Buy", "url": "https://shop.example/", "icon": "https://a.example/"}
    ],
    "tag": "promo",
    "lang": "en",
    "dir": "auto",
    "silent": False,
    "renotify": False,
    "require_interaction": True,
    "timestamp": "2026-11-21T09:00:00Z",
    "data": {"any": {"json": ["{{sku}}", 1, None]}},
}


def found(value, endpoints=None):
    """All findings, as a mapping of (severity, field) to the problem."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    all_of_them = findings(raw, endpoints or Endpoints())
    told = {(each.severity.value, each.field): each.problem for each in all_of_them}
    assert len(told) == len(all_of_them)
    return told


def people(count, **fields):
    return [recipient(f"sub_{number}", **fields) for number in range(count)]


def sent(**fields):
    return job(notification={"title": "Hi", "url": "https://shop.example/"} | fields)


def test_a_job_with_everything_has_nothing_wrong():
    person = recipient(variables={"name": "Ada", "sku": "a-1"}, not_before="2026-11-21T18:00:00Z")
    person["subscription"]["expirationTime"] = None  # the browser's own
    value = job(
        person,
        notification=EVERYTHING,
        vapid_key="site_a",
        mutable=False,
        ttl=86400,
        urgency="normal",
        topic="promo-42",
        start_at="2026-11-21T09:00:00Z",
        stretch_time=18000,
        not_after="2026-11-22T09:00:00Z",
        slice={"first": 200, "total": 120000},
    )
    assert found(value) == {}


@pytest.mark.parametrize(
    ("value", "field", "problem"),
    [
        (b"", "value", "is not JSON"),
        (b"\xff", "value", "is not JSON"),
        (b"[]", "value", "expected `object`"),
        (job(v=2), "v", "knows 1 alone"),
        (job(ttl="1"), "ttl", "expected `int`"),
        (job(urgency="urgent"), "urgency", "none of the values"),
        (job(topic="a b"), "topic", ""),
        (job(start_at="2026-11-21T09:00:00"), "start_at", ""),
        (job({"id": "no spaces please"}), "recipients[0].id", ""),
        (job(slice={"first": 5, "total": 5}), "slice.total", "is less than"),
        (job(payload="x", notification={"title": "t", "url": "u"}), "notification", "exactly one"),
    ],
)
def test_what_makes_the_worker_refuse_a_record(value, field, problem):
    assert problem in found(value)["error", field]


def test_a_missing_field_is_told_beside_its_misspelling():
    value = job()
    value["recipents"] = value.pop("recipients")
    assert found(value) == {
        ("error", "recipients"): "is missing",
        ("error", "recipents"): "is unknown, and is ignored; did you mean recipients?",
    }


def test_unknown_fields_are_named_wherever_they_are():
    value = sent(requireInteraction=True, actions=[{**EVERYTHING["actions"][0], "navigate": 1}])
    value |= {"notAfter": "2026", "x\x1b[31m": 1, "slice": {"first": 0, "total": 1, "totl": 1}}
    value["recipients"][0] |= {"variable": {}}
    value["recipients"][0]["subscription"]["keys"]["Auth"] = "x"
    told = found(value)
    assert {field for _, field in told} == {
        "notification.requireInteraction",
        "notification.actions[0].navigate",
        "notAfter",
        '"x\\u001b[31m"',
        "slice.totl",
        "recipients[0].variable",
        "recipients[0].subscription.keys.Auth",
    }
    assert all(severity == "error" for severity, _ in told)
    assert told["error", "notAfter"].endswith("did you mean not_after?")
    assert told["error", "notification.requireInteraction"].endswith("did you mean require_interaction?")


def test_what_is_alike_is_told_once():
    told = found(job(*people(5, varables={})))
    assert list(told) == [("error", "recipients[0].varables")]
    assert told["error", "recipients[0].varables"].endswith("variables? (and 4 more like it)")


def test_fields_of_tier_records():
    told = found(job(recipient(number=1, attempts=0), lane="urgent"))
    assert set(told) == {
        ("error", "lane"),
        ("error", "recipients[0].number"),
        ("error", "recipients[0].attempts"),
    }
    assert all("push.later.*" in problem for problem in told.values())


def test_an_unknown_field_that_only_the_worker_can_pass_over():
    raw = json.dumps(job()).encode()[:-1] + b', "x": "\xff"}'
    assert "UTF-8" in found(raw)["error", "value"]


def test_an_unknown_field_that_is_not_utf_8_beside_a_flaw():
    raw = json.dumps(job({"id": "a", "z": "??"}, {"id": "b"}, y="??")).encode().replace(b"??", b"\xff\xfe")
    told = found(raw)
    assert "UTF-8" in told["error", "value"]
    assert "bad_subscription (and 1 more like it)" in told["error", "recipients[0]"]


@pytest.mark.parametrize(
    ("fields", "field", "flaw"),
    [
        ({"subscription": None}, "recipients[1].subscription", "bad_subscription"),
        ({"subscription": {"endpoint": "https://a"}}, "recipients[1].subscription", "bad_subscription"),
        ({"variables": {"name": None}}, "recipients[1].variables[...]", "bad_variables"),
        ({"not_before": "tomorrow"}, "recipients[1].not_before", "bad_not_before"),
    ],
)
def test_a_recipient_that_cannot_be_read(fields, field, flaw):
    told = found(job(recipient("a"), recipient("b", **fields)))
    assert list(told) == [("error", field)]
    assert flaw in told["error", field]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/s3cr3t",
        "https://push.example/s3cr3t",
        "https://10.0.0.1/s3cr3t",
        "nonsense",
    ],
)
def test_endpoints_that_are_not_allowed(endpoint):
    person = recipient()
    person["subscription"]["endpoint"] = endpoint
    told = found(job(person))
    assert list(told) == [("error", "recipients[0].subscription.endpoint")]
    assert "s3cr3t" not in str(told)


def test_endpoints_that_the_operator_allows():
    person = recipient()
    person["subscription"]["endpoint"] = "https://push.example:8443/x"
    assert found(job(person), Endpoints([HostRule("push.example", 8443)])) == {}


def test_keys_of_subscriptions():
    one, two, three = people(3)
    one["subscription"]["keys"]["p256dh"] = "!"
    two["subscription"]["keys"]["p256dh"] = "BA" + "A" * 85
    three["subscription"]["keys"]["auth"] = "c2VjcmV0"
    told = found(job(one, two, three))
    assert set(told) == {
        ("error", "recipients[0].subscription.keys.p256dh"),
        ("error", "recipients[1].subscription.keys.p256dh"),
        ("error", "recipients[2].subscription.keys.auth"),
    }
    assert "c2VjcmV0" not in str(told)


def test_repeated_recipients_and_endpoints():
    one, two, three = people(3)
    two["id"] = one["id"]
    three["subscription"] = one["subscription"]
    assert set(found(job(one, two, three))) == {
        ("error", "recipients[1].id"),
        ("warning", "recipients[2].subscription.endpoint"),
    }


def test_fields_that_come_out_wrong_are_named_with_whom():
    persons = [
        recipient(f"sub_{n}", variables={"t": "x" if n else " ", "u": "https://a.example/"}) for n in range(3)
    ]
    persons[2]["variables"]["u"] = "s3cr3t"
    notification = {"title": "{{t}}", "url": "{{u}}", "icon": "/i.png"}
    notification["actions"] = [{"action": "a", "title": "", "url": "ftp://x"}]
    told = found(job(*persons, notification=notification))
    assert told == {
        ("error", "notification.title"): "is empty for 1 of 3 recipients (recipients[0] first)",
        ("error", "notification.url"): "is no absolute https URL for 1 of 3 recipients (recipients[2] first)",
        (
            "error",
            "notification.icon",
        ): "is no absolute https URL for 3 of 3 recipients (recipients[0] first)",
        ("error", "notification.actions[0].title"): "is empty for 3 of 3 recipients (recipients[0] first)",
        ("error", "notification.actions[0].url"): (
            "is no absolute https URL for 3 of 3 recipients (recipients[0] first)"
        ),
    }


@pytest.mark.parametrize(
    ("size", "severity"), [(2800, None), (2801, "warning"), (3993, "warning"), (3994, "error")]
)
def test_sizes(size, severity):
    told = found(job(payload="x" * size))
    assert list(told) == ([(severity, "payload")] if severity else [])


def test_templates_that_only_hold_ballast():
    notification = {"title": "{{job_id|" + "x" * 65_536 + "}}", "url": "https://shop.example/"}
    assert found(job(notification=notification)).keys() == {("error", "notification")}


def test_recipients_that_are_too_large():
    told = found(job(recipient(variables={"x": "y" * 200_000})))
    assert "recipient_too_large" in told["error", "recipients[0]"]


def test_sizes_differ_by_recipient():
    sizes = [10, 3000, 3990, 100_000]
    persons = [recipient(f"sub_{n}", variables={"b": "x" * size}) for n, size in enumerate(sizes)]
    told = found(job(*persons, notification={"title": "Hi", "url": "https://a.example/", "body": "{{b}}"}))
    assert "for 2 of 4 recipients (recipients[2] first)" in told["error", "notification"]
    assert "for 1 of 4 recipients (recipients[1] first)" in told["warning", "notification"]


def test_variables():
    persons = [
        recipient("a", variables={"name": "Ada", "old": 1, "job_id": "x", "first-name": "A"}),
        recipient("b"),
    ]
    notification = {
        "title": "{{name|x}} {{ name }} {{nick|}} {{nick|you}}",
        "body": "{{name|x}} {{campaign_id}} {{recipient_id}} {{gone}}",
        "url": "https://a.example/?{{gone}}",
    }
    assert found(job(*persons, notification=notification)) == {
        ("warning", "notification.title"): "has a {{ that begins no variable, and is sent as it is",
        ("warning", "notification.url"): (
            "{{gone}} has no value for 2 of 2 recipients (recipients[0] first), and no fallback: "
            "it comes out empty"
        ),
        ("warning", "recipients[0].variables.old"): "is used nowhere in the notification",
        ("warning", "recipients[0].variables.job_id"): "is built in: the value given here is not used",
        ("error", "recipients[0].variables.first-name"): (
            "cannot be used: names of variables are A-Z, a-z, 0-9 and _"
        ),
    }


def test_variables_of_a_payload():
    told = found(job(recipient(variables={"name": "Ada"}), payload="Hello {{name}}"))
    assert set(told) == {("warning", "payload"), ("warning", "recipients[0].variables.name")}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ttl": 0}, None),
        ({"ttl": 59}, ("warning", "ttl")),
        ({"ttl": 60}, None),
        ({"ttl": 2_419_201}, ("warning", "ttl")),
        ({"start_at": "2026-01-02T00:00:00Z", "not_after": "2026-01-02T00:00:00Z"}, ("error", "not_after")),
        ({"start_at": "2026-01-02T00:00:00Z", "not_after": "2026-01-02T01:00:00Z"}, None),
        (
            {"start_at": "2026-01-02T00:00:00Z", "not_after": "2026-01-02T01:00:00Z", "stretch_time": 3601},
            ("warning", "not_after"),
        ),
        ({"stretch_time": 60}, None),
    ],
)
def test_times(fields, expected):
    assert list(found(job(**fields))) == ([expected] if expected else [])


def test_a_recipient_after_the_end():
    value = job(recipient(not_before="2026-01-02T00:00:00Z"), not_after="2026-01-01T00:00:00Z")
    assert list(found(value)) == [("error", "recipients[0].not_before")]


def test_a_big_stretched_job_without_slice():
    value = job(*people(100), stretch_time=60)
    assert list(found(value)) == [("warning", "stretch_time")]
    assert found(value | {"slice": {"first": 0, "total": 100}}) == {}


def test_a_record_that_brokers_refuse():
    assert list(found(job(payload="x") | {"job_id": "j"})) == []
    raw = json.dumps(job()).encode() + b" " * 1_000_000
    assert list(found(raw)) == [("warning", "value")]


def test_what_is_nested_too_deeply():
    deep = 1
    for _ in range(400):
        deep = {"a": deep}
    assert list(found(sent(data=deep))) == [("error", "notification.data")]
    assert list(found(job(x=deep))) == [("error", "x")]


# ── the command ─────────────────────────────────────────────────────────────────────────────────────────────


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
    assert (result.exit_code, result.stdout) == (0, "1 job, 3 recipients: nothing to object to\n")


def test_warnings_alone_are_no_failure(run):
    result = run(job(ttl=5))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith("job.json: warning: ttl: is below 60 seconds")
    assert result.stdout.splitlines()[1] == "1 job, 1 recipient: 1 warning"


def test_errors_are_a_failure(run):
    result = run(job(ttl=5, x=1, y=1))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "1 job, 1 recipient: 2 errors, 1 warning"


def test_a_job_on_many_lines_is_one(run):
    assert run(json.dumps(job(), indent=2).encode()).stdout == "1 job, 1 recipient: nothing to object to\n"
    broken = json.dumps(job(), indent=2).encode()[:-5]
    assert run(broken).stdout.splitlines()[0] == "job.json: error: value: is not JSON"


def test_json_lines_are_told_by_number(run):
    wire = lines_of(job(job_id="a"), job(job_id="b", x=1)) + b'\n{"v": 1,\n' + lines_of(job(job_id="a"))
    result = run(wire)
    assert result.exit_code == 1
    assert [line.split(": ")[:3] for line in result.stdout.splitlines()[:-1]] == [
        ["job.json:2", "error", "x"],
        ["job.json:4", "error", "value"],
        ["job.json:5", "error", "job_id"],
    ]
    assert result.stdout.splitlines()[-1] == "4 jobs, 3 recipients: 3 errors"


def test_standard_input():
    result = CliRunner().invoke(app, ["-"], input=json.dumps(job(x=1)))
    assert result.exit_code == 1
    assert result.stdout.startswith("stdin: error: x: ")


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
    assert f"{tmp_path / 'job.json'}: {Severity.ERROR}: x: is unknown" in done.stdout
