"""What a push shows, in SendPulse's words: title, text, link, up to two buttons, pictures as base64."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from campaigns.adapters.sendpulse.filters import unpacked
from campaigns.model.problems import FieldProblem, InvalidError, invalid

BUTTONS_MAX = 2

_FIELDS = {"content.title": "title", "content.body": "body", "content.url": "link", "start_at": "send_date"}
_BEGINNINGS = {"content.actions": "buttons", "content": "title", "target.condition": "filter"}


class Shown(Struct, frozen=True, kw_only=True):
    """What a request wants to be shown.

    Attributes:
        title: The title.
        body: The text.
        link: Where a click leads; None: to the website.
        buttons: A list of `text` and `link`, or a single one; maybe as JSON.
        icon: A picture: its name, and its bytes as base64; maybe as JSON.
        image: A large picture.
    """

    title: str
    body: str
    link: str | None = None
    buttons: Any = None
    icon: Any = None
    image: Any = None


def content_of(shown: Shown, website: str) -> dict[str, Any]:
    """Return the notification, without pictures.

    Args:
        shown: The request.
        website: The site's URL.

    Raises:
        InvalidError: Its buttons cannot be.
    """
    content: dict[str, Any] = {"title": shown.title, "body": shown.body, "url": shown.link or website}
    if shown.buttons is not None:
        content["actions"] = _buttons(shown.buttons)
    return content


def pictures_of(shown: Shown) -> dict[str, bytes]:
    """Return the bytes of the pictures that came along, by their names in the notification.

    Raises:
        InvalidError: One is not written in base64.
    """
    read = {name: _picture(getattr(shown, name), name) for name in ("icon", "image")}
    return {name: body for name, body in read.items() if body}


def in_their_words(error: InvalidError) -> InvalidError:
    """Return problems with fields named as the client knows them."""
    return InvalidError(FieldProblem(_named(each.field), each.problem) for each in error.problems)


def _named(field: str) -> str:
    if field in _FIELDS:
        return _FIELDS[field]
    for beginning, name in _BEGINNINGS.items():
        if field.startswith(beginning):
            return name + field.removeprefix(beginning)
    return field


def _buttons(given: Any) -> list[dict[str, str]]:
    found = unpacked(given)
    rows = [found] if isinstance(found, Mapping) else found
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise invalid("buttons", "must be a list of text and link")
    if len(rows) > BUTTONS_MAX:
        raise invalid("buttons", f"has more than {BUTTONS_MAX} buttons")
    return [_button(row, index) for index, row in enumerate(rows)]


def _button(row: Mapping[str, Any], index: int) -> dict[str, str]:
    match row:
        case {"text": str(text), "link": str(link)} if text and link:
            return {"action": str(index), "title": text, "url": link}
    raise invalid(f"buttons[{index}]", "must have a text and a link")


def _picture(given: Any, field: str) -> bytes:
    match unpacked(given):
        case None | {"data": "" | None}:
            return b""
        case {"data": str(text)}:
            _, _, encoded = text.rpartition(",")  # some send a data: URL
            try:
                return b64decode(encoded, validate=True)
            except (Base64Error, ValueError):
                raise invalid(f"{field}.data", "is not base64") from None
    raise invalid(field, "must have a name and data")
