"""The SQL of conditions against their meaning over plain dicts, on the real server."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.model.condition import parse_condition
from campaigns.store.condition_sql import Parameters, condition_sql
from campaigns.store.database import connect
from tests.campaigns.conditions import TEXTS, TIMES, conditions, holds, subscribers
from tests.campaigns.model.test_condition import ADA, EXAMPLES

COLUMNS = ("tags", "attributes", *TEXTS, *TIMES)
INSERT = f"""
INSERT INTO subscriber (id, site, status, {", ".join(COLUMNS)})
VALUES ($1, 1, 'active', {", ".join(f"${number + 2}" for number in range(len(COLUMNS)))})
"""


async def found(connection, tree):
    parameters = Parameters(["active"])
    expression = condition_sql(parse_condition(tree), parameters)
    rows = await connection.fetch(
        f"SELECT id, {expression} AS holds FROM subscriber AS s WHERE status = $1", *parameters.values
    )
    return {row["id"]: row["holds"] for row in rows}


async def insert(connection, people):
    for number, person in enumerate(people):
        await connection.execute(INSERT, number, *(person[column] for column in COLUMNS))


@pytest.mark.parametrize(("tree", "expected"), EXAMPLES)
async def test_examples(ada, tree, expected):
    assert await found(ada, tree) == {0: expected}


@pytest.fixture
async def ada(database):
    async with database.connection() as connection:
        await insert(connection, [ADA])
        yield connection


async def test_no_text_of_a_client_becomes_sql():
    hostile = "'); DROP TABLE subscriber; --"
    for field in ("tag", "city", f"attribute.{hostile}"):
        parameters = Parameters()
        expression = condition_sql(
            parse_condition({"field": field, "op": "contains", "value": hostile}), parameters
        )
        assert "DROP" not in expression
        assert hostile in parameters.values


def test_everyone_needs_no_condition():
    parameters = Parameters()
    assert condition_sql(None, parameters) == "true"
    assert parameters.values == []


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(subscribers(), min_size=1, max_size=4), st.lists(conditions(), min_size=1, max_size=5))
async def test_sql_and_meaning_agree(database_url, people, trees):
    connection = await connect(database_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await insert(connection, people)
        for tree in trees:
            assert await found(connection, tree) == {
                n: holds(tree, person) for n, person in enumerate(people)
            }
        await transaction.rollback()
    finally:
        await connection.close()
