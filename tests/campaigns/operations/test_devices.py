"""Devices that call while an import adds them: the import has locked nobody before it is there."""

import asyncio

from campaigns.model.subscriber import Profile, read_subscription
from campaigns.model.tag_changes import Change, TagChange
from campaigns.operations.devices import get_device, tag_device
from campaigns.operations.importing import import_lines
from campaigns.store.subscriber_import import ImportLine
from tests.campaigns.operations.support import NOW, subscription
from tests.campaigns.store.support import until_somebody_waits


async def test_tags_reach_a_device_that_is_just_being_imported(database, scope, service, site):
    line = ImportLine(1, read_subscription(service.endpoints, subscription()), Profile(hwid="phone"))
    gold = TagChange("plan", Change.SET, "gold")
    async with database.transaction() as connection:
        inside = service.within(connection)
        await import_lines(scope, inside, site.id, [line], vapid_key=site.vapid_key, now=NOW)
        tagging = asyncio.create_task(tag_device(service, site, [gold], Profile(hwid="phone"), NOW))
        await until_somebody_waits(database)
    await tagging
    device = await get_device(service, site, "phone")
    assert device is not None
    assert device.subscription == line.subscription
    assert device.profile.attributes == {"plan": "gold"}
