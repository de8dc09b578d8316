"""`python -m tests.chaos`: the long chaos run; ends with 1 if the guarantee does not hold."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import TEST_BROKER, Options, Run
from tests.chaos.schedule import Kind

SECONDS_AN_EVENT = 2.5
"""About what one takes, with its rest: the campaign is stretched over them all."""


def parsed(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--recipients", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--terms", type=int, default=50)
    parser.add_argument("--freezes", type=int, default=6, help="half of them taken over while frozen")
    parser.add_argument("--broker-restarts", type=int, default=4, help="clean ones, of the embedded broker")
    parser.add_argument("--broker-freezes", type=int, default=4)
    parser.add_argument("--cuts", type=int, default=6)
    parser.add_argument("--rest", type=float, default=1.0, help="mean seconds between two events")
    parser.add_argument("--seconds", type=float, help="what the campaign is stretched over")
    given = parser.parse_args(arguments)
    brokers = 0 if TEST_BROKER else given.broker_restarts
    counts = {
        Kind.KILL: given.kills,
        Kind.TERM: given.terms,
        Kind.FREEZE: given.freezes // 2,
        Kind.PAUSE: given.freezes - given.freezes // 2,
        Kind.BROKER_RESTART: brokers,
        Kind.BROKER_FREEZE: 0 if TEST_BROKER else given.broker_freezes,
        Kind.CUT: given.cuts,
    }
    seconds = given.seconds or max(60.0, sum(counts.values()) * (given.rest + SECONDS_AN_EVENT - 1))
    return Options(
        {kind: count for kind, count in counts.items() if count},
        recipients=given.recipients,
        workers=given.workers,
        seed=given.seed,
        seconds=seconds,
        rest=given.rest,
        say=_say,
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    options = parsed(sys.argv[1:])
    folder = Path(tempfile.mkdtemp(prefix="pushmill-chaos-"))
    _say(f"seed {options.seed}; the workers' logs are in {folder}")
    verdict = asyncio.run(Run(options, folder).run())
    _say(verdict.table())
    problems = verdict.problems()
    for problem in problems:
        _say(f"BROKEN: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
