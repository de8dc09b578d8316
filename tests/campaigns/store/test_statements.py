"""Every statement of every module, as the server reads it: tables, columns and parameters."""

import importlib
import pkgutil

import asyncpg
import pytest

from campaigns import store
from tests.harness.postgresql import NEWEST, OLDEST

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "LOCK", "CREATE")
MODULES = [f"campaigns.store.{module.name}" for module in pkgutil.iter_modules(store.__path__)]
STATEMENTS = [
    (module, name)
    for module in MODULES
    for name, value in vars(importlib.import_module(module)).items()
    if name.isupper() and isinstance(value, str) and value.split()[:1] and value.split()[0] in VERBS
]


@pytest.mark.parametrize("postgresql_version", [OLDEST, NEWEST])
async def test_the_server_can_prepare_every_statement(database):
    assert len(STATEMENTS) > 40
    async with database.connection() as connection:
        for module, name in STATEMENTS:
            statement = getattr(importlib.import_module(module), name)
            if statement.lstrip().startswith("CREATE TEMP"):  # what others of its module are about
                await connection.execute(statement)
        wrong = {}
        for module, name in STATEMENTS:
            try:
                await connection.prepare(getattr(importlib.import_module(module), name))
            except asyncpg.PostgresError as error:
                wrong[f"{module}.{name}"] = str(error)
        assert wrong == {}


async def test_a_statement_about_what_there_is_not_is_noticed(database):
    async with database.connection() as connection:
        with pytest.raises(asyncpg.UndefinedColumnError):
            await connection.prepare("SELECT nothing FROM site")
