"""Times as the document writes them: in UTC, to the second, wherever they stand."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.campaigns.adapters.pushary.support import NOTICE
from tests.campaigns.api.support import NOW

TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DRAFT = {"name": "Autumn", **NOTICE}


@pytest.fixture
def started(api):
    """The API at a moment that is no whole second."""
    api.now = NOW + timedelta(microseconds=123_456)
    return api


def times(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, list):
        for each in tree:
            yield from times(each)
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name.endswith("At"):
                yield name, value
            yield from times(value)


async def aged(api, *tables: str) -> None:
    """Let rows be from a moment that is no whole second, as the database's own clock has it."""
    async with api.database.transaction() as connection:
        for table in tables:
            await connection.execute(f"UPDATE {table} SET created_at = $1", api.now)


@pytest.mark.parametrize("given", ["2026-11-22T10:00:00.654321Z", "2026-11-22T12:00:00.5+02:00"])
async def test_times_of_a_campaign(started, given):
    made = await started.call("POST", "/campaigns", {**DRAFT, "scheduledAt": given})
    assert made["scheduledAt"] == "2026-11-22T10:00:00Z"
    await aged(started, "campaign")
    await all_to_the_second(started, "campaigns", made, 3)


async def test_times_of_a_template(started):
    made = await started.call("POST", "/templates", DRAFT)
    await aged(started, "template")
    await all_to_the_second(started, "templates", made, 2)


async def test_times_of_a_subscriber(started):
    came = await started.subscriber()
    await aged(started, "subscriber")
    changed = await started.call("PATCH", f"/subscribers/sub_{came.number}", {"tags": ["a"]})
    await all_to_the_second(started, "subscribers", changed, 3)


async def all_to_the_second(api, kind: str, first: dict[str, Any], each: int) -> None:
    answers = [first, await api.call("GET", f"/{kind}/{first['id']}"), await api.call("GET", f"/{kind}")]
    found = [*times(answers)]
    assert len(found) == 3 * each
    assert [(name, value) for name, value in found if not TIME.fullmatch(value)] == []
