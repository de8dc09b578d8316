"""What SendPulse's requests and answers have in common: lists by offset, ids, the account's zone."""

import re
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from campaigns.adapters.routes import Call
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.problems import invalid
from campaigns.operations.aliases import resolve, spellings
from campaigns.operations.listing import account_zone

PLATFORM = CredentialKind.SENDPULSE
LIMIT_MAX = 100
OFFSET_MAX = 10_000_000
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
"""What is the same text again when a client has read it as a number, a float among them."""


class ListQuery(Struct, frozen=True, kw_only=True):
    """Which part of a list.

    Attributes:
        limit: How many; 0 is the most there can be.
        offset: How many are passed over.
    """

    limit: int = 0
    offset: int = 0

    def bounds(self) -> tuple[int, int]:
        """Return how many are passed over, and how many follow at most.

        Raises:
            InvalidError: One of them is negative, or the list is never so long.
        """
        if self.limit < 0:
            raise invalid("limit", "must be a number from 1")
        if not 0 <= self.offset <= OFFSET_MAX:
            raise invalid("offset", f"must be a number from 0 to {OFFSET_MAX:,}")
        return self.offset, min(self.limit, LIMIT_MAX) or LIMIT_MAX


class Total(Struct, frozen=True):
    """How many there are."""

    total: int


class Done(Struct, frozen=True):
    """That it is done."""

    result: bool = True


async def zone_of(call: Call[Any, Any]) -> ZoneInfo:
    """Return the zone in which this account's times are written."""
    return ZoneInfo(await account_zone(call.caller, call.service))


async def website_of(call: Call[Any, Any]) -> int:
    """Return the number of the website in the path.

    Raises:
        NotFoundError: It can be none.
    """
    return await number_of(call, Kind.SITE, call.parameters["website"])


async def number_of(call: Call[Any, Any], kind: Kind, text: str) -> int:
    """Return the number that an id stands for.

    Raises:
        NotFoundError: It can be none.
    """
    return await resolve(call.caller, call.service, kind, PLATFORM, text)


async def website_ids(call: Call[Any, Any], numbers: list[int]) -> dict[int, int | str]:
    """Return websites' ids as this customer knows them: numbers, unless others were taken over."""
    told = await spellings(call.caller, call.service, Kind.SITE, PLATFORM, numbers)
    return {number: int(text) if _NUMBER.fullmatch(text) else text for number, text in told.items()}
