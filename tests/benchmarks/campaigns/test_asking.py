"""What the load asks for is understood: by a gateway over a real database, without sockets."""

import itertools
import os

import msgspec
import pytest

from benchmarks.campaigns.asking import ADAPTERS, Ask, Shop, mark_a_few, mixed
from benchmarks.campaigns.audiences import add_random_audience
from campaigns.model.credential import ONE_SITE, TOKEN_RANDOM_BYTES, digest_of, new_token
from campaigns.model.scope import Permission
from campaigns.store.credentials import add_credential
from campaigns.store.sites import find_any_site
from tests.campaigns.adapters.own.support import OwnApi
from tests.harness.audiences import add_site

SIZE = 9
TURN = 5
"""Requests of an API until they begin again."""


class Gateway:
    """A customer who asks without a socket."""

    def __init__(self, database, key):
        self._api = OwnApi(database)
        self._key = key

    async def ask(self, ask: Ask):
        body = b"" if ask.body is None else msgspec.json.encode(ask.body)
        shown = ask.authorization or f"Bearer {self._key}"
        handled = await self._api.ask(ask.method, ask.path, body, token=None, authorization=shown)
        return handled.answer

    async def post(self, path, body=None, authorization=""):
        return await self._done(Ask("POST", path, body, authorization))

    async def patch(self, path, body):
        return await self._done(Ask("PATCH", path, body))

    async def _done(self, ask):
        answer = await self.ask(ask)
        assert answer.status in {200, 201}, (ask, answer)
        return msgspec.json.decode(answer.body)


@pytest.fixture
async def shop(database) -> Shop:
    async with database.transaction() as connection:
        site = await add_site(connection)
        found = await find_any_site(connection, site)
        tokens = {}
        for kind in ADAPTERS:
            tokens[kind] = new_token(kind, os.urandom(TOKEN_RANDOM_BYTES))
            await add_credential(
                connection,
                found.account,
                site=site if kind in ONE_SITE else None,
                kind=kind,
                name="",
                scopes=(Permission.ADMIN,),
                digest=digest_of(tokens[kind]),
                rate=100_000,
            )
    await add_random_audience(database, site, SIZE, key="shop")
    return Shop(site, SIZE, Gateway(database, tokens["own"]), tokens)


@pytest.mark.parametrize("kind", ADAPTERS)
async def test_every_request_of_an_api_is_done(database, shop, kind):
    await mark_a_few(shop)
    requests = await ADAPTERS[kind](shop)
    for ask in itertools.islice(requests, 2 * TURN):
        answer = await shop.customer.ask(ask)
        assert answer.status in {200, 201}, (ask, answer)
        assert ask.holds in answer.body
    async with database.connection() as connection:
        targeted = await connection.fetch("SELECT DISTINCT targeted FROM launch")
    assert targeted
    assert all(0 < row["targeted"] <= 3 for row in targeted)


async def test_apis_take_turns(shop):
    first = [ask.path for ask in itertools.islice(await mixed(shop), len(ADAPTERS))]
    beginnings = ("/v1/", "/pushpilot/", "/api/v1/server/", "/json/1.3/", "/api/v1/", "/push/")
    assert [path.startswith(begin) for path, begin in zip(first, beginnings, strict=True)] == [True] * 6
