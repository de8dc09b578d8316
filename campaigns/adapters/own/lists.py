"""Lists of the own API: so many at once, and where the next ones begin."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct

from campaigns.model.problems import invalid
from campaigns.operations.service import PAGE_MAX, Page

LIMIT_DEFAULT = 50
_CURSOR = re.compile(r"c_([0-9]{1,16})", re.ASCII)

_Item = TypeVar("_Item")


class ListQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of a list.

    Attributes:
        limit: How many at once.
        cursor: `next_cursor` of the part before.
    """

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many at once.")] = LIMIT_DEFAULT
    cursor: Annotated[str, Meta(description="`next_cursor` of the part before.")] | None = None

    @property
    def position(self) -> int | None:
        """The number behind which the part begins; None for the first part.

        Raises:
            InvalidError: The cursor is not one of ours.
        """
        if self.cursor is None:
            return None
        found = _CURSOR.fullmatch(self.cursor)
        if found is None or int(found[1]) >= 2**53:
            raise invalid("cursor", "is not of this list; take next_cursor as it was answered")
        return int(found[1])

    @property
    def after(self) -> int:
        """As `position`, for lists that begin with the lowest number: -1 for the first part."""
        return -1 if self.position is None else self.position


class ListAnswer(Struct, Generic[_Item], frozen=True):
    """A part of a list.

    Attributes:
        data: Its objects.
        next_cursor: Where the next part begins; null if this was the last one.
    """

    data: list[_Item]
    next_cursor: str | None


def list_answer(page: Page[Any], say: Callable[[Any], _Item]) -> ListAnswer[_Item]:
    """Say a part of a list."""
    cursor = None if page.next is None else f"c_{page.next}"
    return ListAnswer([say(each) for each in page.items], cursor)
