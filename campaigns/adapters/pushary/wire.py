"""What Pushary's requests and answers have in common: lists by cursor, ids, content by its names."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from campaigns.adapters.routes import Call
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind, read
from campaigns.model.problems import FieldProblem, InvalidError, NotFoundError, invalid
from campaigns.model.target import ExternalIds, Subscribers, Tagged, parse_target
from campaigns.operations.aliases import resolve, spellings
from campaigns.operations.service import Page
from worker.records.notification import Notification

PLATFORM = CredentialKind.PUSHARY
LIMIT_MAX = 500
LIMIT_DEFAULT = 100

Ours = TypeVar("Ours")
Theirs = TypeVar("Theirs")

Part = Subscribers | ExternalIds | Tagged

CONTENT = {
    "title": "title",
    "body": "body",
    "actionUrl": "url",
    "iconUrl": "icon",
    "imageUrl": "image",
}
"""Members of a notification by Pushary's names for them."""

_FIELDS = {
    **{f"content.{ours}": theirs for theirs, ours in CONTENT.items()},
    "start_at": "scheduledAt",
    "target.segment": "segmentId",
    "target": "tags",
    "external_id": "externalId",
}


class Done(Struct, frozen=True):
    """That it is done."""

    success: bool = True


class ListQuery(Struct, frozen=True, kw_only=True):
    """Which part of a list.

    Attributes:
        limit: How many at most; more than 500 are 500.
        cursor: Where the last part ended.
    """

    limit: int = LIMIT_DEFAULT
    cursor: str | None = None

    @property
    def most(self) -> int:
        """How many are answered at most.

        Raises:
            InvalidError: None are wanted, or fewer.
        """
        if self.limit < 1:
            raise invalid("limit", "must be a number from 1")
        return min(self.limit, LIMIT_MAX)

    def position(self, kind: Kind) -> int | None:
        """Return the number that the last part ended with; None at the beginning.

        Raises:
            InvalidError: The cursor is none that was given.
        """
        if self.cursor is None:
            return None
        number = read(kind, self.cursor)
        if number is None:
            raise invalid("cursor", "is none that was given; begin without one")
        return number


class ListAnswer(Struct, Generic[Theirs], frozen=True, kw_only=True, rename="camel"):
    """Part of a list.

    Attributes:
        data: The items.
        has_more: Whether there are more.
        next_cursor: Where they begin; null at the end.
    """

    data: list[Theirs]
    has_more: bool
    next_cursor: str | None


def list_answer(page: Page[Ours], kind: Kind, say: Callable[[Ours], Theirs]) -> ListAnswer[Theirs]:
    """Say part of a list."""
    cursor = None if page.next is None else f"{kind}_{page.next}"
    return ListAnswer(
        data=[say(each) for each in page.items], has_more=cursor is not None, next_cursor=cursor
    )


async def number_of(call: Call[Any, Any], kind: Kind, text: str) -> int:
    """Return the number that an id stands for.

    Raises:
        NotFoundError: It can be none.
    """
    return await resolve(call.caller, call.service, kind, PLATFORM, text)


async def named(call: Call[Any, Any], kind: Kind, text: str, field: str) -> int:
    """Return the number that an id within a body stands for.

    Raises:
        InvalidError: It can be none.
    """
    try:
        return await number_of(call, kind, text)
    except NotFoundError:
        raise invalid(field, "is no id that is known here") from None


async def ids_of(call: Call[Any, Any], kind: Kind, numbers: list[int]) -> dict[int, str]:
    """Return ids as this customer knows them."""
    return await spellings(call.caller, call.service, kind, PLATFORM, numbers)


def content_of(fields: Mapping[str, Any], website: str) -> dict[str, Any]:
    """Return the notification that fields by Pushary's names ask for.

    Args:
        fields: Those that are given; a null is as if left out.
        website: Where a click leads if nothing else is said.
    """
    given = {CONTENT[name]: value for name, value in fields.items() if value is not None}
    return {"url": website, **given}


def said(content: Notification) -> dict[str, Any]:
    """Return content by Pushary's names."""
    return {
        "title": content.title,
        "body": content.body or "",
        "action_url": content.url,
        "icon_url": content.icon,
        "image_url": content.image,
    }


def to_the_second(moment: datetime) -> datetime:
    """Return a moment as the document writes it: in UTC, what is left of its second cut off."""
    return moment.astimezone(UTC).replace(microsecond=0)


def target_part(kind: str, values: list[str], field: str) -> Part:
    """Read one of the lists that say whom something is for.

    Args:
        kind: What the own API calls it.
        values: The list; an empty one is none, for it would mean everyone.
        field: What Pushary calls it.

    Raises:
        InvalidError: It is empty, too long, or has what cannot be.
    """
    try:
        found = parse_target({kind: values}, "")
    except InvalidError as error:
        raise InvalidError(
            FieldProblem(field + each.field.removeprefix(f".{kind}"), each.problem) for each in error.problems
        ) from None
    assert isinstance(found, Subscribers | ExternalIds | Tagged)  # noqa: S101 - as the lists are
    return found


def in_their_words(error: InvalidError) -> InvalidError:
    """Return problems with fields named as the client knows them."""
    return InvalidError(FieldProblem(_named(each.field), each.problem) for each in error.problems)


def _named(field: str) -> str:
    if field.startswith("attributes"):
        return "customData" + field.removeprefix("attributes")
    return _FIELDS.get(field, field)
