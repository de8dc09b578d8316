"""docs/jobs.md is held to the types, tables and bounds of the code, its examples to decoders and schemas."""

import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema
import msgspec
import pytest

from crypto.aes128gcm import MAX_PLAINTEXT
from tests.docs.support import DOCS, ROOT, blocks, names, rows, section, text
from worker.metrics import DEAD_LETTER_REASONS
from worker.pipeline.intake import HEADERS_MAX_BYTES
from worker.pipeline.politeness import QUARANTINED
from worker.push import answers
from worker.push.message import DECLARATIVE_WEB_PUSH, TEMPLATES_MAX_BYTES
from worker.push.services import ENDPOINT_MAX_CHARS, PushService
from worker.push.verdict import Settled, TryAgain
from worker.records.control import CampaignControl, State, decode_control
from worker.records.dead_letter import LETTER_HEADERS, TRUNCATED
from worker.records.job import (
    DATA_MAX_DEPTH,
    RECIPIENT_MAX_BYTES,
    RECIPIENTS_MAX,
    TTL_DEFAULT,
    SendJob,
    Slice,
    Urgency,
    decode_job,
)
from worker.records.notification import Action, Notification
from worker.records.outcome import Expired, Outcome, OutcomeBatch, Status
from worker.records.recipient import EncodedKeys, Recipient, Subscription
from worker.records.stats import CampaignStats
from worker.records.topics import TOPICS
from worker.records.values import ID_PATTERN
from worker.timing.lapse import LATE, PRODUCED_LATE, RETRIED
from worker.timing.schedule import FIRST_ATTEMPT_GRACE, TTL_MAX

PAGE = DOCS / "jobs.md"
JSON = blocks(text(PAGE), "json")
PROSE = " ".join(text(PAGE).split())

READERS: dict[str, Callable[[bytes], Any]] = {
    "send-job": decode_job,
    "outcome-batch": msgspec.json.Decoder(OutcomeBatch).decode,
    "expired": msgspec.json.Decoder(Expired).decode,
    "campaign-control": decode_control,
    "campaign-stats": msgspec.json.Decoder(CampaignStats).decode,
}


def schemas_that_hold(value: Any) -> list[str]:
    return [
        name
        for name in READERS
        if jsonschema.Draft202012Validator(
            json.loads((ROOT / f"schemas/{name}.schema.json").read_text())
        ).is_valid(value)
    ]


def fields(*types: type[msgspec.Struct]) -> set[str]:
    return {name for each in types for name in each.__struct_encode_fields__}


def cells(title: str, column: int) -> list[str]:
    """The names in a column of a section's tables, the head left out."""
    return [name for row in rows(section(PAGE, title)) for name in names(row[column])]


# ── examples ────────────────────────────────────────────────────────────────────────────────────────────────


def test_there_is_one_example_of_each_record_that_a_platform_meets():
    assert [schemas_that_hold(json.loads(value)) for value in JSON] == [[name] for name in READERS]


@pytest.mark.parametrize("value", JSON)
def test_an_example_is_what_the_code_reads(value: str):
    [name] = schemas_that_hold(json.loads(value))
    READERS[name](value.encode())


def test_no_recipient_of_the_job_has_a_flaw():
    assert decode_job(JSON[0].encode()).flaws == {}


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("title", "types"),
    [
        ("Send jobs", (SendJob, Recipient, Notification, Action, Subscription, EncodedKeys)),
        ("Outcomes", (Outcome,)),
        ("Campaign control", (CampaignControl,)),
        ("Campaign statistics", (CampaignStats,)),
        ("Expired subscriptions", (Expired,)),
    ],
)
def test_every_field_of_a_record_stands_in_its_section(title: str, types: tuple[type[msgspec.Struct], ...]):
    told = set(re.findall(r"[`\"](\w+)[`\"]", section(PAGE, title)))
    assert fields(*types) - told == set()


def test_the_tables_of_fields_are_the_code_s():
    assert set(cells("Fields", 0)) == fields(SendJob, Recipient)
    assert set(cells("The notification", 0)) == fields(Notification)
    of_outcomes = set(cells("Outcomes", 0)) - {*Status, *details()["lapsed"]}
    assert fields(Outcome) <= of_outcomes <= fields(Outcome, OutcomeBatch)
    assert set(cells("Campaign control", 0)) == fields(CampaignControl) - {"v", "campaign_id"}


