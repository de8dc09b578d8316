"""Tags as devices set and read them: values, and changes to values; what names mean, `tags` knows."""

from collections.abc import Mapping
from typing import Any

from campaigns.adapters.pushwoosh.tags import SYSTEM, attribute_of, tag_of
from campaigns.adapters.pushwoosh.words import refused
from campaigns.model.attribute import NAME_MAX
from campaigns.model.subscriber import Subscriber
from campaigns.model.tag_changes import Change, TagChange

OPERATIONS: Mapping[str | int, Change] = {
    "set": Change.SET,
    "append": Change.APPEND,
    "remove": Change.REMOVE,
    "increment": Change.INCREMENT,
    0: Change.SET,
    1: Change.APPEND,
    2: Change.REMOVE,
    3: Change.INCREMENT,
}
"""By word and by number. Source: npm web-push-notifications 3.55, multiRegisterDevice."""

TAGS_MAX = 200


def read_tags(given: Mapping[str, Any], field: str = "tags") -> tuple[list[TagChange], list[str]]:
    """Read the tags of a request.

    Returns:
        What changes, and which tags are skipped: those that the platform sets by itself.

    Raises:
        RefusedError: A tag can be none.
    """
    if len(given) > TAGS_MAX:
        raise refused(field, f"has more than {TAGS_MAX} tags")
    changes, skipped = [], []
    for tag, value in given.items():
        if tag in SYSTEM:
            skipped.append(tag)
            continue
        attribute = attribute_of(tag)
        if not tag.strip() or len(attribute) > NAME_MAX:
            raise refused(field, "has a name that is empty or too long")
        changes.append(_change(attribute, value, field))
    return changes, skipped


def set_now(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that tags of a new device have; those that only change others are left out."""
    changes, _ = read_tags(given)
    return {each.name: each.value for each in changes if each.change is Change.SET and each.value is not None}


def told(subscriber: Subscriber) -> dict[str, Any]:
    """Return the tags of a device, those of the platform among them."""
    profile = subscriber.profile
    own = {"Language": profile.language, "Country": profile.country, "City": profile.city}
    tags = {tag_of(name): value for name, value in (profile.attributes or {}).items()}
    return {**{name: value for name, value in own.items() if value is not None}, **tags}


def _change(attribute: str, value: Any, field: str) -> TagChange:
    if not isinstance(value, dict):
        return TagChange(attribute, Change.SET, value)
    word = value.get("operation", "set")
    change = OPERATIONS.get(word.lower() if isinstance(word, str) else word) if _is_word(word) else None
    if change is None:
        raise refused(field, "has an operation that is none of set, append, remove and increment")
    given = value.get("values", value.get("value"))
    if change is Change.INCREMENT and not _is_number(given):
        raise refused(field, "can be incremented by a number alone")
    return TagChange(attribute, change, given)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63


def _is_word(word: Any) -> bool:
    return isinstance(word, str | int) and not isinstance(word, bool)
