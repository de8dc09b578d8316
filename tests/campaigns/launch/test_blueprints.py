from typing import Any

from campaigns.launch.blueprints import blueprint_of
from campaigns.launch.records import EVERYBODY, make_jobs
from campaigns.model.secrets import Key
from tests.campaigns.launch.test_parts import START, launch
from tests.campaigns.launch.test_records import row
from worker.records.notification import Notification

URL = "https://shop.example/"
HELLO = Notification("Hello {{name|there}}", URL)


def jobs_of(rows: list[Any], **fields: Any):
    made = launch(content=HELLO, **fields)
    plan = blueprint_of(made, public_url="https://push.example", token_key=Key(1, bytes(32)), own_worker=True)
    return make_jobs(plan, rows, EVERYBODY, START, 0)


def test_everyone_gets_the_same_where_nothing_else_is_said():
    [job] = jobs_of([row(1, language="de"), row(2, language="fr")])
    assert job.notification is not None
    assert job.notification.title == "Hello {{name|there}}"
    assert job.payload is None


def test_each_language_gets_its_own():
    hallo = Notification("Hallo {{name|du}}", URL)
    rows = [row(number, language=tag) for number, tag in enumerate(["de", "de-at", "fr", None], 1)]
    jobs = jobs_of(rows, translations={"de": hallo})
    titles = {each.id: job.notification.title for job in jobs for each in job.recipients}
    assert [titles[f"sub_{number}"][:5] for number in range(1, 5)] == ["Hallo", "Hallo", "Hello", "Hello"]


def test_whoever_has_another_service_worker_gets_what_that_reads():
    jobs = jobs_of([row(1), row(2, payload_format="pushwoosh", attributes={"name": "Ada"})])
    payloads = {job.recipients[0].id: job.payload for job in jobs}
    assert payloads["sub_1"] is None
    assert payloads["sub_2"] == {"p": "{{t}}", "header": "Hello {{name|there}}", "l": URL}
    [variables] = [job.recipients[0].variables for job in jobs if job.payload]
    assert variables["name"] == "Ada"
    assert len(variables["t"]) == 34


def test_a_variable_in_a_format_is_written_by_the_launcher():
    greeting = Notification("{{__upper__name|you}} {{city}}", URL)
    rows = [row(1, attributes={"name": "ada", "city": "ulm", "secret": 1}), row(2)]
    jobs = jobs_of(rows, translations={"xx": greeting})
    variables = {each.id: each.variables for job in jobs for each in job.recipients}
    assert {**variables["sub_1"], "t": ""} == {"name": "ada", "__upper__name": "ADA", "city": "ulm", "t": ""}
    assert {*variables["sub_2"]} == {"t"}
