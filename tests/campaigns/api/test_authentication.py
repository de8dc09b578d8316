from datetime import timedelta

import msgspec
import pytest

from campaigns.model.credential import CredentialKind
from campaigns.model.scope import Permission
from tests.campaigns.api.support import KEY, NOW, World, credential


async def status(world: World, token: str | None = KEY, address: str = "192.0.2.1") -> int:
    return (await world.ask("GET", "/v1/sites/site_1", token=token, address=address)).answer.status


async def test_a_credential_is_remembered_for_five_seconds():
    world = World()
    assert [await status(world) for _ in range(3)] == [200] * 3
    assert world.lookups == 1
    world.credentials.clear()
    world.seconds = 4.9
    assert await status(world) == 200
    world.seconds = 5.0
    assert await status(world) == 401


async def test_a_credential_ends_at_its_time_although_it_is_remembered():
    world = World()
    (digest, known) = next(iter(world.credentials.items()))
    world.credentials[digest] = msgspec.structs.replace(known, expires_at=NOW + timedelta(seconds=2))
    assert await status(world) == 200
    world.now = NOW + timedelta(seconds=2)
    assert await status(world) == 401


async def test_a_token_that_has_ended_was_no_guess():
    world = World()
    digest, ended = credential("old", 9, Permission.READ, expires_at=NOW)
    world.credentials[digest] = ended
    assert [await status(world, "old") for _ in range(11)] == [401] * 11


async def test_another_platforms_credential_is_none():
    world = World()
    (digest, known) = next(iter(world.credentials.items()))
    world.credentials[digest] = msgspec.structs.replace(known, kind=CredentialKind.PUSHARY)
    assert await status(world) == 401


async def test_who_guesses_is_stopped():
    world = World()
    assert [await status(world, f"pm_{number}") for number in range(11)] == [401] * 10 + [429]
    asked = world.lookups
    assert await status(world) == 429
    assert world.lookups == asked
    assert await status(world, address="192.0.2.2") == 200


async def test_who_guesses_in_a_body_is_stopped_too():
    world = World()

    async def answered(body: bytes) -> int:
        return (await world.ask("POST", "/v1/login", body, token=None)).answer.status

    assert await answered(b"right") == 200
    assert [await answered(b"wrong") for _ in range(11)] == [401] * 10 + [429]
    assert await answered(b"right") == 429
    assert await status(world, "pm_1") == 429


async def test_access_tokens_are_counted_as_the_one_client_that_they_were_given_to():
    world = World()
    for token in ("one", "two"):
        digest, made = credential(token, 9, Permission.READ, rate=3)
        world.credentials[digest] = msgspec.structs.replace(made, id=10 + len(world.credentials), parent=9)
    tokens = ("one", "two", "one", "two")
    assert [await status(world, token) for token in tokens] == [200, 200, 200, 429]


async def test_who_is_known_already_is_not_stopped_by_a_neighbour_who_guesses():
    world = World()
    assert await status(world) == 200
    for number in range(10):
        await status(world, f"pm_{number}")
    assert await status(world) == 200


async def test_a_token_longer_than_any_is_not_looked_up():
    world = World()
    assert await status(world, "x" * 5000) == 401
    assert world.lookups == 0


async def test_memory_is_bounded(monkeypatch):
    world = World()
    known = next(iter(world.credentials.values()))
    monkeypatch.setattr("campaigns.api.authentication.REMEMBERED_MAX", 3)

    async def find(_digest: bytes) -> object:
        return known

    monkeypatch.setattr(world.gateway._authenticator, "_find", find)
    assert [await status(world, f"pm_{number}") for number in range(10)] == [200] * 10
    assert len(world.gateway._authenticator._remembered) <= 3


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "pm_key", "bearer  "])
async def test_what_is_no_bearer_key_is_none(header):
    world = World()
    handled = await world.ask("GET", "/v1/sites/site_1", token=None, authorization=header)
    assert handled.answer.status == 401
    assert world.lookups == 0


async def test_the_schemes_case_does_not_matter():
    handled = await World().ask("GET", "/v1/sites/site_1", token=None, authorization=f"bEaReR {KEY}")
    assert handled.answer.status == 200
