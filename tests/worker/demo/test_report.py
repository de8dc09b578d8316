import io
import json
from dataclasses import replace

import msgspec
import pytest
from rich.console import Console

from worker.demo.evidence import Delivered, Evidence, Push, Received
from worker.demo.producer import Expected, ProducerRecord, Production, RecipientKey
from worker.demo.report import checks, figures, percentile, render, render_speed
from worker.records.outcome import Expired as WorkersExpired
from worker.records.outcome import Outcome, OutcomeBatch, Status
from worker.records.values import moment

T0 = 1_800_000_000.0
HTTP = {"sent": 201, "expired": 410}
BROKEN = ProducerRecord("jobs", "broken-1", b"{")

NONE, OUTCOMES, REPEATED, ASKED, TEXTS, EXPIRED, DEAD, ENDED = range(8)
"""Indexes of the checks in their list."""


def who(number):
    return RecipientKey(f"job-{number // 2}", f"sub-{number}")


def expected():
    """Four recipients in two jobs: two sent, one gone, one invalid."""
    rows = [("sent", True, 11), ("sent", True, 12), ("expired", True, None), ("invalid", False, None)]
    return {
        who(number): Expected(status, asked, "books", "fcm", f"https://localhost/{number}", digest)
        for number, (status, asked, digest) in enumerate(rows)
    }


def batch(who, wanted, *, at=T0 + 1, **changes):
    """A record of `push.outcomes`, as it is on the wire."""
    outcome = {
        "recipient_id": who.recipient_id,
        "status": wanted.status,
        "at": moment(at).isoformat(),
        "attempts": int(wanted.asked),
        "http_status": HTTP.get(wanted.status),
        "push_service": "other",
        "detail": None,
        **changes,
    }
    ids = {"job_id": who.job_id, "campaign_id": "c", "site_id": wanted.site_id, "worker": "demo-1/0"}
    return json.dumps({"v": 1, **ids, "outcomes": [outcome]}).encode()


def expired(who, wanted, **changes):
    value = {
        "v": 1,
        "recipient_id": who.recipient_id,
        "site_id": wanted.site_id,
        "endpoint": wanted.endpoint,
        "http_status": 410,
        "at": "2027-01-15T08:00:00Z",
        **changes,
    }
    return json.dumps(value).encode()


def received():
    found = Received()
    for each, wanted in expected().items():
        found.take_outcomes(batch(each, wanted))
        if wanted.status == "expired":
            found.take_expired(expired(each, wanted))
    found.take_dead_letter(b"broken-1", b"{", {"error-code": b"bad_json", "source-topic": b"push.jobs"})
    return found


def pushes():
    asked = [each for each in expected().values() if each.asked]
    return [Push(each.endpoint, each.digest is not None, each.digest or 0, T0) for each in asked]


@pytest.fixture
def evidence():
    """The evidence of a run in which everything went right."""
    production = Production([], expected(), {BROKEN: "bad_json"}, [])
    written_at = {"job-0": T0, "job-1": T0 + 0.5}
    return Evidence(Delivered(production, written_at), received(), pushes(), {"worker 1": 0}, 1.5)


def failures(evidence):
    """The problems of the checks that failed, by index."""
    return {place: list(check.problems) for place, check in enumerate(checks(evidence)) if not check.passed}


def test_when_all_is_right_every_check_passes(evidence):
    assert failures(evidence) == {}
    assert len(checks(evidence)) == 8


def test_a_missing_outcome_is_named(evidence):
    del evidence.received.outcomes[who(1)]
    assert failures(evidence) == {NONE: ["sub-1 of job-0: no outcome"]}


def test_an_outcome_of_nobody_is_named(evidence):
    evidence.received.take_outcomes(batch(RecipientKey("job-9", "sub-9"), expected()[who(0)]))
    assert failures(evidence) == {NONE: ["sub-9 of job-9: was never produced"]}


