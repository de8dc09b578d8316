"""docs/settings.md says of every setting what the code says, and no page names one that is none."""

import re
from pathlib import Path

import pytest

from tests.docs.support import DOCS, PAGES, ROOT, text
from worker.broker_settings import PREFIX, variable
from worker.config import KafkaSettings, settings_table

SETTINGS_PAGE = DOCS / "settings.md"
READ_BY_TESTS_ALONE = {"PUSHMILL_TEST_BROKER", "PUSHMILL_TEST_KAFKA", "PUSHMILL_REQUIRE"}


def variables(path: Path) -> set[str]:
    # A name that goes on (`PUSHMILL_KAFKA_…`) stands for several.
    return set(re.findall(r"\bPUSHMILL_[A-Z0-9_]*[A-Z0-9]\b(?![_*…])", text(path)))


def test_the_table_of_settings_is_the_code_s():
    rows = ["| name | default | meaning |", "|---|---|---|"]
    rows += [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in settings_table()]
    held = re.search(r"<!-- settings -->\n(.*)\n<!-- /settings -->", text(SETTINGS_PAGE), re.DOTALL)
    assert held, "docs/settings.md has lost its table of settings"
    assert held.group(1).splitlines() == rows


def test_every_variable_that_the_code_reads_is_explained():
    read = {name for name, _, _ in settings_table()}
    assert {name for name in read if name.startswith(PREFIX)} - variables(SETTINGS_PAGE) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_that_a_page_names_is_read_by_the_code(page: Path):
    known = {name for name, _, _ in settings_table()} | READ_BY_TESTS_ALONE
    assert variables(page) - known == set()


def test_what_kafka_needs_comes_first_and_ends_where_the_page_says():
    first = [name for name, _, _ in settings_table()][: len(KafkaSettings.model_fields)]
    assert first == [variable(field) for field in KafkaSettings.model_fields]
    assert f"only the variables down to `{first[-1]}`" in " ".join(text(SETTINGS_PAGE).split())
