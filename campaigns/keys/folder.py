"""The folder that workers read keys from: `<name>.pem` for each, 0600, complete whenever it is looked at.

Decides when a file is written. Knows no database. A name always stands for the same key, so a file that holds
another one is somebody else's, and is left alone.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path

from crypto.errors import VapidKeyError
from crypto.key_forms import MAX_BYTES
from crypto.vapid import load_vapid_key

_SUFFIX = ".pem"


class Put(Enum):
    """What became of a key that the folder should have."""

    WRITTEN = "written"
    PRESENT = "present"
    OTHER = "other"


class KeyFolder:
    """A folder of keys.

    Args:
        path: Where it is; made, for its owner alone, where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            OSError: It cannot be made.
        """
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lacks(self, keys: Mapping[str, bytes]) -> list[str]:
        """Return the names, of public keys by name, that have no file."""
        with os.scandir(self._path) as entries:
            there = {entry.name for entry in entries}
        return [name for name in keys if name + _SUFFIX not in there]

    def put(self, name: str, public: bytes, pem: bytes) -> Put:
        """Write a key, unless it is there.

        Args:
            name: Its name.
            public: Its public half.
            pem: The private key.

        Raises:
            OSError: The folder cannot be read or written.
        """
        path = self._path / f"{name}{_SUFFIX}"
        found = _public_of(path)
        if found is not None:
            return Put.PRESENT if found == public else Put.OTHER
        _write(path, pem)
        return Put.WRITTEN


def _public_of(path: Path) -> bytes | None:
    """Return the public half of the key in a file; None if there is no file, or no key in it."""
    try:
        with path.open("rb") as file:
            return load_vapid_key(file.read(MAX_BYTES)).public
    except (FileNotFoundError, VapidKeyError):
        return None


def _write(path: Path, pem: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with suppress(FileNotFoundError):
        fresh.unlink()  # of an attempt that was interrupted
    opened = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(pem)
            os.fsync(file.fileno())
        fresh.rename(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