def test_the_defaults_in_the_table_are_the_code_s():
    defaults = {row[0].strip("`"): row[1] for row in rows(section(PAGE, "Fields"))}
    all_fields = (*msgspec.structs.fields(SendJob), *msgspec.structs.fields(Recipient))
    required = {field.encode_name for field in all_fields if field.required}
    told = {name for name, default in defaults.items() if default == "required"}
    assert told == required
    assert defaults["ttl"] == str(TTL_DEFAULT)
    assert defaults["urgency"] == f"`{Urgency.NORMAL.value}`"


def test_the_statuses_are_the_code_s():
    told = [row[0].strip("`") for row in rows(section(PAGE, "Statuses"))[1:]]
    assert told == [status.value for status in Status]


def test_every_topic_is_there_with_the_time_that_it_is_kept():
    told = {name: row[4] for row in rows(section(PAGE, "Topics"))[1:] for name in names(row[0])}
    made = {}
    for topic in TOPICS:
        days = int(topic.config["retention.ms"]) // 86_400_000
        compacted = ", compacted" if "compact" in topic.config.get("cleanup.policy", "") else ""
        made[f"push.{topic.name}"] = f"{days} days{compacted}"
    assert told == made


def test_the_words_of_dead_letters_are_the_code_s():
    told = cells("Dead letters", 0)
    assert told == ["error-code", *LETTER_HEADERS[1:], TRUNCATED, "error-code", *DEAD_LETTER_REASONS]


def test_every_choice_that_a_field_has_is_there():
    for choice in (*Urgency, *State, *PushService):
        assert f"`{choice.value}`" in text(PAGE)


def details() -> dict[str, list[str]]:
    """The words that the page gives for each status."""
    return {
        status: [word for word in names(row[1].partition(";")[0]) if word != "null"]
        for row in rows(section(PAGE, "Details"))[1:]
        for status in names(row[0])
    }


def test_every_detail_that_an_answer_leads_to_is_there():
    tables = (answers._EVERYWHERE, answers._BY_CLASS, answers._BY_SERVICE, answers._FAILURES)
    verdicts = {QUARANTINED, *(verdict for table in tables for verdict in table.values())}
    for verdict in verdicts:
        match verdict:
            case Settled(status, detail) if detail:
                assert detail in details()[status.value]
            case TryAgain(reason):
                assert reason in details()["failed"]


def test_every_reason_why_a_message_lapses_is_there():
    assert {LATE.detail, RETRIED.detail, PRODUCED_LATE.detail} == {*details()["lapsed"]}


def test_no_detail_is_made_up():
    source = "\n".join(path.read_text() for path in (ROOT / "worker").rglob("*.py"))
    quoted = set(re.findall(r'"([a-z_]+)"', source))
    flaws = {f"bad_{word}" for word in quoted} if 'f"bad_{' in source else set()
    told = {word for words in details().values() for word in words}
    assert len(told) > 30
    assert told - quoted - flaws == set()


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said",
    [
        f"1 to {RECIPIENTS_MAX:,} recipients",
        f"recipients in a job | {RECIPIENTS_MAX:,} |",
        f"Kafka headers of a record | {HEADERS_MAX_BYTES >> 10} KiB |",
        f"before variables are filled in | {TEMPLATES_MAX_BYTES >> 10} KiB |",
        f"the text that is encrypted | {MAX_PLAINTEXT:,} bytes |",
        f"one recipient | {RECIPIENT_MAX_BYTES >> 10} KiB |",
        f"an endpoint | {ENDPOINT_MAX_CHARS:,} characters |",
        f"nested up to {DATA_MAX_DEPTH} levels deep",
        f'"web_push": {DECLARATIVE_WEB_PUSH}',
        f"never more than {TTL_MAX:,} (28 days)",
        f"does not lapse before it is {FIRST_ATTEMPT_GRACE:g} seconds late",
    ],
)
def test_a_number_is_the_code_s(said: str):
    assert said in PROSE


def test_ids_are_what_the_page_says():
    longest = "x" * 128
    assert "1 to 128 letters, digits and `.`, `_`, `:`, `-`, and do not begin with `.` or `:`" in PROSE
    for good in ("a", "_", "-", "9", "a.b_c:d-e", longest):
        assert re.search(ID_PATTERN, good)
    for bad in ("", ".a", ":a", "a/b", "a b", longest + "x"):
        assert not re.search(ID_PATTERN, bad)


def test_a_slice_is_written_as_the_page_says():
    assert '`{"first": …, "total": …}`' in PROSE
    assert fields(Slice) == {"first", "total"}
