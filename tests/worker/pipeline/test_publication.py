import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worker.support import JOBS, NOW, job, job_context, recipient, record
from worker.ledger.ledger import Entry
from worker.pipeline.delivery import JobContext
from worker.pipeline.intake import HEADERS_MAX_BYTES, take_in
from worker.pipeline.publication import LATER_MAX_BYTES, Gone, Postponed, publications
from worker.push.message import TEMPLATES_MAX_BYTES, compile_message
from worker.push.services import ENDPOINT_MAX_CHARS
from worker.records.envelope import Publication
from worker.records.job import RECIPIENT_MAX_BYTES, RECIPIENTS_MAX, Lane, LaterJob, decode_later
from worker.records.outcome import Outcome, Status
from worker.records.recipient import Recipient
from worker.records.topics import EXPIRED, OUTCOMES, TIERS
from worker.records.values import moment
from worker.timing.schedule import lapses_at, make_plan, times

patient = settings(deadline=None)
MICROSECOND = 1e-6
TEN_SECONDS, ONE_MINUTE, *_ = TIERS


def written(held, *effects, worker="pod-0/1"):
    size = len(held.job.recipients) if held else 1
    entry = Entry(JOBS, 0, size, 0, held)
    return list(publications([(entry, list(enumerate(effects)))], worker))


def values(publications):
    return [json.loads(publication.value) for publication in publications]


def postponed(held, index, tier=TEN_SECONDS, attempts=0, moved=None, *, doubted=False):
    person = held.job.recipients[index]
    return Postponed(person, times(held.plan, person, index).number, attempts, tier, moved, doubted)


def reread(publication, written_at=NOW):
    """Decode a tier's record as the next worker does."""
    later = decode_later(publication.value).job
    assert isinstance(later, LaterJob)
    plan = make_plan(later, written_at, default_stretch=999.0)
    return JobContext(later, plan, later.lane, compile_message(later), publication.headers)


OUTCOME_FIELDS = [
    *("recipient_id", "status", "at", "attempts"),
    *("http_status", "push_service", "detail", "number"),
]


# ── outcomes ────────────────────────────────────────────────────────────────────────────────────────────


def test_outcomes_are_what_the_contract_shows():
    held = job_context(job(recipient("sub_1"), recipient("sub_2")))
    (batch,) = written(
        held,
        Outcome("sub_1", Status.SENT, moment(NOW), 1, 201, "fcm", None, 7),
        Outcome("sub_2", Status.INVALID, moment(NOW + 0.25), 0, None, None, "bad_keys"),
    )
    assert (batch.topic, batch.key) == ("outcomes", b"job_1")
    assert json.loads(batch.value) == {
        "v": 1,
        "job_id": "job_1",
        "campaign_id": "camp_1",
        "site_id": "site_a",
        "worker": "pod-0/1",
        "outcomes": [
            {
                "recipient_id": "sub_1",
                "status": "sent",
                "at": "2027-01-15T08:00:00Z",
                "attempts": 1,
                "http_status": 201,
                "push_service": "fcm",
                "detail": None,
                "number": 7,
            },
            {
                "recipient_id": "sub_2",
                "status": "invalid",
                "at": "2027-01-15T08:00:00.250000Z",
                "attempts": 0,
                "http_status": None,
                "push_service": None,
                "detail": "bad_keys",
                "number": None,
            },
        ],
    }


def test_a_null_header_is_carried_on_but_for_tiers():
    held = job_context(job(recipient("a"), recipient("b")), headers=(("spanId", None), ("own", b"1")))
    outcome = Outcome("a", Status.SENT, moment(NOW), 1, 201, "fcm", None)
    batch, later = written(held, outcome, postponed(held, 1))
    assert batch.headers == held.headers
    assert later.headers == (("spanId", b""), ("own", b"1"))


def test_a_subscription_that_is_gone_is_told_besides():
    held = job_context(job(site_id="site_b"))
    outcome = Outcome("sub_1", Status.EXPIRED, moment(NOW), 2, 410, "fcm", "gone")
    gone = Gone(outcome, "https://fcm.googleapis.com/1")
    assert "googleapis" not in repr(gone)
    batch, expired = written(held, gone)
    assert batch.topic == "outcomes"
    assert list(json.loads(batch.value)["outcomes"][0]) == OUTCOME_FIELDS
    assert (expired.topic, expired.key) == ("expired", b"site_b/sub_1")
    assert json.loads(expired.value) == {
        "v": 1,
        "recipient_id": "sub_1",
        "site_id": "site_b",
        "endpoint": "https://fcm.googleapis.com/1",
        "http_status": 410,
        "at": "2027-01-15T08:00:00Z",
    }


def test_headers_of_the_job_are_on_every_record_that_comes_of_it():
    headers = (("traceparent", b"00-abc-01"), ("own", b"\xff"))
    held = job_context(job(recipient("a"), recipient("b")), headers=headers)
    gone = Gone(Outcome("a", Status.EXPIRED, moment(NOW), 1, 410, "fcm", "gone"), "https://x")
    records = written(held, gone, postponed(held, 1))
    assert [each.topic for each in records] == ["outcomes", "expired", "later.10s"]
    assert all(each.headers == headers for each in records)


