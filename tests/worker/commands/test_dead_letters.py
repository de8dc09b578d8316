"""What `pushmill dead-letters` shows of a letter, and what a replay says that stops half-way."""

import asyncio
import os
import signal
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from worker.commands import dead_letters
from worker.commands.letters_shown import json_line, line, printable, summary, whole, without_secrets
from worker.edges.kafka.client import KafkaStuckError, KafkaUnreachableError
from worker.records.letter import Position, read_letter

SECRET = "s3cr3t"


def letter(value=b"{}", headers=(), at=5.0):
    return read_letter(Position(0, 1), at, b"k", value, headers)


@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=30))))
def test_whatever_a_letter_holds_it_does_not_control_the_terminal(value, headers):
    found = letter(value, tuple(headers))
    for shown in (line(found), json_line(found), *whole(found)):
        assert shown.isprintable()


@pytest.mark.parametrize("at", [-1e12, 0.0, 1e18])
def test_times_that_cannot_be(at):
    assert line(letter(at=at)).split("  ")[1].endswith("Z")


values = st.recursive(st.just(SECRET) | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["name", "x"]), inner))  # fmt: skip


@given(st.sampled_from(["auth", "p256dh", "endpoint", "variables", "payload"]), values)
def test_secrets_are_left_out_wherever_they_are(name, secret):
    shown = without_secrets({"recipients": [{"subscription": {"keys": {name: secret}}, name: secret}]})
    assert SECRET not in str(shown)


def test_what_is_no_secret_stays():
    tree = {"v": 1, "notification": {"title": "Hi {{name}}"}, "recipients": [{"id": "r", "variables": None}]}
    assert without_secrets(tree) == tree
    assert without_secrets({"endpoint": "https://a.example:8443/x?y"}) == {
        "endpoint": "https://a.example/<hidden>"
    }
    assert without_secrets({"endpoint": "https://[::1/x"}) == {"endpoint": "<hidden>"}


def test_long_texts_are_cut():
    assert len(printable("x" * 10_000)) < 400


def test_a_value_nested_too_deeply_is_not_shown():
    assert "--raw" in "\n".join(whole(letter(b'{"a":' * 900 + b"1" + b"}" * 900)))


@pytest.mark.parametrize(
    ("codes", "cut", "text"),
    [
        ({}, 0, "no dead letters"),
        ({"bad_json": 1}, 0, "1 dead letter: 1 bad_json"),
        ({"bad_json": 1_000, "": 2}, 3, "1,002 dead letters: 1,000 bad_json, 2 without a code; 3 cut, which"),
    ],
)
def test_the_summary(codes, cut, text):
    assert summary(Counter(codes), cut).startswith(text)


# ── a replay that stops half-way ────────────────────────────────────────────────────────────────────────────


class Record:
    def __init__(self, partition, offset):
        self.partition, self.offset, self.timestamp, self.key, self.value = partition, offset, 0, None, b"{}"
        self.headers = (("source-topic", b"push.jobs"),)


class Scan:
    """Stands in for TopicScan: two partitions of ten letters, in batches of five."""

    prefix = "push."

    def __init__(self, *_):
        self.positions = {0: 0, 1: 0}

    async def start(self, begin): ...

    async def stop(self): ...

    async def batches(self):
        for number in (0, 1, 1, 0):
            start = self.positions[number]
            yield [Record(number, start + index) for index in range(5)]
            self.positions[number] = start + 5


class Producer:
    """Stands in for RecordProducer: acknowledges so many batches, and then fails."""

    batches = 0
    failure: BaseException

    def __init__(self, *_): ...

    async def start(self): ...

    async def stop(self): ...

    async def publish(self, records):
        if not Producer.batches and isinstance(Producer.failure, KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        if not Producer.batches:
            raise Producer.failure
        Producer.batches -= 1
        assert len(list(records)) == 5


@pytest.fixture
def run(monkeypatch):
    async def there(*_): ...

    monkeypatch.setattr(dead_letters, "require_topics", there)
    monkeypatch.setattr(dead_letters, "TopicScan", Scan)
    monkeypatch.setattr(dead_letters, "RecordProducer", Producer)

    def replay(batches, failure):
        Producer.batches, Producer.failure = batches, failure
        return CliRunner().invoke(dead_letters.app, ["replay", "--yes"])

    return replay


STOOD = [
    (0, "replayed 0 letters before it stopped", "--from 0:0 --from 1:0"),
    (1, "replayed 5 letters: 5 to push.jobs before it stopped", "--from 0:5 --from 1:0"),
    (3, "replayed 15 letters: 15 to push.jobs before it stopped", "--from 0:5 --from 1:10"),
]


@pytest.mark.parametrize(("batches", "came", "where"), STOOD)
@pytest.mark.parametrize(
    "failure", [KafkaStuckError("Kafka is stuck"), KafkaUnreachableError("Kafka is gone")]
)
def test_a_replay_that_fails_says_where_it_stood(run, batches, came, where, failure):
    result = run(batches, failure)
    assert (result.exit_code, result.stdout) == (1, "")
    [said] = result.stderr.splitlines()
    assert said.startswith(f"pushmill: {failure}; {came}")
    assert where in said
    assert "may be there twice" in said


@pytest.mark.parametrize(("batches", "came", "where"), STOOD)
def test_a_replay_that_is_interrupted_says_where_it_stood(run, batches, came, where):
    result = run(batches, KeyboardInterrupt())
    assert (result.exit_code, result.stdout) == (130, "")
    assert came in result.stderr
    assert where in result.stderr


def test_a_replay_that_comes_to_the_end(run):
    result = run(4, None)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "replayed 20 letters: 20 to push.jobs",
        "to replay only what comes after, begin with: --from 0:10 --from 1:10",
    ]
