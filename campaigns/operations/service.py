"""What operations need besides who asks: the database, keys, and what is known of the world."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from msgspec import Struct

from campaigns.model.device import Families
from campaigns.model.secrets import Secrets
from campaigns.model.zones import Zones
from campaigns.store.database import Connection
from worker.push.services import Endpoints

Item = TypeVar("Item")

PAGE_MAX = 500
"""Items of a list that are answered at once."""

Begin = Callable[[], AbstractAsyncContextManager[Connection]]
"""Begins a transaction: committed at the end, rolled back after any exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What every operation takes second.

    Attributes:
        begin: Begins a transaction.
        secrets: Keys for every purpose.
        endpoints: Decides which endpoints are allowed.
        zones: The time zones of tzdata.
        public_url: Where browsers find the service, without a slash at its end.
        random: Makes random bytes, as many as are asked for.
        read_user_agent: Takes a user agent's text apart.
    """

    begin: Begin
    secrets: Secrets
    endpoints: Endpoints
    zones: Zones
    public_url: str
    random: Callable[[int], bytes]
    read_user_agent: Callable[[str], Families]

    def within(self, connection: Connection) -> "Service":
        """Return a service whose operations work in a transaction that has begun, and that its owner ends."""

        @asynccontextmanager
        async def join() -> AsyncIterator[Connection]:
            yield connection

        return replace(self, begin=join)


class Page(Struct, Generic[Item], frozen=True):
    """Part of a list.

    Attributes:
        items: At most as many as were asked for.
        next: The number of the item behind which the list goes on; None at its end.
    """

    items: list[Item]
    next: int | None = None


def page_of(found: list[Item], limit: int, number: Callable[[Item], int]) -> Page[Item]:
    """Make a page of what was found, one item more than was asked for."""
    items = found[:limit]
    return Page(items, number(items[-1]) if len(found) > limit else None)
