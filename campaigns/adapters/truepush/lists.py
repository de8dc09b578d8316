"""Lists of Truepush: pages of 20, numbered from 1; a page without anything is "not found"."""

import re
from collections.abc import Iterable
from typing import Any

from campaigns.adapters.routes import Call
from campaigns.adapters.truepush.words import Done
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.problems import NotFoundError, invalid
from campaigns.operations.aliases import resolve, spellings

PLATFORM = CredentialKind.TRUEPUSH
PAGE_SIZE = 20
_PAGE = re.compile("[1-9][0-9]{0,8}")


def offset_of(call: Call[Any, Any]) -> int:
    """Return how many are before the page that is asked for.

    Raises:
        InvalidError: It is no number from 1.
    """
    page = call.parameters["page"]
    if not _PAGE.fullmatch(page):
        raise invalid("page", "must be a number from 1")
    return (int(page) - 1) * PAGE_SIZE


async def listed(call: Call[Any, Any], kind: Kind, rows: Iterable[tuple[int, dict[str, str]]]) -> Done:
    """Say a page.

    Args:
        call: The request.
        kind: What is listed.
        rows: The number of each, and what is told of it besides its id.

    Raises:
        NotFoundError: There is nothing on it.
    """
    found = list(rows)
    if not found:
        raise NotFoundError(kind.name.lower())
    ids = await spellings(call.caller, call.service, kind, PLATFORM, [number for number, _ in found])
    return Done([{"_id": ids[number], **told} for number, told in found])


async def number_of(call: Call[Any, Any], kind: Kind, text: str) -> int:
    """Return what an id stands for.

    Raises:
        NotFoundError: It can be no id.
    """
    return await resolve(call.caller, call.service, kind, PLATFORM, text)


async def spelled(call: Call[Any, Any], kind: Kind, number: int) -> str:
    """Spell an id."""
    return (await spellings(call.caller, call.service, kind, PLATFORM, [number]))[number]
