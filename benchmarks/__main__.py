"""All contestants in one run, taking turns: `make bench`.

    python -m benchmarks [--rounds 3] [--count 15000] [--only NAME ...] [--sweeps]

Each round runs every contestant once, in a process of its own; contestants whose figures are divided by each
other run several times, side by side. The report gives median, least and most over all turns, of the figures
and of their quotients. A figure is CPU time: wall time is noise on a shared machine.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path

from benchmarks import contestant, worker_run
from benchmarks.contestant import Contestant, Unavailable, child
from benchmarks.peers.programs import PROGRAMS
from benchmarks.peers.table import PEERS
from benchmarks.report import Figure, write
from benchmarks.senders import SENDERS
from tests.harness.simulator import PushServiceClient, push_services


async def stages(_service: PushServiceClient, _count: int) -> dict[str, float]:
    return {f"stage: {name}": cost for name, cost in (await child("benchmarks.stages")).items()}


def worker(name: str, case: worker_run.Case) -> Contestant:
    return contestant.worker(f"worker: {name}", case, label=name)


# ── contestants ─────────────────────────────────────────────────────────────────────────────────────────────

Case = partial(worker_run.Case, count=0)
"""A run of as many pushes as the other contestants send, unless it says otherwise."""
EIGHT = "100 a record, multibuffer"
ALONE_BY_EIGHT = "1 a record, multibuffer"

CONTESTANTS: dict[str, Contestant] = {
    "stages": stages,
    **{name: contestant.sender("benchmarks.senders", name) for name in SENDERS},
    **{name: peer.run for name, peer in PEERS.items()},
    "100 a record": worker("100 a record", Case()),
    EIGHT: worker(EIGHT, Case(agreement="multibuffer")),
    "100 a record, aiohttp": worker("100 a record, aiohttp", Case(transport="aiohttp")),
    "1 a record": worker("1 a record", Case(a_record=1)),
    ALONE_BY_EIGHT: worker(ALONE_BY_EIGHT, Case(a_record=1, agreement="multibuffer")),
}

# The runs of 10,000 sites or 1,000 campaigns are only comparable with a run of the same length.
MANY = 100_000
OWN_TEXTS = "1 a record, each its own text"
SWEEPS: dict[str, Contestant] = {
    "10 a record": worker("10 a record", Case(a_record=10, count=MANY, agreement="auto")),
    "1,000 a record": worker("1,000 a record", Case(a_record=1000)),
    OWN_TEXTS: worker(OWN_TEXTS, Case(a_record=1, texts=MANY)),
    "100 sites": worker("100 sites", Case(sites=100, count=20_000)),
    "10,000 sites, 10 a record": worker(
        "10,000 sites, 10 a record", Case(sites=10_000, a_record=10, count=MANY, agreement="auto")
    ),
    "1,000 campaigns, 10 a record": worker(
        "1,000 campaigns, 10 a record", Case(campaigns=1000, a_record=10, count=MANY, agreement="auto")
    ),
    "3 push services": worker("3 push services", Case(services=3)),
    "1,000 bytes": worker("1,000 bytes", Case(size=1000)),
    "3,900 bytes": worker("3,900 bytes", Case(size=3900)),
    "2 processes": worker("2 processes", Case(processes=2)),
    "backlog of 50,000": worker("backlog of 50,000", Case(count=50_000)),
}


COMPARED = (
    (
        5,
        (
            *("stages", "bare", "plain worker", "plain worker, one token kept"),
            *("pywebpush async", "webpush-rs", *PROGRAMS),
            *("100 a record", EIGHT, "1 a record", ALONE_BY_EIGHT, OWN_TEXTS, "2 processes"),
        ),
    ),
    (3, ("10 a record", "10,000 sites, 10 a record", "1,000 campaigns, 10 a record")),
)
"""Turns a round, and the contestants that take them side by side because their figures are divided by each
other: a quotient close to its target needs many."""


@dataclass
class Options:
    rounds: int
    count: int
    only: list[str] | None
    sweeps: bool
    results: Path


async def main(options: Options) -> None:
    taking_part = CONTESTANTS | (SWEEPS if options.sweeps else {})
    if options.only:
        taking_part = {name: (CONTESTANTS | SWEEPS)[name] for name in options.only}
    skipped = await asyncio.to_thread(_prepare, taking_part)
    turns = in_turns([name for name in taking_part if name not in skipped])
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with push_services(Path(folder)) as [service]:
            for number in range(options.rounds):
                for name in turns:
                    await _take(name, taking_part[name], service, options.count, figures)
                write(figures, options.results, rounds=number + 1, count=options.count, skipped=skipped)


def _prepare(names: Iterable[str]) -> dict[str, str]:
    """Build what has to be built, before anything is measured; return who cannot take part, and why."""
    skipped = {}
    for name in names:
        if name in PEERS:
            try:
                PEERS[name].prepare()
            except Unavailable as reason:
                print(f"{name} skipped: {reason}", file=sys.stderr)
                skipped[name] = str(reason)
    return skipped


def in_turns(names: list[str]) -> list[str]:
    """Order the turns of a round: compared contestants are spread over it, between the others.

    A shared machine changes its speed within minutes; that does not matter if both meet the same speed.
    """
    compared = {name for _, together in COMPARED for name in together}
    others = [name for name in names if name not in compared]
    turns = [((position + 0.5) / len(others), [name]) for position, name in enumerate(others)]
    for times, together in COMPARED:
        some = [name for name in together if name in names]
        turns += [((turn + 0.5) / times, some) for turn in range(times)]
    return [name for _, turn in sorted(turns, key=itemgetter(0)) for name in turn]


async def _take(
    name: str, run: Contestant, service: PushServiceClient, count: int, figures: dict[str, Figure]
) -> None:
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    try:
        costs = await run(service, count)
    except (RuntimeError, AssertionError, TimeoutError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return
    print(", ".join(f"{cost:.1f}" for cost in list(costs.values())[:1]), file=sys.stderr)
    for what, cost in costs.items():
        figures.setdefault(what, Figure()).add(cost)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=15_000, help="pushes per contestant and turn")
    parser.add_argument("--only", nargs="*", metavar="NAME", choices=[*CONTESTANTS, *SWEEPS])
    parser.add_argument(
        "--sweeps", action="store_true", help="also vary sites, campaigns, sizes, processes, backlog"
    )
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    asyncio.run(main(Options(**vars(parser.parse_args()))))
