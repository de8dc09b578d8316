"""What by its name says who or when, and is no field of the call, is refused: or all would be sent to."""

import msgspec
import pytest

from tests.campaigns.adapters.worlds import WORLDS, ask, is_refused
from tests.campaigns.operations.support import contents

CASES = (
    ("pushary", "POST /send", (), "segmentId"),
    ("pushary", "POST /send", (), "scheduledAt"),
    ("pushary", "Create Campaign", (), "externalIds"),
    ("pushary", "Create Campaign", (), "subscriberIds"),
    ("pushary", "Update Campaign", (), "segmentId"),
    ("pushary", "Update Campaign", (), "tags"),
    ("truepush", "createCampaign", (), "segmentId"),
    ("truepush", "createCampaign", (), "segments"),
    ("pushpilot", "create", (), "filters"),
    ("pushpilot", "change", (), "segment"),
    ("sendpulse", "POST /push/tasks", (), "filter_gender"),
    ("pushwoosh", "createMessage", ("request", "notifications", 0), "devices_filter"),
    ("pushwoosh", "createMessage", ("request", "notifications", 1), "segment"),
    ("pushwoosh", "createTargetedMessage", ("request",), "filters"),
)


@pytest.mark.parametrize(("platform", "name", "place", "field"), CASES, ids=str)
async def test_what_would_narrow_is_refused(database, platform, name, place, field):
    world = await WORLDS[platform](database)
    [request] = [each for each in world.requests if each.name == name]
    before = await contents(database)
    for value in ("x", ["x"], {"x": ["x"]}):
        body = added(request.body, place, field, value)
        handled = await ask(world.api, request, msgspec.json.encode(body), 0)
        assert is_refused(handled), value
        assert field in handled.answer.body.decode()
    assert await contents(database) == before
    handled = await ask(world.api, request, msgspec.json.encode(added(request.body, place, field, None)), 0)
    assert not is_refused(handled), handled.answer.body


def added(tree, place, field, value):
    if not place:
        return {**tree, field: value}
    first, *rest = place
    if isinstance(tree, dict):
        return {**tree, first: added(tree[first], rest, field, value)}
    return [added(each, rest, field, value) if at == first else each for at, each in enumerate(tree)]
