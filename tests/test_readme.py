"""What README promises is held to the code."""

import json
import re
from pathlib import Path

import pytest

from worker.config import settings_table
from worker.records.job import decode_job
from worker.records.outcome import Status

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def settings_rows() -> list[str]:
    rows = ["| name | default | meaning |", "|---|---|---|"]
    return rows + [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in settings_table()]


def test_the_table_of_settings_is_the_code_s():
    held = re.search(r"<!-- settings -->\n(.*)\n<!-- /settings -->", README, re.DOTALL)
    assert held, "README has lost its table of settings"
    assert held.group(1).splitlines() == settings_rows()


def test_the_job_in_it_is_valid():
    jobs = [text for text in re.findall(r"```json\n(.*?)```", README, re.DOTALL) if '"recipients"' in text]
    assert [decode_job(text.encode()).flaws for text in jobs] == [{}]


def test_the_statuses_in_it_are_the_code_s():
    told = re.findall(r"^\| `([a-z]+)` \|", README, re.MULTILINE)
    assert told == [status.value for status in Status]


@pytest.mark.parametrize("text", re.findall(r"```json\n(.*?)```", README, re.DOTALL))
def test_what_it_calls_json_is_json(text):
    json.loads(text)
