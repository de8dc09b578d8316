"""What a run has shown: who is accounted for, what came twice and how much of that is allowed."""

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.schedule import Kind
from worker.ledger import CHECKPOINT_MAX

DEATHS = (Kind.KILL, Kind.FREEZE, Kind.PAUSE)
"""Of one worker, without a chance to clean up; each may repeat what it had in flight and one checkpoint."""

BROKER = (Kind.BROKER_RESTART, Kind.BROKER_FREEZE)


@dataclass(slots=True)
class Verdict:
    """The figures of a run.

    Attributes:
        recipients: How many were produced.
        workers: How many processes were at it.
        in_flight: Requests at once, each worker.
        rebalances_cleanly: Whether the broker waits for members to let go when somebody joins.
        seconds: How long it took.
        done: Events by kind.
        repeated_after: Repeats that came after events of a kind, before the next event.
        most_after: The most that came after a single one.
        statuses: Recipients by their last outcome.
        reached: Different messages that the push service took.
        taken: All messages that it took.
        repeated: Those beyond the first.
        cut: Answers that were lost with their connection, so that a repeat is nobody's fault.
        exits: Workers that ended by themselves, by exit status.
        unclean: SIGTERMs that were not answered with status 0.
        joins: Times that a process joined the group.
        gap: Longest time without a push, in seconds.
    """

    recipients: int
    workers: int
    in_flight: int
    rebalances_cleanly: bool
    seconds: float = 0.0
    done: Counter[Kind] = field(default_factory=Counter)
    repeated_after: Counter[Kind] = field(default_factory=Counter)
    most_after: Counter[Kind] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    reached: int = 0
    taken: int = 0
    repeated: int = 0
    cut: int = 0
    exits: Counter[int] = field(default_factory=Counter)
    unclean: int = 0
    joins: int = 0
    gap: float = 0.0

    @property
    def lost(self) -> int:
        """Recipients without an outcome, or whose outcome says `sent` though nothing came."""
        without = self.recipients - self.statuses.total()
        return without + max(0, self.statuses["sent"] - self.reached)

    @property
    def allowed(self) -> int:
        """How many repeats the guarantee allows."""
        of_one = self.in_flight + CHECKPOINT_MAX
        deaths = sum(self.done[kind] for kind in DEATHS) + self.exits.total()
        deaths += self.workers * sum(self.done[kind] for kind in BROKER)
        if not self.rebalances_cleanly:  # there a join is a lost session for all the others
            deaths += (self.workers - 1) * self.joins
        return of_one * deaths + self.cut

    def note(self, kind: Kind, repeats: int) -> None:
        self.done[kind] += 1
        self.repeated_after[kind] += repeats
        self.most_after[kind] = max(self.most_after[kind], repeats)

    def problems(self) -> list[str]:
        """What breaks the guarantee; empty if nothing does."""
        found = []
        if self.lost:
            found.append(f"{self.lost} recipients are lost")
        if self.statuses.keys() - {"sent"}:
            found.append(f"not all were sent: {dict(self.statuses)}")
        if self.repeated > self.allowed:
            found.append(f"{self.repeated} repeats where {self.allowed} are allowed")
        if self.unclean:
            found.append(f"{self.unclean} drains did not end with status 0")
        return found

    def table(self) -> str:
        """For people."""
        rows = [("", "times", "repeats", "most at once")]
        rows += [
            (str(kind), str(count), str(self.repeated_after[kind]), str(self.most_after[kind]))
            for kind, count in self.done.items()
        ]
        lines = [f"{name:<22}{times:>8}{repeats:>10}{most:>14}" for name, times, repeats, most in rows]
        facts = {
            "recipients": self.recipients,
            "lost": self.lost,
            "repeated": f"{self.repeated} of {self.allowed} allowed",
            "answers cut off": self.cut,
            "ended by themselves": dict(self.exits) or 0,
            "joins": self.joins,
            "outcomes": dict(self.statuses),
            "longest gap": f"{self.gap:.1f} s",
            "duration": f"{self.seconds:.0f} s",
        }
        return "\n".join(lines + [f"{name:<22}{value}" for name, value in facts.items()])
