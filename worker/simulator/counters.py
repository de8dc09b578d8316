"""The totals of a simulated push service, as ``GET /stats`` returns them."""

from collections import Counter

from worker.simulator.answers import ScriptedAnswer


class Counters:
    """Totals since the start or the last reset; their size does not depend on the traffic."""

    def __init__(self) -> None:
        self.requests = 0
        self.taken = 0
        self.decrypted = 0
        self.undecryptable = 0
        self.connections = 0
        self.open_connections = 0
        self.in_flight = 0
        self.peak_in_flight = 0
        self.body_bytes = 0
        self.statuses: Counter[int] = Counter()
        self.causes: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def entered(self) -> None:
        """Count a request that is complete and will be answered."""
        self.requests += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def left(self) -> None:
        """Count a request out: its answer has been sent, or never will be."""
        self.in_flight -= 1

    def count(self, answer: ScriptedAnswer, cause: str, size: int) -> None:
        """Count a push and its answer; ``size`` is the size of its body in bytes."""
        self.statuses[answer.seen_status] += 1
        self.taken += answer.taken
        self.body_bytes += size
        if cause:
            self.causes[cause] += 1

    def fresh(self) -> "Counters":
        """Return counters at zero, except for what is still open."""
        new = Counters()
        new.open_connections, new.in_flight = self.open_connections, self.in_flight
        new.peak_in_flight = self.in_flight
        return new

    def to_json(self) -> dict[str, object]:
        """Return all totals as ``GET /stats`` does; the keys of maps are text."""
        totals: dict[str, object] = {
            name: value for name, value in vars(self).items() if isinstance(value, int)
        }
        maps: tuple[tuple[str, Counter[int] | Counter[str]], ...]
        maps = (("statuses", self.statuses), ("causes", self.causes), ("errors", self.errors))
        return totals | {name: {str(key): n for key, n in counter.items()} for name, counter in maps}
