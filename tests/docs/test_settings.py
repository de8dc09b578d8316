"""docs/settings.md says of every setting what the code says, and no page names one that is none."""

import re
from pathlib import Path

import pytest

from campaigns.config import IN_FILES, CampaignSettings, campaign_settings_table
from tests.docs.support import DOCS, PAGES, ROOT, text
from worker.broker_settings import PREFIX, variable
from worker.config import KafkaSettings, settings_table

SETTINGS_PAGE = DOCS / "settings.md"
TABLES = {"settings": settings_table(), "campaigns": campaign_settings_table()}
READ = {name for table in TABLES.values() for name, _, _ in table}
IN_FILES_TOO = {f"{CampaignSettings.variable(field)}_FILE" for field in IN_FILES}
READ_BY_TESTS_ALONE = {
    *("PUSHMILL_TEST_BROKER", "PUSHMILL_TEST_KAFKA", "PUSHMILL_TEST_DATABASE_URL", "PUSHMILL_REQUIRE"),
    "PUSHMILL_TEST_POSTGRESQL",
}


def variables(path: Path) -> set[str]:
    # A name that goes on (`PUSHMILL_KAFKA_…`) stands for several.
    return set(re.findall(r"\bPUSHMILL_[A-Z0-9_]*[A-Z0-9]\b(?![_*…])", text(path)))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_settings_is_the_code_s(table: str):
    rows = ["| name | default | meaning |", "|---|---|---|"]
    rows += [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in TABLES[table]]
    held = re.search(rf"<!-- {table} -->\n(.*)\n<!-- /{table} -->", text(SETTINGS_PAGE), re.DOTALL)
    assert held, "docs/settings.md has lost its table of settings"
    assert held.group(1).splitlines() == rows


def test_every_variable_that_the_code_reads_is_explained():
    assert {name for name in READ | IN_FILES_TOO if name.startswith(PREFIX)} - variables(
        SETTINGS_PAGE
    ) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_that_a_page_names_is_read_by_the_code(page: Path):
    assert variables(page) - READ - IN_FILES_TOO - READ_BY_TESTS_ALONE == set()


def test_what_kafka_needs_comes_first_and_ends_where_the_page_says():
    first = [name for name, _, _ in settings_table()][: len(KafkaSettings.model_fields)]
    assert first == [variable(field) for field in KafkaSettings.model_fields]
    assert f"only the variables down to `{first[-1]}`" in " ".join(text(SETTINGS_PAGE).split())
