"""Whatever stands in a field or a path of any platform: no mistake of ours, and nothing kept of a refusal."""

from itertools import count

import msgspec
import pytest

from campaigns.api.routes import ADAPTERS
from campaigns.model.ids import END
from tests.campaigns.adapters.hostile import hostile, places, replaced
from tests.campaigns.adapters.worlds import WORLDS, ask, is_refused
from tests.campaigns.operations.support import contents

STRANGE_IDS = (
    "0",
    "-1",
    "+1",
    "01",
    "%D9%A1",
    "1_0",
    "1%20",
    "%201",
    "9" * 20,
    "9" * 400,
    str(END),
    "%FF",
    "%00",
)
STRANGE_IDS += (
    "%0A",
    "%",
    "%zz",
    "%2F",
    "..",
    "%E2%80%AE",
    "x" * 300,
    "camp_01",
    "sub_%D9%A1",
    "0" * 23 + "G",
)


@pytest.fixture(params=WORLDS)
async def world(request, database):
    return await WORLDS[request.param](database)


async def test_the_requests_are_right(world):
    """Or whatever is put into them would be refused for another reason."""
    bodies = [request for request in world.requests if request.body is not None]
    for number, request in enumerate(bodies):
        handled = await ask(world.api, request, msgspec.json.encode(request.body), number)
        assert not is_refused(handled), (request.name, handled.answer.body)
    assert bodies


async def test_nothing_in_a_body_is_a_mistake_of_ours(world):
    asked, numbers = count(), count()
    for request in world.requests:
        for path in places(request.body) if request.body else ():
            before, accepted = await contents(world.api.database), 0
            for value in hostile(next(numbers)):
                body = msgspec.json.encode(replaced(request.body, path, value))
                handled = await ask(world.api, request, body, next(asked))
                assert handled.answer.status < 500, (request.name, path, str(value)[:60])
                accepted += not is_refused(handled)
            assert accepted or await contents(world.api.database) == before, (request.name, path)


@pytest.mark.parametrize("world", sorted(WORLDS.keys() - {"pushwoosh"}), indirect=True)
async def test_no_strange_spelling_is_an_id(world):
    """Pushwoosh's paths have no ids."""
    before = await contents(world.api.database)
    [rows] = [rows for rows in ADAPTERS if rows[0].adapter.name == world.platform]
    for route in (route for route in rows if route.parameters):
        for strange in STRANGE_IDS:
            path = route.path.format(**dict.fromkeys(route.parameters, strange))
            handled = await world.api.ask(route.method, path, {"status": "active"})
            assert is_refused(handled) or "page" in route.parameters, (route.name, strange)
            assert handled.answer.status < 500, (route.name, strange)
    assert await contents(world.api.database) == before
