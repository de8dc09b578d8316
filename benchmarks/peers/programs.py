"""Senders in other languages: what each needs, how it is built, and how it is run.

All are called alike, and print their CPU microseconds a push without the first WARM_UP pushes:

    sender CA_FILE IN_FLIGHT WARM_UP SIZE < subscriptions.jsonl
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestant import Unavailable, output
from benchmarks.senders import Task

SOURCES = Path(__file__).parent
BUILT = SOURCES.parents[1] / "build" / "peers"
BUILD_SECONDS = 1200


@dataclass(frozen=True)
class Program:
    """A sender that its own language's tools build, in a copy of its folder.

    Attributes:
        folder: Where its source is, beside this file, and under `BUILT` what was built.
        tools: Executables that must be on PATH.
        build: The command that builds it; versions come from its lock file.
        command: The command that runs it, from there.
    """

    folder: str
    tools: tuple[str, ...]
    build: tuple[str, ...]
    command: tuple[str, ...]

    @property
    def place(self) -> Path:
        return BUILT / self.folder

    def prepare(self) -> None:
        """Build it; quick if nothing has changed since the last time.

        Raises:
            Unavailable: A tool is missing, or the build fails.
        """
        for tool in self.tools:
            if shutil.which(tool) is None:
                raise Unavailable(f"{tool} is not on PATH")
        shutil.copytree(SOURCES / self.folder, self.place, dirs_exist_ok=True)
        try:
            subprocess.run(
                self.build, cwd=self.place, check=True, capture_output=True, text=True, timeout=BUILD_SECONDS
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"`{' '.join(self.build)}` failed: {_last_line(error)}") from None

    async def run(self, task: Task) -> float:
        """Send to all subscriptions; return its CPU microseconds a push.

        Raises:
            RuntimeError: It failed.
        """
        warm_up, _ = task.halves(task.subscriptions)
        numbers = map(str, (task.in_flight, len(warm_up), task.size))
        lines = "".join(_lines(task)).encode()
        return float(await output(*self.command, str(task.ca), *numbers, given=lines, folder=self.place))


def _lines(task: Task) -> Iterator[str]:
    return (json.dumps(each) + "\n" for each in task.subscriptions)


def _last_line(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"not within {error.timeout:g} s"
    return (error.stderr.strip().splitlines() or [f"status {error.returncode}"])[-1]


PROGRAMS = {
    "Go webpush-go": Program("go", ("go",), ("go", "build", "-o", "sender", "."), ("./sender",)),
    "Rust web-push": Program(
        "rust",
        ("cargo",),
        ("cargo", "build", "--release", "--locked", "--quiet"),
        ("./target/release/sender",),
    ),
    "node web-push": Program(
        "node",
        ("node", "npm"),
        ("npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"),
        ("node", "main.js"),
    ),
}
