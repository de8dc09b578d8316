"""The sites' VAPID keys, read from a folder when they are first used and again when they change.

Reading files is the only I/O; time is given by the caller's clock. Meant for one event loop: keys are a few
hundred bytes each, and a look at the disk is due for a key every few seconds at most.
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
"""The key of sites that have none of their own."""

CHECKED_FOR = 10.0
"""Seconds that a key is used before its file is looked at again."""

MISSING_FOR = 5.0
"""Seconds that a name is taken to have no key before the folder is looked at again."""

_FILE_MAX_BYTES = 65_536
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._:-]{0,127}")
# Not blocking: a FIFO would hold the event loop. Not following: what is opened was resolved and checked.
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC

_Stamp = tuple[int, int, int, int]
OnProblem = Callable[[str, str], None]


@dataclass(slots=True)
class _Entry:
    """What is known of a name: `key` until `due`; `stamp` of the file it was read from, good or bad."""

    key: VapidKey | None = None
    absent: bool = False
    due: float = 0.0
    stamp: _Stamp | None = None
    problem: str | None = None


class _FileProblemError(Exception):
    """A file that is there and of no use; the text says why, without its content."""


_REFUSED = _Entry()


def _ignore(_name: str, _problem: str) -> None:
    pass


class Keyring:
    """Finds keys by name; remembers those in use and forgets the longest unchecked ones.

    A file that cannot be read, or whose new content is no key, leaves the key that was read before in use,
    and is told once. A deleted file means that its key is gone.

    Args:
        folder: Holds `<name>.pem` for each key. Links may lead anywhere inside of it (a Kubernetes Secret
            swaps its `..data`), never out of it.
        clock: Monotonic seconds.
        on_problem: Called with a name and what is wrong with its file, once until that changes.
        capacity: Names remembered.
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
        """Return the key of a name, or None where there is none that can be used, or no such name can be."""
        return self._entry(name).key

    def for_site(self, vapid_key: str | None, site_id: str) -> VapidKey | None:
        """Return the key that a job is signed with: the one it names, its site's, or the default one.

        A site whose file is there and cannot be used gets None rather than the default key, which its
        subscriptions would refuse.
        """
        if vapid_key is not None:
            return self._entry(vapid_key).key
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
        # Out and in again: the dict stays in the order of the last look.
        entry = self._entries.pop(name, None) or _Entry()
        self._entries[name] = entry
        if len(self._entries) > self._capacity:
            del self._entries[next(iter(self._entries))]
        return entry

    def _look(self, name: str, entry: _Entry) -> None:
        try:
            self._refresh(entry, f"{name}.pem")
        except FileNotFoundError:
            entry.key, entry.absent, entry.stamp, entry.problem = None, True, None, None
        except (OSError, _FileProblemError) as error:
            # What is wrong may pass: then the file is read again, and told of again if it is wrong once more.
            entry.stamp = None
            self._tell(name, entry, getattr(error, "strerror", None) or str(error))
        except VapidKeyError as error:
            self._tell(name, entry, str(error))

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

    def _tell(self, name: str, entry: _Entry, problem: str) -> None:
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
    # A Secret that is swapped loses the folder just resolved: look where its link leads now.
    try:
        return _open_here(folder, filename)
    except FileNotFoundError:
        if Path(folder, filename).is_symlink():
            raise _FileProblemError("is a link that leads nowhere") from None
        raise


def _open_here(folder: Path, filename: str) -> int:
    path = f"{folder}/{filename}"
    if stat.S_ISLNK(os.lstat(path).st_mode):
        path = _resolved(folder, filename)
    # What is no link cannot lead out of the folder: to resolve its path costs more than to read the key.
    return os.open(path, _OPEN_FLAGS)


def _resolved(folder: Path, filename: str) -> str:
    root = os.path.realpath(folder)
    path = os.path.realpath(f"{root}/{filename}")
    if not path.startswith(f"{root.rstrip('/')}/"):
        raise _FileProblemError("is a link that leads out of the folder")
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
