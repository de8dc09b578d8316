"""What a message shows, as the notification of a campaign: texts by language, pictures, buttons, data."""

from typing import Any

import msgspec
from msgspec import Struct

from campaigns.adapters.pushwoosh.adapter import read_json
from campaigns.adapters.pushwoosh.message_fields import Localized, Message
from campaigns.adapters.pushwoosh.placeholders import Placeholders
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.refusals import RefusedError
from campaigns.model.payloads import ROOT

DEFAULT = "default"
ENGLISH = "en"
LANGUAGE_MAX = 35


class Shown(Struct, frozen=True):
    """What a message shows.

    Attributes:
        content: A notification as JSON, decoded, for everyone whose language has none of its own.
        translations: By language.
    """

    content: dict[str, object]
    translations: dict[str, object]


def shown(message: Message, title: str, url: str, placeholders: Placeholders, field: str) -> Shown:
    """Return what a message shows.

    Args:
        message: The message.
        title: Of messages that have none.
        url: Where those lead that have no link.
        placeholders: Compiles its texts.
        field: Where the message stands in the request.

    Raises:
        RefusedError: A field is wrong.
    """
    texts = {
        "title": _localized(_title(message), f"{field}.title", placeholders),
        "body": _localized(message.content, f"{field}.content", placeholders),
    }
    common = _common(message, url, placeholders, field)
    languages = {*texts["title"], *texts["body"]} - {DEFAULT}
    if not any(texts.values()):
        raise refused(f"{field}.content", "must be given")

    def in_language(language: str) -> dict[str, object]:
        chosen = {name: _chosen(found, language) for name, found in texts.items()}
        given = {name: text for name, text in chosen.items() if text is not None}
        return {"title": title, **common, **given}

    return Shown(in_language(DEFAULT), {language: in_language(language) for language in sorted(languages)})


def _title(message: Message) -> Localized:
    titles = (message.chrome_title, message.firefox_title, message.safari_title, message.title)
    return next((each for each in titles if each), None)


def _localized(given: Localized, field: str, placeholders: Placeholders) -> dict[str, str]:
    """Return a text by language, those in which it is empty left out."""
    by_language = {DEFAULT: given} if isinstance(given, str) else given or {}
    found = {}
    for language, text in by_language.items():
        if not 0 < len(language) <= LANGUAGE_MAX:
            raise refused(field, "has a language that is none (en)")
        if text.strip():
            found[language.lower().replace("_", "-")] = placeholders.compiled(text, field)
    return found


def _chosen(texts: dict[str, str], language: str) -> str | None:
    """Return the text for a language: its own, the default, English, or any."""
    for tag in (language, DEFAULT, ENGLISH):
        if tag in texts:
            return texts[tag]
    return next(iter(texts.values()), None)


def _common(message: Message, url: str, placeholders: Placeholders, field: str) -> dict[str, object]:
    def compiled(name: str) -> str | None:
        text = getattr(message, name)
        return placeholders.compiled(text, f"{field}.{name}") if text else None

    link = compiled("link") or url
    members = {
        "url": link,
        "icon": compiled("chrome_icon") or compiled("firefox_icon"),
        "image": compiled("chrome_image"),
        "actions": [
            {
                "action": f"button-{number}",
                "title": text,
                "url": compiled(f"chrome_button_url{number}") or link,
            }
            for number in (1, 2)
            if (text := compiled(f"chrome_button_text{number}"))
        ]
        or None,
        "require_interaction": True if message.chrome_duration == 0 else None,
        "data": _data(message, field) or None,
    }
    return {name: value for name, value in members.items() if value is not None}


def _data(message: Message, field: str) -> dict[str, object]:
    given = message.data
    try:
        text = given.encode() if isinstance(given, str) else msgspec.json.encode(given)
        data = read_json(text or b"null", dict[str, Any] | None) or {}
    except (msgspec.DecodeError, RecursionError, RefusedError):
        raise refused(f"{field}.data", "must be an object, or JSON of one") from None
    root = {**(message.firefox_root_params or {}), **(message.chrome_root_params or {})}
    return {**data, ROOT: root} if root else data
