"""asyncapi.yaml and the JSON Schemas match the code; the examples match them and the decoders."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from pydantic import ValidationError

from campaigns.model.begun import decode_begun
from campaigns.model.events import decode_event
from campaigns.model.marker import decode_batch_marker, decode_launch_marker
from k8s.tools import render
from k8s.tools.schemas import EXAMPLES, TYPES, examples
from tests.k8s.support import PAGES, ROOT, lost
from worker.checks.rules import findings
from worker.metrics import DEAD_LETTER_REASONS
from worker.push.services import Endpoints
from worker.records.control import decode_control
from worker.records.job import decode_job, decode_later
from worker.records.outcome import Status, decode_expired, decode_outcomes
from worker.records.stats import decode_stats
from worker.records.topics import ALL_TOPICS, TIERS

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "asyncapi.yaml").read_text())
DECODERS: dict[str, Callable[[bytes], Any]] = {
    "send-job": decode_job,
    "later-job": decode_later,
    "campaign-control": decode_control,
    "outcome-batch": decode_outcomes,
    "expired": decode_expired,
    "campaign-stats": decode_stats,
    "launch-marker": decode_launch_marker,
    "launch-begun": decode_begun,
    "batch-marker": decode_batch_marker,
    "event-record": decode_event,
}
EACH_VALUE = pytest.mark.parametrize("name", TYPES)


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / f"schemas/{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "$ref":
                yield each
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def written_by_hand() -> Iterator[tuple[str, str]]:
    """Find the JSON objects in the documentation that are jobs."""
    for path in (ROOT / "README.md", *PAGES, *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"^```json\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
            if '"job_id"' in block and '"recipients"' in block:
                yield path.name, block


def test_writing_it_all_again_changes_nothing():
    assert render.stale() == [], "python -m k8s.tools.render"


# ── examples ────────────────────────────────────────────────────────────────────────────────────────────────


@EACH_VALUE
def test_each_example_holds_to_its_schema_and_is_what_the_code_reads(name: str):
    assert examples(name)
    for path in examples(name):
        validator(name).validate(json.loads(path.read_text()))
        DECODERS[name](path.read_bytes())


def test_the_examples_of_jobs_have_no_flaw_that_a_strict_look_finds():
    for path in examples("send-job"):
        assert [each for each in findings(path.read_bytes(), Endpoints()) if each.severity == "error"] == []


def test_no_example_is_left_over():
    known = {path for name in TYPES for path in examples(name)}
    assert set(EXAMPLES.iterdir()) == known


def test_jobs_in_the_documentation_hold_to_the_schema():
    for page, block in written_by_hand():
        job = json.loads(block)
        assert not list(validator("send-job").iter_errors(job)), page
        decode_job(block.encode())


WRONG: dict[str, dict[str, Any]] = {
    "another version": {"v": 2},
    "an id with a slash": {"job_id": "../j"},
    "no recipients": {"recipients": []},
    "both contents": {"payload": "text"},
    "an unknown urgency": {"urgency": "huge"},
    "a topic that is too long": {"topic": "x" * 33},
    "a negative ttl": {"ttl": -1},
    "a time without a zone is a string like any other, so only its type is told": {"start_at": 5},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_the_schema_refuses_what_the_worker_refuses(change: dict[str, Any]):
    job = json.loads((EXAMPLES / "send-job.json").read_text()) | change
    with pytest.raises(jsonschema.ValidationError):
        validator("send-job").validate(job)
    with pytest.raises(ValueError, match=r".+"):
        decode_job(json.dumps(job).encode())


def test_a_reader_of_outcomes_may_meet_what_is_new_or_not_there_yet():
    batch = json.loads((EXAMPLES / "outcome-batch.json").read_text())
    for change in ({"status": "delivered"}, {"number": None}, {"detail": "of_tomorrow"}):
        validator("outcome-batch").validate(batch | {"outcomes": [batch["outcomes"][0] | change]})
    old = {name: value for name, value in batch["outcomes"][0].items() if name != "number"}
    validator("outcome-batch").validate(batch | {"outcomes": [old]})
    with pytest.raises(jsonschema.ValidationError):
        validator("outcome-batch").validate(batch | {"outcomes": [old | {"status": 7}]})


def test_the_statuses_of_today_are_examples():
    assert set(DOCUMENT["components"]["schemas"]["Status"]["examples"]) == {*Status}


def test_upstream_may_move_first():
    job = json.loads((EXAMPLES / "send-job.json").read_text()) | {"from_next_year": True}
    validator("send-job").validate(job)


# ── asyncapi.yaml ───────────────────────────────────────────────────────────────────────────────────────────


BESIDES = {f"channels/{name}/bindings/kafka": {"topicConfiguration"} for name in DOCUMENT["channels"]}
"""Kafka's bindings from 0.4.0 on, which are newer than FastStream's types."""


def through_faststream(document: dict[str, Any]) -> dict[str, Any]:
    """Return what FastStream, which writes AsyncAPI 3.0 itself, keeps of a document."""
    model = ApplicationSchema.model_validate(document)
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_another_reader_of_asyncapi_reads_every_field():
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert list(lost(DOCUMENT, through_faststream(DOCUMENT), BESIDES)) == []


@pytest.mark.parametrize(
    "mistake", [{"action": "recieve"}, {"channel": None}, {"channel": {"$reff": "#/channels/jobs"}}]
)
def test_a_mistake_would_be_noticed(mistake: dict[str, Any]):
    name, operation = next(iter(DOCUMENT["operations"].items()))
    with pytest.raises(ValidationError):
        through_faststream({**DOCUMENT, "operations": {name: {**operation, **mistake}}})


def test_every_reference_leads_somewhere():
    for reference in references(DOCUMENT):
        target: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def test_it_has_exactly_the_topics_that_are_created():
    addresses = [channel["address"] for channel in DOCUMENT["channels"].values()]
    tiers = DOCUMENT["channels"]["later"]["parameters"]["tier"]["enum"]
    assert tiers == [tier.name for tier in TIERS]
    written_out = {
        address.replace("{tier}", tier)
        for address in addresses
        for tier in (tiers if "{" in address else [""])
    }
    assert written_out == {f"push.{topic.name}" for topic in ALL_TOPICS}


def test_every_channel_is_used_and_every_message_has_an_example():
    used = {operation["channel"]["$ref"].rpartition("/")[2] for operation in DOCUMENT["operations"].values()}
    assert used == DOCUMENT["channels"].keys()
    for name, message in DOCUMENT["components"]["messages"].items():
        assert message.get("examples") or name == "DeadLetter"


def test_what_is_described_is_described_in_whole_sentences():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"].endswith("."), name
        for field, about in schema.get("properties", {}).items():
            assert about.get("description", "x.").rstrip("`").endswith("."), f"{name}.{field}"
            assert "Decoded" not in about.get("description", ""), f"{name}.{field}"


def test_the_dead_letters_reasons_are_few_and_known():
    assert set(DEAD_LETTER_REASONS) >= {"bad_json", "bad_field", "unsupported_version"}
    assert "error-code" in DOCUMENT["components"]["messages"]["DeadLetter"]["headers"]["required"]


def test_the_files_are_where_the_documentation_says():
    assert {path.name for path in (ROOT / "schemas").glob("*.json")} == {
        f"{name}.schema.json" for name in TYPES
    }
    assert Path(ROOT / "asyncapi.yaml").read_text().startswith("# Written from")
