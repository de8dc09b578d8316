"""Apache Kafka's jars: which versions `pom.xml` pins, and where Maven has put them.

Knows nothing of how a broker is started. `python -m tests.harness.kafka.jars` fetches those of every version.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

POM = Path(__file__).with_name("pom.xml")
BUILD = Path(__file__).parents[3] / "build/kafka"

VARIABLE = "PUSHMILL_TEST_KAFKA"
"""The environment variable that names the version for tests that do not choose one themselves."""

_POM = {"": "http://maven.apache.org/POM/4.0.0"}
_FETCH_SECONDS = 600


class JarsError(RuntimeError):
    """Maven could not fetch the jars; the message has its own last words."""


def pinned(pom: Path = POM) -> dict[str, str]:
    """Return the pinned release for each version's short name, which is that of a profile in the POM."""
    profiles = ET.parse(pom).iterfind("profiles/profile", _POM)
    found = {
        profile.findtext("id", "", _POM): profile.findtext("properties/kafka.version", "", _POM)
        for profile in profiles
    }
    assert found, f"{pom} has no profiles"
    assert all(found.values()), f"a profile in {pom} has no kafka.version"
    return found


VERSIONS = tuple(pinned())
"""The short names, oldest first."""


def chosen() -> str:
    """Return the version that `PUSHMILL_TEST_KAFKA` names, or the newest."""
    version = os.environ.get(VARIABLE) or VERSIONS[-1]
    if version not in VERSIONS:
        raise JarsError(f"{VARIABLE} is {version!r}, which is none of {', '.join(VERSIONS)}")
    return version


def fetched(version: str) -> Path:
    """Return the folder with a version's jars; Maven fetches them when they are first asked for.

    Raises:
        JarsError: Maven failed.
    """
    folder = BUILD / pinned()[version]
    complete = folder / ".complete"
    with _lock():
        if not complete.exists() or complete.stat().st_mtime < POM.stat().st_mtime:
            shutil.rmtree(folder, ignore_errors=True)
            _fetch(version)
            complete.touch()
    return folder


def _fetch(version: str) -> None:
    command = ("mvn", "-q", "-B", "-f", str(POM), "-P", version, "dependency:copy-dependencies")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise JarsError(f"cannot fetch Apache Kafka {version}: {' '.join(command)} failed:\n{said}")


@contextmanager
def _lock() -> Iterator[None]:
    """Let one process fetch at a time: pytest runs several."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        for each in VERSIONS:
            sys.stdout.write(f"Apache Kafka {each}: {fetched(each)}\n")
    except (JarsError, FileNotFoundError) as error:
        sys.exit(str(error))
