"""`python -m tests.fuzz.serializers`: valid records, changed in one place, all of them; 1 at a finding.

Prints the inputs by kind of change and by field, and how many records were killed that should not have been.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.fuzz.serializers.changes import KINDS
from tests.fuzz.serializers.inputs import Input, drawn
from tests.fuzz.serializers.trial import fault, is_refused

FINDINGS_SHOWN = 40
LINE_CHARS = 600
INPUTS_A_MINUTE = 25_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.serializers", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="how many, always the same (100000)")
    given = parser.parse_args()
    began = time.monotonic()
    inputs = drawn(given.inputs)
    say(f"── serializers: {len(inputs):,} inputs, about {len(inputs) / INPUTS_A_MINUTE:.0f} min")
    findings = [(each, found) for each in inputs if (found := fault(each))]
    report(inputs, findings, time.monotonic() - began)
    return 1 if findings else 0


def report(inputs: Sequence[Input], findings: list[tuple[Input, str]], seconds: float) -> None:
    for title, names in (
        ("records", Counter(each.start for each in inputs)),
        ("kinds", Counter(each.kind for each in inputs)),
        ("written by", Counter(each.style for each in inputs)),
        ("places", Counter(each.place for each in inputs if each.kind in KINDS)),
    ):
        counts = ", ".join(f"{name} {count:,}" for name, count in names.most_common())
        say(f"{title} ({len(names)}): {counts}")
    for each, found in findings[:FINDINGS_SHOWN]:
        where = f"{each.start}; {each.kind} at {each.path or each.place}, as {each.style}"
        say(f"✗ {where}: {found}"[:LINE_CHARS])
    killed = sum(found.startswith("killed") for _, found in findings)
    refused = sum(map(is_refused, inputs))
    say(f"{len(inputs):,} inputs in {seconds:.0f} s; {refused:,} are dead letters by the documentation")
    say(f"records killed: {killed}; findings: {len(findings)}")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    sys.exit(main())
