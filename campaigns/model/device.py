"""What a subscriber's browser runs on, in a few words that conditions can name.

Decides what the words are; how a user agent's text is taken apart, ua-parser knows.
"""

from msgspec import Struct


class Families(Struct, frozen=True):
    """What ua-parser says of a user agent: the family of each part, None for what it does not know."""

    browser: str | None
    os: str | None
    device: str | None


class Device(Struct, frozen=True):
    """What a subscription is on.

    Attributes:
        browser: A value of `BROWSERS`, or the family in lower case.
        os: A value of `SYSTEMS`, or the family in lower case.
        platform: `desktop`, `mobile` or `tablet`.
        device: The model, as ua-parser calls it; None where it knows none.
    """

    browser: str | None = None
    os: str | None = None
    platform: str | None = None
    device: str | None = None


# Source of the families: ua-parser's regexes.yaml (https://github.com/ua-parser/uap-core).
BROWSERS = {
    "Chrome": "chrome",
    "Chrome Mobile": "chrome",
    "Chrome Mobile iOS": "chrome",
    "Chrome Mobile WebView": "chrome",
    "Chromium": "chrome",
    "HeadlessChrome": "chrome",
    "Firefox": "firefox",
    "Firefox Mobile": "firefox",
    "Firefox iOS": "firefox",
    "Safari": "safari",
    "Mobile Safari": "safari",
    "Mobile Safari UI/WKWebView": "safari",
    "Edge": "edge",
    "Edge Mobile": "edge",
    "Opera": "opera",
    "Opera Mobile": "opera",
    "Opera Mini": "opera",
    "Samsung Internet": "samsung",
    "Yandex Browser": "yandex",
    "Vivaldi": "vivaldi",
    "UC Browser": "uc",
}
SYSTEMS = {
    "Windows": "windows",
    "Mac OS X": "macos",
    "iOS": "ios",
    "Android": "android",
    "Linux": "linux",
    "Ubuntu": "linux",
    "Debian": "linux",
    "Fedora": "linux",
    "Chrome OS": "chromeos",
}
PLATFORMS = {
    "windows": "desktop",
    "macos": "desktop",
    "linux": "desktop",
    "chromeos": "desktop",
    "ios": "mobile",
    "android": "mobile",
}
"""By system; a device that is a tablet is one whatever its system."""

_TABLETS = ("ipad", "tablet", "galaxy tab", "kindle")
_NO_MODEL = frozenset({"Other", "Generic Smartphone", "Generic Tablet", "K"})
_LENGTH_MAX = 100


def device_of(families: Families) -> Device:
    """Put a user agent's parts into our words."""
    system = _word(SYSTEMS, families.os)
    model = families.device
    is_tablet = model is not None and any(each in model.lower() for each in _TABLETS)
    return Device(
        _word(BROWSERS, families.browser),
        system,
        "tablet" if is_tablet else PLATFORMS.get(system or ""),
        None if model is None or model in _NO_MODEL else model[:_LENGTH_MAX],
    )


def _word(words: dict[str, str], family: str | None) -> str | None:
    if family is None or family == "Other":
        return None
    return words.get(family, family.lower()[:_LENGTH_MAX])
