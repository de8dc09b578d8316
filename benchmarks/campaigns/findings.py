"""What the benchmarks of the campaign service have found, and whether each bound was held.

Decides how figures become a table and JSON; knows nothing of how they are measured.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple


class Bound(NamedTuple):
    """What the median of the turns must not pass."""

    limit: float
    at_least: bool = False

    def is_held(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"at {'least' if self.at_least else 'most'} {_figure(self.limit)}"


@dataclass(frozen=True)
class Finding:
    """One figure, measured once a turn.

    Attributes:
        what: What was measured.
        unit: Of the figures.
        turns: A figure for each turn.
        bound: What is asked of the median; None if the figure only explains another.
        postgresql: PostgreSQL's own processor time beside each figure, in the same unit; empty if that says
            nothing here.
    """

    what: str
    unit: str
    turns: Sequence[float]
    bound: Bound | None = None
    postgresql: Sequence[float] = ()

    @property
    def median(self) -> float:
        return statistics.median(self.turns)

    @property
    def is_held(self) -> bool:
        """Whether the bound, if there is one, was held."""
        return self.bound is None or self.bound.is_held(self.median)


@dataclass
class Findings:
    """What all rows of a run have found.

    Attributes:
        of_row: By the row's name.
        left_out: Why this machine could not measure a row, or a part of one.
        failed: What went wrong in a row.
    """

    of_row: dict[str, list[Finding]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def broken(self) -> list[str]:
        """What did not hold its bound."""
        return [f"{row}: {each.what}" for row, each in self._all() if not each.is_held]

    def _all(self) -> list[tuple[str, Finding]]:
        return [(row, each) for row, found in self.of_row.items() for each in found]

    def table(self) -> str:
        """Return the findings as a table in Markdown."""
        head = (
            "| row | what | unit | bound | median | least | most | PostgreSQL besides | held |\n"
            "|---|---|---|---|---|---|---|---|---|\n"
        )
        rows = "".join(_line(row, each) for row, each in self._all())
        without = {"left out": self.left_out, "failed": self.failed}
        missing = "".join(
            f"| {row} | {word}: {why} | | | | | | | |\n"
            for word, reasons in without.items()
            for row, why in reasons.items()
        )
        return head + rows + missing

    def write(self, folder: Path, about: Mapping[str, str]) -> None:
        """Write `campaigns.json` and `campaigns.md`."""
        folder.mkdir(exist_ok=True)
        rows = {row: [_as_json(each) for each in found] for row, found in self.of_row.items()}
        told = {"about": dict(about), "rows": rows, "left out": self.left_out, "failed": self.failed}
        (folder / "campaigns.json").write_text(json.dumps(told, indent=1) + "\n")
        title = "# Results of `python -m benchmarks.campaigns`\n\n"
        title += "What each row measures: [README](../README.md).\n\n"
        lines = "".join(f"- {name}: {text}\n" for name, text in about.items())
        (folder / "campaigns.md").write_text(f"{title}{lines}\n{self.table()}")


def _line(row: str, found: Finding) -> str:
    besides = _figure(statistics.median(found.postgresql)) if found.postgresql else ""
    held = "" if found.bound is None else "yes" if found.is_held else "**no**"
    figures = (found.median, min(found.turns), max(found.turns))
    return (
        f"| {row} | {found.what} | {found.unit} | {found.bound or ''} | "
        f"{' | '.join(map(_figure, figures))} | {besides} | {held} |\n"
    )


def _as_json(found: Finding) -> dict[str, object]:
    return asdict(found) | {"bound": found.bound and str(found.bound), "held": found.is_held}


def _figure(value: float) -> str:
    """Write a figure with about three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
