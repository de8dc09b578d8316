import io
import json
import logging
import re

import pytest
import structlog
from aiokafka.errors import GroupCoordinatorNotAvailableError, NodeNotReadyError, UnknownError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from structlog.testing import capture_logs

from worker.logs import REDACTED, LogThrottle, configure, redact

ENDPOINT = "https://fcm.googleapis.com/fcm/send/dQw4w9WgXcQ:APA91bH-secret_token%2fmore"
TOKEN = re.compile("dQw4w9WgXcQ|APA91bH|secret_token|%2fmore")
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"


@pytest.fixture(autouse=True)
def _clean_logging():
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("", "aiokafka", "asyncio")}
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def lines():
    """Configure JSON logs; return a function that reads the lines written so far."""
    stream = io.StringIO()
    configure("json", "info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def console():
    stream = io.StringIO()
    configure("console", "info", stream)
    return stream.getvalue


def fail(error):
    raise error


def test_a_line_is_json_with_time_level_event_and_values(lines):
    structlog.get_logger().info("checkpoint", partition=3, ok=True, took=0.5, nothing=None)
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "event": "checkpoint",
        "partition": 3,
        "ok": True,
        "took": 0.5,
        "nothing": None,
    }


def test_what_is_read_first_comes_first(lines):
    structlog.get_logger().warning("lag", partition=3)
    assert list(lines()[0]) == ["timestamp", "level", "event", "partition"]


def test_levels_below_the_threshold_are_dropped(lines):
    structlog.get_logger().debug("quiet")
    logging.getLogger("aiohttp.client").debug("quiet")
    assert lines() == []


def test_the_level_can_be_lowered_again():
    stream = io.StringIO()
    configure("json", "error", io.StringIO())
    configure("json", "debug", stream)
    structlog.get_logger().debug("seen")
    logging.getLogger("somewhere").debug("seen too")
    assert stream.getvalue().count("\n") == 2


def test_libraries_go_through_the_same_renderer(lines):
    logging.getLogger("aiohttp.server").info("started on %s", "port 1")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("started on port 1", "info", "aiohttp.server")


def test_aiokafka_is_heard_from_warnings_up(lines):
    logging.getLogger("aiokafka.consumer.fetcher").info("chatter")
    logging.getLogger("aiokafka.consumer.fetcher").warning("trouble")
    assert [line["event"] for line in lines()] == ["trouble"]


def test_what_a_library_repeats_is_held_back_and_counted(lines, monkeypatch):
    now = 100.0
    monkeypatch.setattr("worker.logs.time.monotonic", lambda: now)
    client, other = logging.getLogger("aiokafka"), logging.getLogger("aiokafka.consumer")
    for node in (1, 2, 3):
        client.error("Unable connect to node with id %s", node)
    other.error("Unable connect to node with id %s", 1)
    now = 110.0
    client.error("Unable connect to node with id %s", 4)
    assert [(line["event"][-1], line["logger"], line.get("more_held_back")) for line in lines()] == [
        ("1", "aiokafka", None),
        ("1", "aiokafka.consumer", None),
        ("4", "aiokafka", 2),
    ]


COORDINATOR = logging.getLogger("aiokafka.consumer.group_coordinator")


