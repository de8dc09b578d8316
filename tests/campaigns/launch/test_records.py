import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.launch.records import (
    EVERYBODY,
    RECIPIENTS_A_RECORD,
    Blueprint,
    Content,
    LaunchedJob,
    Row,
    Span,
    Variant,
    make_jobs,
)
from campaigns.model.ids import SUBSCRIBER_END
from crypto import base64url
from worker.records.job import Urgency, decode_job
from worker.records.notification import Notification
from worker.records.values import encode_json
from worker.timing.schedule import make_plan, times

START = datetime(2026, 11, 27, 9, tzinfo=UTC)
HOUR = 3600.0
P256DH, AUTH = b"\x04" + bytes(range(64)), bytes(range(16))


def row(number: int, **fields: object) -> Row:
    usual: dict[str, object] = {
        "endpoint": f"https://push.example/{number}",
        "p256dh": P256DH,
        "auth": AUTH,
        "vapid_key": "shop",
        "payload_format": "notification",
        "language": None,
        "platform": None,
        "attributes": {},
    }
    return msgspec.convert({"id": number} | usual | fields, Row)


def blueprint(**fields: object) -> Blueprint:
    usual: dict[str, object] = {
        "launch_id": "launch_7_abcdefgh",
        "site_id": "site_3",
        "content": lambda variant: Content(Notification("Hello", "https://shop.example/")),
        "by_language": True,
        "tokens_of": None,
        "stretch_time": HOUR,
        "ttl": 86_400,
    }
    return Blueprint(**(usual | fields))  # type: ignore[arg-type]


def audience(dice: random.Random, count: int, variants: int) -> list[Row]:
    """Subscribers with random ids; each further variant has fewer of them."""
    weights = [1 / (1 + number) for number in range(variants)]
    ids = sorted({dice.randrange(SUBSCRIBER_END) for _ in range(count)})
    languages = dice.choices(range(variants), weights, k=len(ids))
    return [row(number, language=str(each)) for number, each in zip(ids, languages, strict=True)]


