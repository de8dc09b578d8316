"""Which deliveries must wait because of a push service's answers: back-off gates, and a circuit breaker.

A gate stands for a (push service, site), since limits are often per sender; if several close on one push
service, its own gate closes as well. Decides on answers alone; each process finds out for itself.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

STRIKES = 3
"""Consecutive answers asking to slow down that close a gate: one alone may concern one subscription."""

FAILURES = 10
"""Consecutive connection failures that open a push service's circuit."""

SITES = 3
"""Sites whose gates close, with no good answer to anyone in between, before the push service's own does:
while other sites get through, the trouble is the sites' own."""

FIRST_PERIOD, LAST_PERIOD = 5.0, 60.0
"""Seconds until a closed gate lets a probe through; doubled each time the probe fails."""

PROBE_LIMIT = 60.0
"""Seconds after which a probe that has not landed is given up, and another may go."""

IDLE = 600.0
"""Seconds after its last trouble at which a gate is forgotten: nothing probes it, so nothing needs it."""

GATES_KEPT = 10_000
"""Maximum of all gates together; beyond it, the one whose last trouble is oldest is forgotten."""

EVERY_SITE = ""


@dataclass(slots=True)
class _Gate:
    """Exists from the first trouble on; on a push service's own gate, `sites` are those that closed."""

    troubled_at: float = -inf
    strikes: int = 0
    closed_at: float = -inf
    until: float = -inf
    period: float = 0.0
    probing_until: float = -inf
    sites: set[str] = field(default_factory=set)

    @property
    def closed(self) -> bool:
        return self.period > 0

    def close(self, wait: float, now: float) -> None:
        """Close, or stay closed for longer after a failed probe."""
        self.period = min(max(self.period * 2, wait, FIRST_PERIOD), LAST_PERIOD)
        self.closed_at, self.until, self.probing_until = now, now + self.period, -inf

    def strike(self, most: int, wait: float, now: float) -> None:
        """Close after `most` in a row, or because the probe met trouble again."""
        self.strikes += 1
        if self.closed or self.strikes >= most:
            self.close(wait, now)

    def knew(self, sent_at: float) -> bool:
        """Return whether an answer to a request sent then is no news: it was in flight at closing time."""
        return self.closed and sent_at <= self.closed_at

    def wait_until(self, now: float) -> float | None:
        """Return until when to wait; None if a request may go, which is the probe if the gate is closed."""
        if now < self.closed_at:  # the clock was set back
            self.closed_at, self.until, self.probing_until = now, now + self.period, -inf
        if now < self.until:
            return self.until
        return self.probing_until if now < self.probing_until else None


class Gates:
    """The gates of one process; times are seconds since the epoch, `key` is `Origin.key`."""

    def __init__(self) -> None:
        # By push service and site, in order of their last trouble.
        self._gates: OrderedDict[tuple[str, str], _Gate] = OrderedDict()

    def __len__(self) -> int:
        return len(self._gates)

    def wait_until(self, key: str, site_id: str, now: float) -> float | None:
        """Return until when a delivery must wait; None if it may go: then it must be sent, or `recalled`.

        A delivery that must wait goes to a tier, and the wait is not an attempt.
        """
        if not self._gates:  # nearly always, and asked before each push
            return None
        self._forget_idle(now)
        closed = [gate for _, gate in self._of(key, site_id) if gate.closed]
        waits = [until for gate in closed if (until := gate.wait_until(now)) is not None]
        if waits:
            return max(waits)
        for gate in closed:
            gate.probing_until = now + PROBE_LIMIT
        return None

    def closed_to(self, key: str, site_id: str) -> bool:
        """Return whether a gate is closed: then what `wait_until` lets through is a probe."""
        return any(gate.closed for _, gate in self._of(key, site_id)) if self._gates else False

    def recalled(self, key: str, site_id: str, sent_at: float) -> None:
        """Note that a request that was let through never went out, or never reached the push service."""
        for _, gate in self._of(key, site_id):
            if not gate.knew(sent_at):
                gate.probing_until = -inf

    def answered(self, key: str, site_id: str, sent_at: float) -> None:
        """Note an answer without trouble: it opens gates that closed before the request went out."""
        for place, gate in self._of(key, site_id):
            if not gate.knew(sent_at):
                del self._gates[place]

    def throttled(self, key: str, site_id: str, wait: float, *, sent_at: float, now: float) -> None:
        """Note an answer that asks to slow down.

        Args:
            key: The push service's.
            site_id: The site that sent the push.
            wait: Seconds that the answer asked for, or 0.
            sent_at: When the request went out: one that was under way when a gate closed says nothing new.
            now: Seconds since the epoch.
        """
        gate = self._troubled(key, site_id, now)
        if gate.knew(sent_at):
            return
        gate.strike(STRIKES, wait, now)
        whole = self._troubled(key, EVERY_SITE, now)
        whole.strikes = 0  # it can be reached
        if gate.closed and len(whole.sites) < SITES:
            whole.sites.add(site_id)
        if whole.knew(sent_at):
            return
        if len(whole.sites) >= SITES:
            whole.close(wait, now)
        elif whole.closed:
            del self._gates[key, EVERY_SITE]

    def unreachable(self, key: str, site_id: str, *, sent_at: float, now: float) -> None:
        """Note that a connection could not be made, or broke: the push service's trouble, not a site's."""
        whole = self._troubled(key, EVERY_SITE, now)
        if not whole.knew(sent_at):
            whole.strike(FAILURES, 0.0, now)
        gate = self._gates.get((key, site_id))
        if gate and gate.closed and not gate.knew(sent_at):
            self._troubled(key, site_id, now).close(0.0, now)

    def closed(self) -> Iterator[tuple[str, int]]:
        """Return how many gates are closed, for each push service that has one."""
        return iter(Counter(key for (key, _), gate in self._gates.items() if gate.closed).items())

    def _of(self, key: str, site_id: str) -> list[tuple[tuple[str, str], _Gate]]:
        if not self._gates:
            return []
        places = ((key, EVERY_SITE), (key, site_id))
        return [(place, gate) for place in places if (gate := self._gates.get(place))]

    def _troubled(self, key: str, site_id: str, now: float) -> _Gate:
        """Return the gate that meets trouble, new if there is none yet."""
        self._forget_idle(now)
        gate = self._gates.setdefault((key, site_id), _Gate())
        self._gates.move_to_end((key, site_id))
        gate.troubled_at = now
        if len(self._gates) > GATES_KEPT:
            self._gates.popitem(last=False)
        return gate

    def _forget_idle(self, now: float) -> None:
        while self._gates:
            place, gate = next(iter(self._gates.items()))
            if now - gate.troubled_at < IDLE:
                return
            del self._gates[place]