def test_a_wrong_outcome_is_named_with_its_detail(evidence):
    evidence.received.outcomes.clear()
    for each, wanted in expected().items():
        changes = {"status": "failed", "attempts": 8, "http_status": 503, "detail": "unavailable"}
        evidence.received.take_outcomes(batch(each, wanted, **(changes if each == who(0) else {})))
    assert failures(evidence) == {
        OUTCOMES: [
            "sub-0 of job-0: failed after 8 attempts (503, unavailable), expected sent after 1 attempts"
        ]
    }


@pytest.mark.parametrize("number", [0, 3])
def test_a_wrong_number_of_attempts_is_wrong(evidence, number):
    evidence.received.outcomes[who(number)] = msgspec.structs.replace(
        evidence.received.outcomes[who(number)], attempts=2
    )
    assert list(failures(evidence)) == [OUTCOMES]


def test_the_last_outcome_wins_and_the_repetition_is_named(evidence):
    evidence.received.take_outcomes(batch(who(0), expected()[who(0)], status="failed"))
    evidence.received.take_outcomes(batch(who(0), expected()[who(0)]))
    assert failures(evidence) == {REPEATED: ["sub-0 of job-0"]}


def test_a_status_that_nobody_knows_is_no_reason_to_stop(evidence):
    evidence.received.take_outcomes(batch(who(0), expected()[who(0)], status="reincarnated"))
    assert "reincarnated" in failures(evidence)[OUTCOMES][0]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (lambda p: [p[1], p[2]], "sub-0 of job-0: 0 requests at fcm, expected 1"),
        (lambda p: [*p, p[0]], "sub-0 of job-0: 2 requests at fcm, expected 1"),
        (lambda p: [*p, p[2]], "sub-2 of job-1: 2 requests at fcm, expected 1"),
        (
            lambda p: [*p, Push("https://localhost/3", taken=False, digest=0, at=T0)],
            "sub-3 of job-1: 1 requests at fcm, expected 0",
        ),
        (
            lambda p: [*p, Push("https://localhost/77", taken=True, digest=1, at=T0)],
            "a push to an endpoint of no recipient",
        ),
    ],
)
def test_pushes_that_are_missing_or_too_many(evidence, changed, problem):
    assert failures(replace(evidence, pushes=changed(pushes()))) == {ASKED: [problem]}


@pytest.mark.parametrize(
    ("place", "changes", "problem"),
    [
        (0, {"digest": 99}, "sub-0 of job-0: fcm decrypted another text"),
        (1, {"digest": 0}, "sub-1 of job-0: fcm could not decrypt it"),
        (1, {"digest": 11}, "sub-1 of job-0: fcm decrypted another text"),
        (0, {"taken": False, "digest": 0}, "sub-0 of job-0: fcm refused it"),
        (2, {"taken": True, "digest": 5}, "sub-2 of job-1: fcm accepted it"),
    ],
)
def test_pushes_with_a_wrong_text(evidence, place, changes, problem):
    changed = pushes()
    changed[place] = replace(changed[place], **changes)
    assert failures(replace(evidence, pushes=changed)) == {TEXTS: [problem]}


def test_expired_must_name_the_right_ones_once(evidence):
    gone, wanted = who(2), expected()[who(2)]
    evidence.received.take_expired(expired(gone, wanted))
    assert failures(evidence) == {EXPIRED: ["books/sub-2: 2 times"]}
    evidence.received.expired.clear()
    assert failures(evidence) == {EXPIRED: ["books/sub-2: is missing"]}
    evidence.received.take_expired(expired(gone, wanted, endpoint="https://localhost/other"))
    assert failures(evidence) == {EXPIRED: ["books/sub-2: is missing", "books/sub-2: is not gone"]}