def test_dead_letters_are_written_as_they_are():
    letter = Publication("dead-letters", b"key", b"\x00not json\xff", (("error-code", b"bad_json"),))
    assert written(None, letter) == [letter]
    empty = Publication("dead-letters", None, None)
    assert written(None, empty) == [empty]


# ── later jobs ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_later_job_stands_for_itself():
    held = job_context(job(recipient("a"), recipient("b"), payload="text"), Lane.URGENT)
    (later,) = written(held, postponed(held, 1))
    assert (later.topic, later.key) == ("later.10s", b"job_1")
    assert json.loads(later.value) == {
        "v": 1,
        "job_id": "job_1",
        "campaign_id": "camp_1",
        "site_id": "site_a",
        "payload": "text",
        "ttl": 2_419_200,
        "start_at": "2027-01-15T08:00:00Z",
        "stretch_time": 0.0,
        "lane": "urgent",
        "recipients": [
            {"id": "b", "subscription": recipient("b")["subscription"], "attempts": 0, "number": 1}
        ],
    }


def test_nothing_that_upstream_said_is_lost_on_the_way():
    said = {
        "vapid_key": "other",
        "mutable": True,
        "ttl": 60,
        "urgency": "high",
        "topic": "promo",
        "start_at": "2027-01-15T09:00:00Z",
        "stretch_time": 18000,
        "not_after": "2027-01-16T09:00:00Z",
        "slice": {"first": 200, "total": 1000},
    }
    person = recipient("a", variables={"name": "Ada", "n": 1}, not_before="2027-01-15T18:00:00Z")
    held = job_context(job(person, **said))
    (later,) = values(written(held, postponed(held, 0)))
    assert {name: later[name] for name in said} == said
    assert later["notification"] == job()["notification"]
    assert later["recipients"] == [person | {"attempts": 0, "number": 200}]


def test_an_attempt_is_written_with_its_due_time_and_when_the_next_may_be_made():
    held = job_context(job(recipient("a", not_before="2027-01-15T08:00:00Z")))
    retry = postponed(held, 0, ONE_MINUTE, attempts=3, moved=(NOW, NOW + 90.5))
    (later,) = written(held, retry)
    assert later.topic == "later.1m"
    (person,) = json.loads(later.value)["recipients"]
    assert person["attempts"] == 3
    assert person["due_at"] == "2027-01-15T08:00:00Z"
    assert person["not_before"] == "2027-01-15T08:01:30.500000Z"


def test_a_doubted_expiration_is_still_known_when_it_comes_back():
    held = job_context(job(recipient("a"), recipient("b")))
    doubted = postponed(held, 0, ONE_MINUTE, attempts=1, moved=(NOW, NOW + 600), doubted=True)
    (later,) = written(held, doubted, postponed(held, 1, ONE_MINUTE, attempts=1, moved=(NOW, NOW + 90)))
    back = decode_later(later.value)
    assert [each.doubted for each in back.recipients] == [True, False]
    assert [each.get("doubted") for each in json.loads(later.value)["recipients"]] == [True, None]


def test_each_tier_gets_its_own_record():
    held = job_context(job(*(recipient(f"r{n}") for n in range(5))))
    records = written(held, *(postponed(held, n, TIERS[n % 2]) for n in range(5)))
    assert [(each.topic, [r["id"] for r in json.loads(each.value)["recipients"]]) for each in records] == [
        ("later.10s", ["r0", "r2", "r4"]),
        ("later.1m", ["r1", "r3"]),
    ]


@pytest.mark.parametrize("filling", [0, 200, 2000, 5000])
def test_a_record_that_would_be_too_large_is_split(filling):
    people = [recipient(f"r{n}", variables={"text": "x" * filling}) for n in range(300)]
    held = job_context(job(*people, slice={"first": 1000, "total": 5000}, stretch_time=3600))
    records = written(held, *(postponed(held, n) for n in range(300)))
    assert all(len(each.value) <= LATER_MAX_BYTES for each in records)
    found = [person for value in values(records) for person in value["recipients"]]
    assert [(person["id"], person["number"]) for person in found] == [(f"r{n}", 1000 + n) for n in range(300)]
    assert (len(records) > 1) == (filling > 200)


def test_one_recipient_that_is_too_large_alone_still_goes_its_way():
    held = job_context(job(recipient("a", variables={"text": "x" * LATER_MAX_BYTES}), recipient("b")))
    assert [
        len(value["recipients"]) for value in values(written(held, postponed(held, 0), postponed(held, 1)))
    ] == [
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("written_at", "said", "start_at"),
    [
        (1e13, {}, "9999-12-31T23:59:59Z"),
        (-1e13, {}, "0001-01-01T00:00:00Z"),
        (NOW, {"start_at": "9999-12-31T23:59:59-23:00"}, "9999-12-31T23:59:59Z"),
        (NOW, {"start_at": "0001-01-01T00:00:00+23:00"}, "0001-01-01T00:00:00Z"),
    ],
)
def test_a_start_that_no_date_can_say_stalls_nothing(written_at, said, start_at):
    held = job_context(job(recipient("a", not_before="9999-12-31T23:00:00Z"), **said), written_at=written_at)
    (later,) = written(held, postponed(held, 0))
    assert json.loads(later.value)["start_at"] == start_at
    assert reread(later).plan.stretch == 0.0


