"""Subscribers who are switched off and on by the site itself: known, and not sent to meanwhile."""

from datetime import datetime

from campaigns.model.membership import switched
from campaigns.model.scope import Permission, Scope
from campaigns.model.subscriber import Subscriber
from campaigns.operations.finding import the_subscriber
from campaigns.operations.service import Service
from campaigns.store.subscribers import replace_subscriber


async def switch_subscriber(
    scope: Scope, service: Service, number: int, now: datetime, *, on: bool
) -> Subscriber:
    """Let a subscriber be sent to from now on, or not.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is none.
        ConflictError: It is to be sent to, and has no subscription that works.
    """
    scope.require(Permission.SUBSCRIBERS)
    async with service.begin() as connection:
        old = await the_subscriber(connection, scope, number, to_change=True)
        new = switched(old, now, on=on)
        if new != old:
            await replace_subscriber(connection, old, new)
    return new
