"""What a whole run came to: what is wrong, and the figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.campaigns.mortal import Arm
from tests.chaos.campaigns.plans import BEHIND, WITHIN
from tests.chaos.campaigns.reckoning import Reckoning, Wanted


@dataclass
class Findings:
    """What a run came to.

    Attributes:
        reckoning: What is wrong about launches.
        wanted: All launches, by their ids in Kafka.
        deaths: By role and step.
        exits: Processes that ended by themselves, by role and status.
        missing: What the run itself did not come to.
        spared: Who did not die although that was planned: one that ends while Kafka is away may be the last
            that finds anything to write.
        retried: Recipients who took more than one attempt.
        totals: Pushes that the push service got, and how many of them again.
        seconds: How long it took.
    """

    reckoning: Reckoning = field(default_factory=Reckoning)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    deaths: dict[str, dict[str, int]] = field(default_factory=dict)
    exits: dict[str, dict[int, int]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    spared: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    retried: int = 0
    seconds: float = 0.0

    def note_worker(self, status: int) -> None:
        """Note that the worker has ended by itself."""
        exits = self.exits.setdefault("worker", {})
        exits[status] = exits.get(status, 0) + 1

    def judge_deaths(self, planned: Sequence[Arm]) -> None:
        """Note if launchers or relays did not die as often as they should have."""
        deaths = self.deaths["launcher"]
        for what, steps in (("between begin and commit", WITHIN), ("between commit and cursor", BEHIND)):
            wanted = sum(arm.step in steps for arm in planned)
            died = sum(deaths.get(step, 0) for step in steps)
            if died < wanted:
                self.spared.append(f"{died} of {wanted} launchers died {what}")
        if sum(deaths.values()) < len(planned):
            self.spared.append(f"{sum(deaths.values())} of {len(planned)} launchers died")

    def problems(self) -> list[str]:
        return [*self.missing, *self.spared, *self.reckoning.problems]

    def table(self) -> str:
        reckoning = self.reckoning
        facts = {
            "launches": f"{len(self.wanted):,}, {reckoning.recipients:,} recipients",
            **{f"{role}s that died": _words(steps) for role, steps in self.deaths.items()},
            **{f"{role}s that ended": f"{_words(each)} (status, times)" for role, each in self.exits.items()},
            "tried more than once": f"{self.retried:,}",
            "urgent jobs again": f"{reckoning.again:,} recipients, counted once",
            "due times from even": ", ".join(f"{name} {it:.2%}" for name, it in reckoning.uneven.items()),
            "pushes": f"{self.totals.get('pushes', 0):,}, {self.totals.get('repeated', 0):,} of them again",
            "duration": f"{self.seconds:.0f} s",
        }
        return "\n".join(f"{name:<24}{value}" for name, value in facts.items())


def _words(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
