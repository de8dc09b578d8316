"""The sites' VAPID keys, read from a folder on first use and again when they change.

Decides which key signs for a site. Reading files is the only I/O; the caller supplies the clock. Reads block
the event loop, but a key is a few hundred bytes, and its file is checked every few seconds at most. Knows
nothing of jobs.
"""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crypto.errors import VapidKeyError
from crypto.vapid import VapidKey, load_vapid_key

DEFAULT = "default"
"""Name of the key for sites that have none of their own."""

CHECKED_FOR = 10.0
"""Seconds that a key is used before its file is checked again."""

MISSING_FOR = 5.0
"""Seconds that a name counts as having no key before the folder is checked again."""

MISSING = "there is no such file"
"""The problem of a key that a job names, and that is not there."""

_FILE_MAX_BYTES = 65_536
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:-]{0,127}")
# Non-blocking: a FIFO would block the event loop. No symlinks: the path has been resolved and checked.
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC

_Stamp = tuple[int, int, int, int]
OnProblem = Callable[[str, str], None]


@dataclass(slots=True)
class _Entry:
    """What is known about a name: `key` holds until `due`; `stamp` is of the last file read, good or bad."""

    key: VapidKey | None = None
    absent: bool = False
    due: float = 0.0
    stamp: _Stamp | None = None
    problem: str | None = None


class _FileProblemError(Exception):
    """A file that exists but cannot be used; the message says why, without quoting its content."""


_REFUSED = _Entry()


def _ignore(_name: str, _problem: str) -> None:
    pass


class Keyring:
    """Finds keys by name; caches those in use, and forgets the ones not checked for the longest time.

    If a file becomes unreadable, or its new content is not a key, the previous key stays in use and the
    problem is reported once. If a file is deleted, its key is gone.

    Args:
        folder: Holds `<name>.pem` for each key. Links may point anywhere inside it (a Kubernetes Secret swaps
            its `..data`), but never outside.
        clock: Returns monotonic seconds.
        on_problem: Called with a name and what is wrong with its file, once until that changes.
        capacity: Maximum number of names cached.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float],
        *,
        on_problem: OnProblem = _ignore,
        capacity: int = 10_000,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._on_problem = on_problem
        self._capacity = capacity
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> VapidKey | None:
        """Return the key of a name, or None if it has no usable key or the name is invalid."""
        return self._entry(name).key

    def for_site(self, vapid_key: str | None, site_id: str) -> VapidKey | None:
        """Return the key that signs for a job: the one it names, its site's, or the default key.

        A site whose file exists but cannot be used gets None, not the default key, which its subscriptions
        would refuse.
        """
        if vapid_key is not None:
            entry = self._entry(vapid_key)
            if entry.absent and entry.problem is None:
                entry.problem = MISSING
                self._on_problem(vapid_key, MISSING)
            return entry.key
        entry = self._entry(site_id)
        return self._entry(DEFAULT).key if entry.absent else entry.key

    def _entry(self, name: str) -> _Entry:
        now = self._clock()
        entry = self._entries.get(name)
        if entry is not None and now < entry.due:
            return entry
        if not _NAME.fullmatch(name):
            return _REFUSED
        entry = self._remember(name)
        self._look(name, entry)
        entry.due = now + (MISSING_FOR if entry.key is None else CHECKED_FOR)
        return entry

    def _remember(self, name: str) -> _Entry:
        # Remove and reinsert: the dict stays in the order of the last check.
        entry = self._entries.pop(name, None) or _Entry()
        self._entries[name] = entry
        if len(self._entries) > self._capacity:
            del self._entries[next(iter(self._entries))]
        return entry

    def _look(self, name: str, entry: _Entry) -> None:
        try:
            self._refresh(entry, f"{name}.pem")
        except FileNotFoundError:
            entry.problem = entry.problem if entry.absent else None
            entry.key, entry.absent, entry.stamp = None, True, None
        except (OSError, _FileProblemError) as error:
            # The problem may pass: then the file is read again, and a new problem is reported again.
            entry.stamp = None
            self._report(name, entry, getattr(error, "strerror", None) or str(error))
        except VapidKeyError as error:
            self._report(name, entry, str(error))

    def _refresh(self, entry: _Entry, filename: str) -> None:
        if entry.stamp is not None and entry.stamp == _stamp_at(self._folder / filename):
            return
        opened = _open_inside(self._folder, filename)
        try:
            stamp = _checked_stamp(os.fstat(opened))
            pem = os.read(opened, _FILE_MAX_BYTES)
        finally:
            os.close(opened)
        entry.absent, entry.stamp = False, stamp
        entry.key = load_vapid_key(pem)
        entry.problem = None

    def _report(self, name: str, entry: _Entry, problem: str) -> None:
        entry.absent = False
        if problem != entry.problem:
            entry.problem = problem
            self._on_problem(name, problem)


def _open_inside(folder: Path, filename: str) -> int:
    try:
        return _open_here(folder, filename)
    except FileNotFoundError:
        if not folder.is_dir():
            raise _FileProblemError("its folder cannot be read") from None
    # While a Secret is being swapped, the folder just resolved disappears: follow its link again.
    try:
        return _open_here(folder, filename)
    except FileNotFoundError:
        if Path(folder, filename).is_symlink():
            raise _FileProblemError("is a broken link") from None
        raise


def _open_here(folder: Path, filename: str) -> int:
    path = f"{folder}/{filename}"
    if stat.S_ISLNK(os.lstat(path).st_mode):
        path = _resolved(folder, filename)
    # A file that is not a link is inside the folder: resolving its path would cost more than reading the key.
    return os.open(path, _OPEN_FLAGS)


def _resolved(folder: Path, filename: str) -> str:
    root = os.path.realpath(folder)
    path = os.path.realpath(f"{root}/{filename}")
    if not path.startswith(f"{root.rstrip('/')}/"):
        raise _FileProblemError("is a link to a place outside the folder")
    return path


def _checked_stamp(found: os.stat_result) -> _Stamp:
    if not stat.S_ISREG(found.st_mode):
        raise _FileProblemError("is not a regular file")
    if found.st_size > _FILE_MAX_BYTES:
        raise _FileProblemError(f"is larger than {_FILE_MAX_BYTES} bytes")
    return _stamp(found)


def _stamp(found: os.stat_result) -> _Stamp:
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)


def _stamp_at(path: Path) -> _Stamp | None:
    try:
        return _stamp(path.stat())
    except OSError:
        return None
