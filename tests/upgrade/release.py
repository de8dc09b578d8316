"""The source of an earlier release, taken from the repository's history.

It runs with today's dependencies: what matters is what it reads and writes.
"""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RELEASES = {"0.1.0": "cb7e3966f010543597688963c818ea515e40da08"}
"""The last commit of each release that workers of this one may share a group with."""


def source(release: str, folder: Path) -> Path:
    """Put a release's source into a folder, and return it.

    Skips the test where there is no history to take it from, or only its latest part.
    """
    if _git("rev-parse", "--is-shallow-repository").strip() != b"false":
        pytest.skip(f"needs the history back to {release} (git fetch --unshallow)")
    with tarfile.open(fileobj=io.BytesIO(_git("archive", RELEASES[release], "worker", "crypto"))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*command: str) -> bytes:
    try:
        return subprocess.run(["git", *command], check=True, cwd=ROOT, stdout=subprocess.PIPE).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        if command[0] == "rev-parse":
            return b""  # an archive of the source, or no git
        raise AssertionError(f"the history does not have {command}") from error
