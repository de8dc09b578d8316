"""Subscribers who are switched off and on: counted so, and not sent to meanwhile."""

import pytest

from campaigns.model.problems import ConflictError, ForbiddenError
from campaigns.model.scope import Permission
from campaigns.model.subscriber import SubscriberStatus
from campaigns.model.target import Everyone
from campaigns.operations.audience import few_members
from campaigns.operations.subscribers import Subscribing, count_by_status, subscribe, unsubscribe
from campaigns.operations.switching import switch_subscriber
from tests.campaigns.operations.support import LATER, NOW, make_account, subscription


async def test_who_is_switched_off_is_not_sent_to(database, scope, service, site):
    said = Subscribing(subscription=subscription())
    number = (await subscribe(service, site.id, said, NOW)).number

    async def reached() -> list[int]:
        async with database.connection() as connection:
            return await few_members(connection, site.id, Everyone())

    await switch_subscriber(scope, service, number, LATER, on=False)
    assert await reached() == []
    await subscribe(service, site.id, said, LATER)
    assert await reached() == [], "a visit confirms the subscription, and does not switch it on"
    counts = await count_by_status(scope, service, site.id)
    assert (counts[SubscriberStatus.ACTIVE], counts[SubscriberStatus.OFF]) == (0, 1)
    await switch_subscriber(scope, service, number, LATER, on=True)
    assert await reached() == [number]


async def test_whoever_unsubscribed_is_not_switched_on(scope, service, site):
    came = await subscribe(service, site.id, Subscribing(subscription=subscription()), NOW)
    await unsubscribe(service, site.id, came.token, NOW)
    with pytest.raises(ConflictError):
        await switch_subscriber(scope, service, came.number, LATER, on=True)


async def test_a_reader_switches_nobody(database, service):
    reader = await make_account(database, Permission.READ)
    with pytest.raises(ForbiddenError):
        await switch_subscriber(reader, service, 1, NOW, on=False)
