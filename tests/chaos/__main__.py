"""`python -m tests.chaos`: the long chaos run; exits with 1 if the guarantee does not hold.

python -m tests.chaos --only kill             # a single claim: 50 kill -9, and nothing else
python -m tests.chaos --only join --dynamic   # 50 joins and leaves of a group without static membership
python -m tests.chaos --only campaigns        # launchers, relays, collectors, PostgreSQL and Apache Kafka

Without --only the campaign service comes last, where there is an Apache Kafka; its own options are those of
`python -m tests.chaos.campaigns.whole`.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec
import uvloop

from tests.chaos.campaigns import plans
from tests.chaos.campaigns.whole import run_whole
from tests.chaos.run import TEST_BROKER, Options, Run
from tests.chaos.schedule import OF_OUR_OWN_KAFKA, Kind
from tests.harness.requirements import REQUIREMENTS

COUNTS = {
    Kind.KILL: 50,
    Kind.TERM: 50,
    Kind.JOIN: 50,
    Kind.FREEZE: 3,
    Kind.EXPIRE: 3,
    Kind.PAUSE: 3,
    Kind.CUT: 6,
    Kind.KAFKA_RESTART: 4,
    Kind.KAFKA_FREEZE: 4,
    Kind.KAFKA_CUT: 4,
    Kind.MOVE: 4,
    Kind.COMMIT_FAILS: 4,
    Kind.COMMIT_HANGS: 2,
}
"""The events of a run, and how many of each."""

SECONDS = {Kind.JOIN: 8.0, Kind.FREEZE: 10.0, Kind.EXPIRE: 50.0, Kind.COMMIT_HANGS: 1.0}
"""About how long an event takes; the campaign is stretched over all of them."""

SECONDS_OF_OTHERS = 3.0

CAMPAIGNS = "campaigns"
"""The word for the campaign service in one piece, where everything is killed: a run of its own."""

LEAST_OF_CAMPAIGNS = 5000
"""Recipients of that run: with fewer, its launchers would not find enough to die in."""


def _name(kind: Kind) -> str:
    return kind.name.lower().replace("_", "-")


def parsed(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--recipients", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dynamic", action="store_true", help="workers without instance ids")
    parser.add_argument("--rest", type=float, default=1.0, help="mean seconds between two events")
    parser.add_argument("--seconds", type=float, help="length of the campaign")
    names = [*map(_name, COUNTS), CAMPAIGNS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="KIND", help=f"of {', '.join(names)}")
    for kind, count in COUNTS.items():
        parser.add_argument(f"--{_name(kind)}", type=int, default=count, metavar="N", help=kind)
    given = parser.parse_args(arguments)
    counts = {
        kind: getattr(given, kind.name.lower())
        for kind in COUNTS
        if (not given.only or _name(kind) in given.only) and not (TEST_BROKER and kind in OF_OUR_OWN_KAFKA)
    }
    if given.dynamic:
        counts.pop(Kind.FREEZE, None)  # without an instance id there is nothing to take over
    each = (
        SECONDS.get(kind, SECONDS_OF_OTHERS) * count + given.rest * count for kind, count in counts.items()
    )
    return Options(
        {kind: count for kind, count in counts.items() if count},
        recipients=given.recipients,
        workers=given.workers,
        seed=given.seed,
        seconds=given.seconds or max(60.0, sum(each)),
        rest=given.rest,
        static=not given.dynamic,
        campaigns=CAMPAIGNS in (given.only or [CAMPAIGNS]),
        say=_say,
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    options = parsed(sys.argv[1:])
    right = not options.counts or _run_worker(options)
    if options.campaigns:
        missing = REQUIREMENTS["kafka"].missing()
        if missing and options.counts:
            _say(f"without the campaign service, which needs Apache Kafka: {', '.join(missing)}")
        else:
            size = max(options.recipients, LEAST_OF_CAMPAIGNS)
            right &= run_whole(plans.Options(recipients=size, seed=options.seed), _say)
    return 0 if right else 1


def _run_worker(options: Options) -> bool:
    """Run what concerns workers; return whether the guarantee held."""
    folder = Path(tempfile.mkdtemp(prefix="pushmill-chaos-"))
    _say(f"seed {options.seed}; the workers' logs are in {folder}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        verdict = runner.run(Run(options, folder).run())
    (folder / "verdict.json").write_bytes(msgspec.json.encode(verdict))  # the details behind the table
    _say(verdict.table())
    problems = verdict.problems()
    for problem in problems:
        _say(f"BROKEN: {problem}")
    return not problems


if __name__ == "__main__":
    sys.exit(main())
