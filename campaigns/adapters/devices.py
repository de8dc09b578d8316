"""How browsers and systems are called where people read it: as platforms' answers write them."""

from collections.abc import Mapping

_BROWSERS = {"samsung": "Samsung Internet", "uc": "UC Browser", "yandex": "Yandex Browser"}
_SYSTEMS = {"macos": "macOS", "ios": "iOS", "chromeos": "Chrome OS"}


def browser_name(word: str | None) -> str | None:
    """Return the name of a browser by our word for it: `Chrome`; None if it is not known."""
    return _name(_BROWSERS, word)


def system_name(word: str | None) -> str | None:
    """Return the name of a system by our word for it: `Windows`; None if it is not known."""
    return _name(_SYSTEMS, word)


def _name(names: Mapping[str, str], word: str | None) -> str | None:
    return names.get(word, word[:1].upper() + word[1:]) if word else None
