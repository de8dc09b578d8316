"""Idempotency: one transaction holds a key, and what was answered stays until its day is over."""

from datetime import timedelta

from campaigns.model.credential import CredentialKind, digest_of
from campaigns.model.scope import Permission
from campaigns.store.accounts import add_account
from campaigns.store.credentials import add_credential
from campaigns.store.idempotency import (
    KeptAnswer,
    delete_answers,
    find_answer,
    keep_answer,
    lock_idempotency_key,
)
from tests.campaigns.store.support import NOON

ROUTE = "POST /v1/sites"


async def make_credential(connection):
    account = await add_account(connection, "Anybody")
    made = await add_credential(
        connection,
        account,
        site=None,
        kind=CredentialKind.OWN,
        name="",
        scopes={Permission.ADMIN},
        digest=digest_of("pm_1"),
    )
    return made.id


async def test_a_key_is_held_until_the_transaction_ends(database):
    async with database.transaction() as first, database.transaction() as second:
        assert await lock_idempotency_key(first, 1, ROUTE, "a")
        assert not await lock_idempotency_key(second, 1, ROUTE, "a")
        for other in ((2, ROUTE, "a"), (1, "POST /v1/events", "a"), (1, ROUTE, "b")):
            assert await lock_idempotency_key(second, *other)
    async with database.transaction() as second:
        assert await lock_idempotency_key(second, 1, ROUTE, "a")


async def test_an_answer_is_kept_and_replaced_and_deleted(database):
    async with database.transaction() as connection:
        credential = await make_credential(connection)
        assert await find_answer(connection, credential, ROUTE, "a") is None
        for kept in (KeptAnswer(b"1", b"one", NOON), KeptAnswer(b"2", b"two", NOON + timedelta(days=2))):
            await keep_answer(connection, credential, ROUTE, "a", kept)
            assert await find_answer(connection, credential, ROUTE, "a") == kept
        assert await delete_answers(connection, NOON + timedelta(days=1), 10) == 0
        assert await find_answer(connection, credential, ROUTE, "a") == kept
        assert await delete_answers(connection, NOON + timedelta(days=3), 10) == 1
        assert await find_answer(connection, credential, ROUTE, "a") is None


async def test_old_answers_are_deleted_some_at_a_time(database):
    async with database.transaction() as connection:
        credential = await make_credential(connection)
        for number in range(5):
            kept = KeptAnswer(b"1", b"one", NOON + timedelta(days=number))
            await keep_answer(connection, credential, ROUTE, str(number), kept)
        before = NOON + timedelta(days=3)
        assert [await delete_answers(connection, before, 2) for _ in range(3)] == [2, 1, 0]
        assert await find_answer(connection, credential, ROUTE, "3") is not None