moments = st.floats(1.7e9, 1.9e9)


def _text(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@st.composite
def job_contexts(draw):
    count = draw(st.integers(1, 4))
    people = []
    for number in range(count):
        not_before = draw(st.none() | moments)
        people.append(recipient(f"r{number}", **({"not_before": _text(not_before)} if not_before else {})))
    said = {"ttl": draw(st.integers(0, 10**6)), "stretch_time": draw(st.floats(0, 1e6))}
    if draw(st.booleans()):
        first = draw(st.integers(0, 10**6))
        said["slice"] = {"first": first, "total": first + count + draw(st.integers(0, 10**6))}
    for name in ("start_at", "not_after"):
        if draw(st.booleans()):
            said[name] = _text(draw(moments))
    return job_context(job(*people, **said), draw(st.sampled_from(Lane)), draw(moments))


@patient
@given(job_contexts(), st.data())
def test_times_stay_the_same_over_any_number_of_hops_and_splits(held, data):
    attempts = 0
    place = data.draw(st.integers(0, len(held.job.recipients) - 1))
    name = held.job.recipients[place].id
    planned = first = times(held.plan, held.job.recipients[place], place)
    assert first.number == (held.job.slice.first if held.job.slice else 0) + place
    expected_next = first.next
    for _ in range(data.draw(st.integers(1, 6))):
        moved = None
        if data.draw(st.booleans()):
            attempts += 1
            expected_next = max(first.due, data.draw(moments))
            moved = (planned.due, expected_next)
        others = data.draw(st.sets(st.integers(0, len(held.job.recipients) - 1))) - {place}
        effects = [
            postponed(held, n, attempts=attempts if n == place else 0, moved=moved if n == place else None)
            for n in sorted({place, *others})
        ]
        (publication,) = written(held, *effects)
        lane, held = held.lane, reread(publication, data.draw(moments))
        place = next(n for n, person in enumerate(held.job.recipients) if person.id == name)
        planned = times(held.plan, held.job.recipients[place], place)
        assert held.lane is lane
        assert planned.number == first.number
        # Rounded up twice, as the job's start and as the recipient's own due time; never earlier.
        assert 0 <= planned.due - first.due <= 2 * MICROSECOND
        assert 0 <= planned.next - expected_next <= 2 * MICROSECOND
        assert held.job.recipients[place].attempts == attempts


@patient
@given(job_contexts())
def test_the_end_of_life_stays_the_same(held):
    (publication,) = written(held, *(postponed(held, n) for n in range(len(held.job.recipients))))
    later = reread(publication)
    for index, (before, after) in enumerate(zip(held.job.recipients, later.job.recipients, strict=True)):
        dues = times(held.plan, before, index).due, times(later.plan, after, index).due
        ends = [lapses_at(plan, due, 0) for plan, due in zip((held.plan, later.plan), dues, strict=True)]
        assert ends[0] == pytest.approx(ends[1], abs=2 * MICROSECOND)


def test_the_largest_records_that_can_come_of_a_job_are_below_what_brokers_take():
    largest = 1_000_000
    headers = (("trace", b"x" * HEADERS_MAX_BYTES),)
    ids = [f"{n:04}".rjust(128, "r") for n in range(RECIPIENTS_MAX)]
    held = job_context(job(*map(recipient, ids), job_id="j" * 128, site_id="s" * 128), headers=headers)
    entry = Entry(JOBS, 0, RECIPIENTS_MAX, 0, held)
    said = (Status.EXPIRED, moment(NOW + 1e-6), 2**53 - 1, 599, "mozilla", "recipient_too_large")
    gone = [(n, Gone(Outcome(name, *said), "e" * ENDPOINT_MAX_CHARS)) for n, name in enumerate(ids)]
    found = list(publications([(entry, gone)], "w" * 128))
    assert {each.topic for each in found} == {OUTCOMES, EXPIRED}
    sizes = [len(each.value) + len(each.key) + sum(len(text) for _, text in each.headers) for each in found]
    assert max(sizes) < largest


def test_the_largest_recipient_of_the_largest_job_fits_a_record_of_a_tier():
    texts = "{{x|" + "y" * (TEMPLATES_MAX_BYTES - 100) + "}}"
    person = recipient("a", variables={"x": "z" * (RECIPIENT_MAX_BYTES - 500)})
    value = job(person, notification={"title": texts, "url": "https://a.example/"})
    assert [each.id for each in take_in(record(value), 0.0).recipients if isinstance(each, Recipient)] == [
        "a"
    ]
    held = job_context(value)
    assert held.message.fits
    assert [len(each.value) <= LATER_MAX_BYTES for each in written(held, postponed(held, 0))] == [True]