def test_dead_letters_must_be_the_broken_records_once(evidence):
    found = evidence.received
    found.take_dead_letter(b"broken-1", b"{", {"error-code": b"bad_json"})
    assert failures(evidence) == {DEAD: ["broken-1: 2 times"]}
    found.dead_letters.clear()
    assert failures(evidence) == {DEAD: ["broken-1: is missing, or altered"]}
    found.take_dead_letter(b"broken-1", b"{ ", {"error-code": b"bad_json"})
    found.take_dead_letter(None, None, {})
    assert set(failures(evidence)[DEAD]) == {
        "broken-1: is missing, or altered",
        "broken-1: bad_json, unexpected",
        "no key: , unexpected",
    }


def test_a_worker_that_ends_badly_is_named(evidence):
    exits = {"worker 1": 0, "worker 2": -9}
    assert failures(replace(evidence, exits=exits)) == {ENDED: ["worker 2: exit status -9"]}


def test_what_the_worker_writes_can_be_read():
    outcome = Outcome("sub-0", Status.REJECTED, moment(T0), 1, 413, "other", "payload_too_large")
    found = Received()
    found.take_outcomes(msgspec.json.encode(OutcomeBatch(1, "job-0", "c", "s", "w", [outcome])))
    found.take_expired(msgspec.json.encode(WorkersExpired(1, "sub-1", "s", "https://x/", 404, moment(T0))))
    assert str(found.outcomes[who(0)]) == "rejected after 1 attempts (413, payload_too_large)"
    assert found.last_at == T0
    assert list(found.expired) == [("s", "sub-1", "https://x/")]


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_figures(evidence):
    for number, at in enumerate((1.0, 2.0, 3.0, 4.0)):
        evidence.received.take_outcomes(batch(who(number), expected()[who(number)], at=T0 + at))
    measured = figures(evidence)
    assert (measured.span, measured.rate) == (4.0, 1.0)
    assert measured.latencies == (2.0, 3.5, 3.5)
    assert measured.cpu_seconds == 1.5


def test_figures_of_nothing(evidence):
    unwritten = replace(evidence.delivered, written_at={})
    assert figures(replace(evidence, received=Received())).latencies == (0, 0, 0)
    assert figures(replace(evidence, received=Received(), delivered=unwritten)).rate == 0


@pytest.mark.parametrize(("percent", "wanted"), [(50, 50), (95, 95), (99, 99), (100, 100), (0, 1)])
def test_percentiles_are_nearest_ranks(percent, wanted):
    assert percentile(range(1, 101), percent) == wanted


def test_percentile_of_nothing():
    assert percentile([], 50) == 0


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────


def shown(evidence):
    console = Console(file=io.StringIO(), width=120)
    console.print(render(evidence, render_speed(evidence), checks(evidence)))
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_the_tables_of_a_good_run(evidence):
    lines = shown(evidence)
    assert "sent 2 2" in lines
    assert "total 4 4" in lines
    assert "fcm 3 2 2 2" in lines
    assert "apple 0 0 0 0" in lines
    assert sum(line.startswith("passed ") for line in lines) == 8
    assert not any(line.startswith("FAILED") for line in lines)


def test_failures_are_shown_a_few_at_a_time(evidence):
    many = {
        RecipientKey("job-5", f"sub-{n}"): Expected("sent", True, "books", "wns", f"https://x/{n}", 1)
        for n in range(2000)
    }
    given = evidence.delivered
    production = replace(given.production, expected=given.production.expected | many)
    lines = shown(replace(evidence, delivered=replace(given, production=production)))
    assert "sent 2,002 2" in lines
    assert "FAILED every recipient has an outcome, and no one else does" in lines
    assert "sub-0 of job-5: no outcome" in lines
    assert lines.count("… and 1,995 more") == 2


def test_no_endpoint_is_shown(evidence):
    stray = [*pushes(), Push("https://localhost/secret-token", taken=True, digest=1, at=T0)]
    found = evidence.received
    found.take_expired(expired(who(2), expected()[who(2)], endpoint="https://localhost/secret-token"))
    assert not any("localhost" in line for line in shown(replace(evidence, pushes=stray)))
