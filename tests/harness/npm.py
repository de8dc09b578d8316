"""Packages of npm that tests use as they are published: fetched once into `build/npm`, their content pinned.

Knows nothing of what is in them.
"""

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build/npm"

_FETCH_SECONDS = 60


class NpmError(RuntimeError):
    """npm could not fetch a package; the message has its own last words."""


@dataclass(frozen=True, slots=True)
class Package:
    """One release of a package.

    Attributes:
        name: As npm knows it.
        version: Of the release.
        integrity: The SHA-512 of its archive in base64: `npm view NAME@VERSION dist.integrity`.
    """

    name: str
    version: str
    integrity: str

    def files(self, folder: Path = BUILD) -> dict[str, bytes]:
        """Return its files by their paths; npm fetches them into `folder` when they are first asked for.

        Raises:
            NpmError: npm is missing, or could not fetch it.
            ValueError: The archive is not the one that is meant.
        """
        archive = folder / f"{self.name}-{self.version}.tgz"
        if not archive.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self._fetch(archive)
        content = archive.read_bytes()
        found = base64.b64encode(hashlib.sha512(content).digest()).decode()
        if found != self.integrity:
            archive.unlink(missing_ok=True)
            raise ValueError(f"{self.name} {self.version} has the SHA-512 {found}, not {self.integrity}")
        return _files(content)

    def _fetch(self, archive: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise NpmError("npm is not on PATH (to install: apt-get install npm)")
        with tempfile.TemporaryDirectory(dir=archive.parent) as beside:
            options = (
                "--loglevel=error",
                "--fetch-retries=1",
                "--fetch-timeout=20000",
                f"--pack-destination={beside}",
            )
            _run(npm, "pack", f"{self.name}@{self.version}", *options)
            [came] = Path(beside).glob("*.tgz")
            came.replace(archive)  # at once: pytest runs several processes


def _run(npm: str, *arguments: str) -> None:
    words = " ".join(("npm", *arguments[:2]))
    try:
        done = subprocess.run(
            (npm, *arguments), capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise NpmError(f"`{words}` took more than {_FETCH_SECONDS} s") from None
    if done.returncode:
        raise NpmError(f"`{words}` failed:\n{(done.stdout + done.stderr).strip()[-2000:]}")


def _files(content: bytes) -> dict[str, bytes]:
    """Unpack an archive, whose paths begin with the name of a folder."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.isfile() else None
            if opened is not None:
                files[member.name.partition("/")[2]] = opened.read()
    return files
