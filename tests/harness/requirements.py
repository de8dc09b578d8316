"""What some tests need besides Python, make and a package index, and what happens where it is missing.

Such a test, or its fixture, calls `require`. Where the need is not met, the test is skipped with the reason
and the way to install what is missing. `PUSHMILL_REQUIRE`, a comma-separated list of words, forbids that. It
is checked once, before the first test: a word that is unknown or not met fails the run, whether or not any of
the selected tests needs it.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from typing import NoReturn

import pytest

VARIABLE = "PUSHMILL_REQUIRE"
NOT_ON_PATH = ("/usr/lib/postgresql/15/bin",)
"""Folders in which Debian keeps programs from PATH, so that several versions have room."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a machine may lack.

    Attributes:
        install: How to get it; `apt-get` is Debian's.
        programs: Executables that must be on PATH, or in `NOT_ON_PATH`.
        distributions: Python packages that must be installed.
    """

    install: str
    programs: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """What of it is not there, in words."""
        programs = [f"{name} is not on PATH" for name in self.programs if not _found(name)]
        return programs + [f"{name} is not installed" for name in self.distributions if not _installed(name)]


REQUIREMENTS = {
    "prometheus": Requirement("apt-get install prometheus", ("prometheus", "promtool")),
    "kafka": Requirement("apt-get install default-jre-headless maven", ("java", "mvn")),  # which fetches it
    "postgresql": Requirement(
        "apt-get install postgresql-15", ("initdb", "postgres")
    ),  # the oldest supported
    "chromium": Requirement("apt-get install chromium dbus-daemon", ("chromium", "dbus-daemon")),
    "firefox": Requirement("apt-get install firefox-esr libnotify4 dbus-daemon", ("firefox", "dbus-daemon")),
    "node": Requirement("apt-get install nodejs", ("node",)),
    "go": Requirement("apt-get install golang-go", ("go",)),
    "rust": Requirement("apt-get install cargo", ("cargo",)),
    "webpush-rs": Requirement(".venv/bin/pip install '.[bench]'", distributions=("webpush-rs",)),
    "multibuffer": Requirement(".venv/bin/pip install ipp-crypto", distributions=("ipp-crypto",)),
}


def require(word: str) -> None:
    """Skip the calling test unless this machine has what `word` stands for."""
    missing = REQUIREMENTS[word].missing()
    if missing:
        pytest.skip(_reason(word, missing))


def forgo(word: str, reason: str) -> NoReturn:
    """Skip the calling test for a reason that shows only when what `word` stands for is used.

    Where `PUSHMILL_REQUIRE` names the word, the test fails instead.
    """
    if word in _words(os.environ.get(VARIABLE, "")):
        pytest.fail(f"{VARIABLE}: {reason}", pytrace=False)
    pytest.skip(reason)


def check(words: str) -> None:
    """Check the value of `PUSHMILL_REQUIRE` against this machine.

    Raises:
        pytest.UsageError: A word is unknown, or what it stands for is missing.
    """
    required = _words(words)
    unknown = [word for word in required if word not in REQUIREMENTS]
    if unknown:
        raise pytest.UsageError(
            f"{VARIABLE}: unknown: {', '.join(unknown)}; known: {', '.join(REQUIREMENTS)}"
        )
    found = {word: REQUIREMENTS[word].missing() for word in required}
    unmet = [_reason(word, missing) for word, missing in found.items() if missing]
    if unmet:
        raise pytest.UsageError("\n".join(f"{VARIABLE}: {reason}" for reason in unmet))


def _words(value: str) -> list[str]:
    return [word for word in map(str.strip, value.split(",")) if word]


def _reason(word: str, missing: Iterable[str]) -> str:
    return f"needs {word}: {', '.join(missing)} (to install: {REQUIREMENTS[word].install})"


def _found(program: str) -> bool:
    return any(shutil.which(program, path=path) for path in (None, *NOT_ON_PATH))


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
