"""Platforms by number and by name: which browsers they are.

Source of the numbers: npm web-push-notifications 3.55, and the platform's page of the messages API.
"""

from collections.abc import Iterable

from campaigns.adapters.pushwoosh.words import ALWAYS, any_of, refused
from campaigns.model.condition import Comparison, Condition, Op

SAFARI, CHROME, FIREFOX, EDGE = 10, 11, 12, 150

BROWSERS: dict[int, tuple[str, ...]] = {
    SAFARI: ("safari",),
    CHROME: ("chrome", "edge", "opera", "samsung", "yandex", "vivaldi", "uc"),
    FIREFOX: ("firefox",),
    EDGE: ("edge",),
}
"""By number, the browsers of a platform; the first is what a device is taken for that says nothing else."""

NAMES = {
    "SAFARI": SAFARI,
    "CHROME": CHROME,
    "FIREFOX": FIREFOX,
    "EDGE": EDGE,
    "IOS": 1,
    "BLACKBERRY": 2,
    "ANDROID": 3,
    "ASHA": 4,
    "WINDOWS_PHONE": 5,
    "OSX": 7,
    "WINDOWS": 8,
    "AMAZON": 9,
}
"""By the name of expressions. Source: pypushwoosh 0.3.1, constants.py."""

EVERY = frozenset({SAFARI, CHROME, FIREFOX})
"""All that browsers register with today: together they leave nobody out."""

NOT_WEB = frozenset({1, 2, 3, 4, 5, 7, 8, 9, 14, 17, 18, 21})
"""Apps, mail and messengers, which this service does not reach."""


def platforms_condition(numbers: Iterable[int], field: str = "platforms") -> Condition:
    """Return who is on one of these platforms.

    Raises:
        RefusedError: None of them is a browser's.
    """
    asked = {*numbers}
    unknown = asked - NOT_WEB - BROWSERS.keys()
    if unknown:
        raise refused(field, "has a number of no platform")
    found = asked & BROWSERS.keys()
    if not found:
        raise refused("", "Please select at least one platform")
    if found >= EVERY:
        return ALWAYS
    return any_of(Comparison("browser", Op.IN, BROWSERS[number]) for number in sorted(found))
