"""The fields of a message: which are obeyed, which are refused, and which only decorate.

A field that narrows who is sent to, when or how often is obeyed or refused; any other is passed over, and
counted. Source: the platform's page of the messages API, and what its clients send.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.pushwoosh.adapter import read_json
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.reading import refuse_narrowing

Localized = str | dict[str, str] | None
"""A text, or one for each language."""


class Message(Struct, frozen=True, kw_only=True):
    """One notification of createMessage, and what createTargetedMessage has beside its filter."""

    send_date: str | None = None
    timezone: str | None = None
    ignore_user_timezone: bool | None = None
    content: Localized = None
    title: Localized = None
    link: str | None = None
    data: Any = None
    preset: str | None = None
    campaign: str | None = None
    send_rate: int | None = None
    platforms: list[int] | int | None = None
    devices: list[str] | None = None
    users: list[str] | None = None
    filter: str | None = None
    conditions: list[Any] | None = None
    conditions_operator: str | None = None
    dynamic_content_placeholders: dict[str, Any] | None = None
    chrome_title: Localized = None
    firefox_title: Localized = None
    safari_title: Localized = None
    chrome_icon: str | None = None
    firefox_icon: str | None = None
    chrome_image: str | None = None
    chrome_gcm_ttl: int | None = None
    safari_ttl: int | None = None
    chrome_duration: int | None = None
    chrome_button_text1: str | None = None
    chrome_button_url1: str | None = None
    chrome_button_text2: str | None = None
    chrome_button_url2: str | None = None
    chrome_root_params: dict[str, Any] | None = None
    firefox_root_params: dict[str, Any] | None = None


REFUSED = {
    "template_bindings": "is Liquid's, which is not known here; use {Tag|format|default} in texts",
    "geozone": "is not known here; use conditions",
    "geo": "is not known here; use conditions",
    "rich_media": "is not shown by browsers; give a link",
    "remote_page": "is not shown by browsers; give a link",
    **dict.fromkeys(
        ("capping_days", "capping_count", "capping_exclude", "capping_avoid", "frequency_capping"),
        "would limit how often somebody is sent to, which is not known here; narrow the audience instead",
    ),
    "send_triggered_inapp": "is not known here; leave it out",
}
"""Fields that narrow who, when or how often, and what to do instead."""

REPEAT = "transactionId"
"""The client's own word for a message, by which it is sent once however often it is asked for."""

_NOTHING: tuple[object, ...] = (None, False, "", 0, [], {})


def read_message(given: dict[str, Any], field: str, besides: frozenset[str]) -> tuple[Message, list[str]]:
    """Read one message.

    Args:
        given: JSON, decoded.
        field: Where it stands in the request.
        besides: Members that are not the message's.

    Returns:
        The message, and the names of fields that only decorate.

    Raises:
        RefusedError: A field is wrong, or narrows in a way that is not known here.
        InvalidError: Its name says that it would.
    """
    for name, problem in REFUSED.items():
        if given.get(name) not in _NOTHING:
            raise refused(f"{field}.{name}".strip("."), problem)
    message = read_json(msgspec.json.encode(given), Message, field)
    known = {*Message.__struct_fields__, *REFUSED, *besides, REPEAT}
    ignored = [name for name, value in given.items() if name not in known and value is not None]
    refuse_narrowing((name for name in ignored if given[name] not in _NOTHING), field)
    return message, ignored


def repeat_key(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Return one word for a request out of those of its messages; None if they have none.

    Raises:
        RefusedError: Only some have one, or one is no text.
    """
    words = [each.get(REPEAT) for each in messages]
    if not any(words):
        return None
    if not all(isinstance(each, str) and each for each in words):
        raise refused(REPEAT, "must be a text, and given with every message or with none")
    return hashlib.sha256(msgspec.json.encode(words)).hexdigest()