def chunked(rows: list[Row], edges: list[int]) -> list[tuple[list[Row], Span]]:
    """Cut an audience before these indices, as a launcher does: a span ends behind the id of its last row."""
    cuts = sorted({edge for edge in edges if 0 < edge < len(rows)})
    bounds = [0, *(rows[cut - 1].id + 1 for cut in cuts), SUBSCRIBER_END]
    parts = [rows[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    return [(part, Span(*span)) for part, span in zip(parts, pairwise(bounds), strict=True)]


def jobs_of(rows: list[Row], edges: list[int], plan: Blueprint) -> list[LaunchedJob]:
    jobs: list[LaunchedJob] = []
    for part, span in chunked(rows, edges):
        jobs += make_jobs(plan, part, span, START, len(jobs))
    return jobs


def due_times(jobs: list[LaunchedJob]) -> list[float]:
    """When the worker finds each recipient due, as a part of the stretch, in order."""
    due = []
    for job in jobs:
        plan = make_plan(job, 0.0, 0.0)
        due += [times(plan, recipient, index).due for index, recipient in enumerate(job.recipients)]
    return sorted((each - START.timestamp()) / HOUR for each in due)


def unevenness(due: list[float]) -> float:
    """The largest difference between the part of the recipients that is due and the part of the time."""
    places = (max(abs(at - n / len(due)), abs(at - (n + 1) / len(due))) for n, at in enumerate(due))
    return max(places)


seeds = st.integers(0, 2**32)
counts = st.integers(1, 400)
some_edges = st.lists(st.integers(0, 400), max_size=5)


@given(seeds, counts, st.integers(1, 12), some_edges)
def test_every_recipient_is_in_exactly_one_record_of_its_variant(seed, count, variants, edges):
    rows = audience(random.Random(seed), count, variants)
    jobs = jobs_of(rows, edges, blueprint(content=lambda variant: Content(payload={"l": variant.language})))
    of_recipient = Counter((recipient.id, job.payload["l"]) for job in jobs for recipient in job.recipients)
    assert of_recipient == {(f"sub_{each.id}", each.language): 1 for each in rows}
    assert [job.job_id for job in jobs] == [f"launch_7_abcdefgh.{number}" for number in range(len(jobs))]
    assert max(len(job.recipients) for job in jobs) <= RECIPIENTS_A_RECORD


@given(seeds, counts, st.integers(1, 12), some_edges)
def test_each_chunk_has_its_span_of_the_stretch_and_is_even_within(seed, count, variants, edges):
    rows = audience(random.Random(seed), count, variants)
    for part, span in chunked(rows, edges):
        due = due_times(make_jobs(blueprint(), part, span, START, 0))
        begin, length = span.begin / SUBSCRIBER_END, (span.end - span.begin) / SUBSCRIBER_END
        even = [begin + length * place / len(part) for place in range(len(part))]
        assert due == pytest.approx(even, abs=1e-6)


@pytest.mark.parametrize("variants", [1, 10])
@pytest.mark.parametrize("chunk", [100, 1777, 5000, 50_000])
def test_ten_thousand_are_even_within_two_percent(variants, chunk):
    rows = audience(random.Random(10), 10_000, variants)
    due = due_times(jobs_of(rows, [*range(chunk, len(rows), chunk)], blueprint()))
    assert unevenness(due) < 0.02


@given(seeds, st.integers(1, 10))
def test_fifty_are_even_within_five_percent(seed, variants):
    rows = audience(random.Random(seed), 50, variants)
    assert unevenness(due_times(jobs_of(rows, [], blueprint()))) < 0.05


def test_variants_take_turns():
    rows = audience(random.Random(3), 5000, 2)
    languages = "".join(str(job.payload["l"]) for job in jobs_of(rows, [], by_letter()))
    assert "0000" not in languages
    assert "111" not in languages


def by_letter() -> Blueprint:
    return blueprint(content=lambda variant: Content(payload={"l": variant.language}))


def test_a_record_is_of_one_variant_as_far_as_the_content_depends_on_it():
    rows = [
        row(1, language="de", platform="Android"),
        row(2, language="en", platform="Windows"),
        row(3, language="de", platform="Windows", vapid_key="old"),
        row(4, language="de", platform="Windows", payload_format="pushwoosh"),
    ]

    def variants(**by: bool) -> set[Variant]:
        seen = set()

        def content(variant: Variant) -> Content:
            seen.add(variant)
            return Content(payload={})

        make_jobs(blueprint(content=content, **by), rows, EVERYBODY, START, 0)
        return seen

    base = {("shop", "notification"), ("old", "notification"), ("shop", "pushwoosh")}
    assert variants(by_language=False) == {(*each, None, None) for each in base}
    assert {each.language for each in variants(by_language=True)} == {"de", "en"}
    assert {each.platform for each in variants(by_language=False, by_platform=True)} == {"Android", "Windows"}


def tokens(numbers: Iterable[int]) -> list[str]:
    return [f"token-{number}" for number in numbers]


def test_only_variables_that_the_content_names_are_copied():
    rows = [row(1, attributes={"name": "Ann", "secret": "x"}), row(2, attributes={"secret": "y"})]
    plan = blueprint(variables=frozenset({"name"}), tokens_of=tokens)
    [job] = make_jobs(plan, rows, EVERYBODY, START, 0)
    assert [each.variables for each in job.recipients] == [{"name": "Ann", "t": "token-1"}, {"t": "token-2"}]
    [job] = make_jobs(blueprint(tokens_of=tokens), rows, EVERYBODY, START, 0)
    assert [each.variables for each in job.recipients] == [{"t": "token-1"}, {"t": "token-2"}]
    [job] = make_jobs(blueprint(variables=frozenset({"name"})), rows, EVERYBODY, START, 0)
    assert [each.variables for each in job.recipients] == [{"name": "Ann"}, None]
    [job] = make_jobs(blueprint(), rows, EVERYBODY, START, 0)
    assert [each.variables for each in job.recipients] == [None, None]


def test_a_key_of_another_length_costs_nobody_else_theirs():
    rows = [row(1), row(2, p256dh=b"short", auth=b""), row(3)]
    [job] = make_jobs(blueprint(), rows, EVERYBODY, START, 0)
    keys = [each.subscription.keys for each in job.recipients]
    right = (base64url.encode(P256DH), base64url.encode(AUTH))
    assert [(each.p256dh, each.auth) for each in keys] == [right, (base64url.encode(b"short"), ""), right]


@pytest.mark.parametrize(
    ("attribute", "variable"),
    [("Ann", "Ann"), (7, 7), (True, True), (None, None), (["a", 1, True], "a, 1, true"), ({"a": 1}, None)],
)
def test_an_attribute_becomes_what_a_variable_can_be(attribute, variable):
    plan = blueprint(variables=frozenset({"it"}))
    [job] = make_jobs(plan, [row(1, attributes={"it": attribute})], EVERYBODY, START, 0)
    assert job.recipients[0].variables == {"it": variable}


def test_the_times_are_written_out_and_the_worker_reads_every_job():
    plan = blueprint(
        stretch_time=0.0,
        ttl=2_419_200,
        urgency=Urgency.HIGH,
        topic="sale",
        mutable=True,
        not_after=datetime(2026, 12, 1, tzinfo=UTC),
    )
    [job] = make_jobs(plan, [row(5)], EVERYBODY, START, 9)
    value = encode_json(job)
    assert msgspec.json.decode(value) == {
        "v": 1,
        "job_id": "launch_7_abcdefgh.9",
        "campaign_id": "launch_7_abcdefgh",
        "site_id": "site_3",
        "vapid_key": "shop",
        "recipients": [
            {
                "id": "sub_5",
                "subscription": {
                    "endpoint": "https://push.example/5",
                    "keys": {
                        "p256dh": base64url.encode(P256DH),
                        "auth": base64url.encode(AUTH),
                    },
                },
            }
        ],
        "notification": {"title": "Hello", "url": "https://shop.example/"},
        "mutable": True,
        "ttl": 2_419_200,
        "urgency": "high",
        "topic": "sale",
        "start_at": "2026-11-27T09:00:00Z",
        "stretch_time": 0.0,
        "not_after": "2026-12-01T00:00:00Z",
    }
    assert decode_job(value).job.job_id == "launch_7_abcdefgh.9"


def test_a_row_shows_nothing_but_its_id():
    assert repr(row(5)) == "Row(5)"


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1]), (100, [100]), (101, [50, 51]), (250, [83, 83, 84]), (301, [75, 75, 75, 76])],
)
def test_records_are_as_few_as_possible_and_about_equally_large(count, sizes):
    jobs = make_jobs(blueprint(), [row(number) for number in range(count)], EVERYBODY, START, 0)
    assert [len(job.recipients) for job in jobs] == sizes