@pytest.fixture
def clock(monkeypatch):
    """The time that the filters read: `clock.now` can be set."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr("worker.logs.time.monotonic", lambda: Clock.now)
    return Clock


def look_up_in_vain():
    COORDINATOR.error("Group Coordinator Request failed: %s", GroupCoordinatorNotAvailableError())


def mark_dead():
    COORDINATOR.warning("Marking the coordinator dead (node %s)for group %s.", 1, "pushmill")


def test_a_coordinator_that_is_not_available_yet_is_no_error(lines, clock):
    """What a first start on a new cluster brings."""
    for _ in range(30):
        look_up_in_vain()
        clock.now += 0.1
    mark_dead()
    assert lines() == []


def test_one_that_stays_away_is(lines, clock):
    for _ in range(99):
        look_up_in_vain()
        clock.now += 0.1
    assert lines() == []
    for _ in range(20):
        look_up_in_vain()
        clock.now += 0.1
    mark_dead()
    assert [line["level"] for line in lines()] == ["error", "warning"]
    clock.now += 3600
    look_up_in_vain()
    assert len(lines()) == 2, "each outage begins anew"


@pytest.mark.parametrize("before", [None, 10.0])
def test_a_coordinator_that_was_lost_by_itself_is_told_at_once(lines, clock, before):
    if before is not None:
        look_up_in_vain()
        clock.now += before
    mark_dead()
    assert [line["level"] for line in lines()] == ["warning"]


def test_other_trouble_with_a_coordinator_is_told_at_once(lines, clock):
    look_up_in_vain()
    COORDINATOR.error("Group Coordinator Request failed: %s", NodeNotReadyError())
    COORDINATOR.error("Heartbeat failed: %r", UnknownError())
    logging.getLogger("aiokafka").error("Topic %s not found: %s", "x", GroupCoordinatorNotAvailableError())
    assert len(lines()) == 3


def test_a_traceback_is_never_held_back(lines):
    for text in "ab":
        try:
            fail(KeyError(text))
        except KeyError:
            logging.getLogger("asyncio").exception("Task exception was never retrieved")
    assert [line["exception"][-3:] for line in lines()] == ["'a'", "'b'"]


def test_an_error_has_its_traceback_on_one_line(lines):
    try:
        fail(KeyError("partition"))
    except KeyError:
        structlog.get_logger().exception("checkpoint_failed")
        logging.getLogger("aiohttp.server").exception("Error handling request")
    ours, theirs = lines()
    assert ours["exception"].endswith("KeyError: 'partition'")
    assert theirs["exception"].endswith("KeyError: 'partition'")


def test_line_breaks_cannot_forge_a_line(lines):
    structlog.get_logger().info("x", job_id='a\n{"event": "forged"}')
    assert len(lines()) == 1


def test_the_console_is_for_people_and_uncoloured_when_piped(console):
    structlog.get_logger().info("started", port=9400)
    logging.getLogger("aiohttp").warning("odd")
    assert re.search(r"\[info +\] started +port=9400\n", console())
    assert re.search(r"\[warning +\] odd +\[aiohttp\]", console())
    assert "\x1b" not in console()


def test_the_console_shows_no_local_variables(console):
    private_key = "the key itself"
    try:
        fail(ValueError(len(private_key)))
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: 14" in console()
    assert private_key not in console().replace('private_key = "the key itself"', "")


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("kind", ["json", "console"])
def test_a_broken_stream_does_no_harm(kind, capsys):
    closed = io.StringIO()
    closed.close()
    for stream in (Broken(), closed) if kind == "json" else (Broken(),):
        configure(kind, "info", stream)
        structlog.get_logger().info("x")
        logging.getLogger("aiohttp").warning("x")
    assert capsys.readouterr().err == ""


SECRETS = [
    "endpoint", "auth", "p256dh", "authorization", "payload", "private_key", "password", "Authorization",
    "sasl_password", "subscription", "vapid_private_key", "client_secret", "body", "old_endpoint",
    "variables",
]  # fmt: skip


@pytest.mark.parametrize("key", SECRETS)
@pytest.mark.parametrize("value", ["hunter2", b"hunter2", 12345, ["hunter2"], {"x": "hunter2"}])
def test_a_secrets_value_is_dropped(key, value):
    assert redact(None, "info", {key: value})[key] == REDACTED
    assert redact(None, "info", {"job": [{key: value}]})["job"] == [{key: REDACTED}]


@pytest.mark.parametrize("key", ["payload_bytes", "author", "endpoints_allowed", "key", "tokens", "bodies"])
def test_what_only_sounds_like_a_secret_stays(key):
    assert redact(None, "info", {key: 7}) == {key: 7}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (ENDPOINT, "https://fcm.googleapis.com/…"),
        (
            f"Cannot connect to URL('{ENDPOINT}') now",
            "Cannot connect to URL('https://fcm.googleapis.com/… now",
        ),
        (f"{ENDPOINT}'quoted", "https://fcm.googleapis.com/…"),
        ("HTTPS://FCM.googleapis.com/x", "HTTPS://FCM.googleapis.com/…"),
        ("https://user:hunter2@push.example.org", "https://push.example.org"),
        ("https://push.example.org?token=1", "https://push.example.org/…"),
        ("https://push.example.org\\token", "https://push.example.org/…"),
        ("https://push.example.org:8443", "https://push.example.org:8443"),
        (f"two: {ENDPOINT} {ENDPOINT}", "two: https://fcm.googleapis.com/… https://fcm.googleapis.com/…"),
        ("kafka:9092 /etc/pushmill/vapid", "kafka:9092 /etc/pushmill/vapid"),
    ],
)
def test_a_url_keeps_its_host_alone(text, cleaned):
    assert redact(None, "info", {"url": text, "event": text}) == {"url": cleaned, "event": cleaned}


def test_a_token_without_its_url_is_found_in_free_text():
    text = f"Bad path '/wp/{P256DH}' for {P256DH}"
    assert P256DH not in redact(None, "info", {"exception": text})["exception"]
    assert redact(None, "info", {"job_id": "j" * 128}) == {"job_id": "j" * 128}


def test_an_exceptions_chain_shows_no_endpoint(lines):
    try:
        try:
            fail(OSError(f"cannot reach {ENDPOINT}"))
        except OSError as cause:
            raise RuntimeError(f"gave up on URL('{ENDPOINT}')") from cause
    except RuntimeError as error:
        structlog.get_logger().exception("request_failed", error=error, seen=[error])
        logging.getLogger("aiohttp.client").exception("Unclosed %r", ENDPOINT)
    assert "RuntimeError: gave up on URL('https://fcm.googleapis.com/…" in lines()[0]["error"]
    assert not [line for line in lines() if TOKEN.search(json.dumps(line))]


def test_bytes_are_told_by_their_number():
    assert redact(None, "info", {"record": b"\x00\xff", "parts": [b"abc"]}) == {
        "record": "[2 bytes]",
        "parts": ["[3 bytes]"],
    }


NESTED = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text() | st.binary() | st.just(ENDPOINT),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), NESTED, max_size=4))
def test_whatever_is_logged_becomes_json_without_an_endpoint(event):
    assert not TOKEN.search(json.dumps(redact(None, "info", event)))


def test_a_repeated_fault_has_one_line_in_ten_seconds_that_counts_the_others():
    repeats = LogThrottle()
    assert repeats.allow("dns", now=0.0) == 0
    assert [repeats.allow("dns", now=each) for each in (0.0, 5.0, 9.99)] == [None, None, None]
    assert repeats.allow("tls", now=9.99) == 0
    assert repeats.allow("dns", now=10.0) == 3
    assert repeats.allow("dns", now=20.0) == 0


class LogThrottleMachine(RuleBasedStateMachine):
    """Compare with a list of all calls: none is lost, none is logged twice within the period."""

    def __init__(self):
        super().__init__()
        self.repeats = LogThrottle(every=10.0, capacity=3)
        self.now = 0.0
        self.lines: dict[str, float] = {}
        self.held: dict[str, int] = {}

    @rule(key=st.sampled_from("abcde"))
    def fault(self, key):
        said = self.repeats.allow(key, self.now)
        if key in self.lines and self.now - self.lines[key] < 10.0:
            assert said is None
            self.held[key] += 1
            return
        assert said == self.held.pop(key, 0)
        self.lines.pop(key, None)
        self.lines[key], self.held[key] = self.now, 0
        for forgotten in list(self.lines)[:-3]:
            del self.lines[forgotten], self.held[forgotten]

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.9, 10.0, 100.0]))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def memory_is_bounded(self):
        assert len(self.repeats._last) <= 3


TestRepeats = LogThrottleMachine.TestCase


def test_a_warning_that_repeats_is_written_once_and_counted():
    repeats = LogThrottle(every=10.0)
    with capture_logs() as lines:
        for now in (0.0, 1.0, 2.0, 10.0):
            repeats.warn(structlog.get_logger(), "stall", now, "nothing moves", open=3)
    assert [(line["event"], line["open"], line["more_held_back"]) for line in lines] == [
        ("nothing moves", 3, 0),
        ("nothing moves", 3, 2),
    ]
