"""`python -m tests.fuzz`: atheris, guided by coverage, on each target in turn; exits with 1 at a finding.

Each target runs in a process of its own. Inputs worth keeping go to `--corpus`. An input that breaks a
promise, takes seconds or uses too much memory is also written there, and named: make it small and put it
beside the others in tests/fuzz/corpus, where `make test` feeds it to its target from then on.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.fuzz.kept import CORPUS
from tests.fuzz.mutation import MOST_BYTES, mutate

INPUT_SECONDS = 5
"""Seconds that any input may take, under the fuzzer's instrumentation."""

MEMORY_MIB = 1024


def parsed(arguments: list[str], names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(names)}; by default all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--corpus", type=Path, help="folder for new inputs, in addition to the kept ones")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    unknown = sorted({*given.targets} - {*names})
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(names)}")
    return given


def run(name: str, seconds: int, corpus: Path) -> bool:
    """Fuzz one target in a process of its own; return whether every promise held."""
    found = corpus / name
    found.mkdir(parents=True, exist_ok=True)
    print(f"── {name}: {seconds} s, findings go to {found}", flush=True)  # noqa: T201 - its output
    command = [sys.executable, "-m", "tests.fuzz", name, "--inside"]
    command += ["--seconds", str(seconds), "--corpus", str(corpus)]
    return subprocess.run(command, check=False).returncode == 0


def inside(name: str, seconds: int, corpus: Path) -> None:
    """Become the fuzzer of one target; never returns."""
    import atheris  # noqa: PLC0415 - from an extra

    with atheris.instrument_imports(include=["crypto", "worker", "py_vapid", "email", "ipaddress"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented

    def change(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        changed = mutate(data, random) if random.random() < 0.5 else atheris.Mutate(data, most)
        return bytes(changed)[:most]

    options = [
        *(f"-max_total_time={seconds}", f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={MEMORY_MIB}"),
        *(f"-max_len={MOST_BYTES}", f"-artifact_prefix={corpus / name}/", "-print_final_stats=1"),
        *(str(corpus / name), str(CORPUS / name)),
    ]
    atheris.Setup([sys.argv[0], *options], TARGETS[name], custom_mutator=change)
    atheris.Fuzz()


def main() -> int:
    names = sorted(path.name for path in CORPUS.iterdir())
    given = parsed(sys.argv[1:], names)
    if given.inside:
        inside(given.targets[0], given.seconds, given.corpus)
    corpus = given.corpus or Path(tempfile.mkdtemp(prefix="pushmill-fuzz-"))
    broken = [name for name in given.targets or names if not run(name, given.seconds, corpus)]
    print("broken: " + ", ".join(broken) if broken else "every promise held")  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
