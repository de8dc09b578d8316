"""Who must wait because a push service said so: back-off gates, and a circuit for the unreachable.

A gate stands for a (push service, site), since limits are often a sender's own; several that close on one
push service widen to it. Decides on answers alone; lives in this process, so each finds out for itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

STRIKES = 3
"""Answers in a row that ask to slow down, after which a gate closes: one alone may mean one subscription."""

FAILURES = 10
"""Connections in a row that fail, after which a push service's circuit opens."""

SITES = 3
"""Sites whose gates are closed at once, after which the whole push service's is."""

FIRST_PERIOD, LAST_PERIOD = 5.0, 60.0
"""Seconds until a closed gate lets a probe through; doubles each time that the probe fails."""

PROBE_LIMIT = 60.0
"""Seconds after which a probe that never landed is given up, and another may go."""

EVERY_SITE = ""


@dataclass(slots=True)
class _Gate:
    strikes: int = 0
    closed_at: float = -inf
    until: float = -inf
    period: float = 0.0
    probing_until: float = -inf

    @property
    def closed(self) -> bool:
        return self.period > 0

    def close(self, wait: float, now: float) -> None:
        """Close, or stay closed for longer after a probe that failed."""
        self.period = min(max(self.period * 2, wait, FIRST_PERIOD), LAST_PERIOD)
        self.closed_at, self.until, self.probing_until = now, now + self.period, -inf

    def open(self) -> None:
        self.strikes, self.period, self.probing_until = 0, 0.0, -inf

    def holds(self, now: float) -> float | None:
        """Until when to wait, or None where a request may go; its time being over, that one is the probe."""
        if not self.closed:
            return None
        if now < self.until:
            return self.until
        return self.probing_until if now < self.probing_until else None

    def probe(self, now: float) -> None:
        if self.closed:
            self.probing_until = now + PROBE_LIMIT


@dataclass(slots=True)
class _Service:
    gates: dict[str, _Gate] = field(default_factory=dict)


class Gates:
    """The gates of one process; times are seconds since the epoch, `key` is `Origin.key`."""

    def __init__(self) -> None:
        self._services: dict[str, _Service] = {}

    def holds(self, key: str, site_id: str, now: float) -> float | None:
        """Until when a delivery must wait, or None if it may go: then it must be sent, or `recalled`.

        What waits for a gate goes to a tier, and the wait is no attempt.
        """
        service = self._services.get(key)
        if service is None:
            return None
        gates = [gate for site in (EVERY_SITE, site_id) if (gate := service.gates.get(site))]
        waits = [until for gate in gates if (until := gate.holds(now)) is not None]
        if waits:
            return max(waits)
        for gate in gates:
            gate.probe(now)
        return None

    def recalled(self, key: str, site_id: str) -> None:
        """Note that what was let through never went out."""
        for gate in self._of(key, site_id):
            gate.probing_until = -inf

    def answered(self, key: str, site_id: str, sent_at: float) -> None:
        """Note an answer that asks for no rest: opens what was closed before the request went out."""
        for gate in self._of(key, site_id):
            if not gate.closed:
                gate.strikes = 0
            elif sent_at > gate.closed_at:
                gate.open()
        self._tidy(key)

    def throttled(self, key: str, site_id: str, wait: float, *, sent_at: float, now: float) -> None:
        """Note an answer that asks to slow down.

        Args:
            key: Of the push service.
            site_id: Whose push it was.
            wait: Seconds that the answer asked for, or 0.
            sent_at: When the request went out: what was under way when a gate closed says nothing new.
            now: Seconds since the epoch.
        """
        service = self._services.setdefault(key, _Service())
        gate = service.gates.setdefault(site_id, _Gate())
        self._strike(gate, STRIKES, wait, sent_at, now)
        closed = sum(gate.closed for site, gate in service.gates.items() if site != EVERY_SITE)
        if gate.closed and closed >= SITES:
            whole = service.gates.setdefault(EVERY_SITE, _Gate())
            self._strike(whole, 1, wait, sent_at, now)

    def unreachable(self, key: str, sent_at: float, now: float) -> None:
        """Note that a connection could not be made or broke: a matter of the push service, not of a site."""
        service = self._services.setdefault(key, _Service())
        gate = service.gates.setdefault(EVERY_SITE, _Gate())
        self._strike(gate, FAILURES, 0.0, sent_at, now)

    def closed(self) -> Iterator[tuple[str, int]]:
        """How many gates are closed, for each push service that has any gate."""
        return (
            (key, sum(gate.closed for gate in each.gates.values())) for key, each in self._services.items()
        )

    def _strike(self, gate: _Gate, most: int, wait: float, sent_at: float, now: float) -> None:
        if gate.closed and sent_at <= gate.closed_at:
            return
        gate.strikes += 1
        if gate.closed or gate.strikes >= most:
            gate.close(wait, now)

    def _of(self, key: str, site_id: str) -> list[_Gate]:
        service = self._services.get(key)
        if service is None:
            return []
        return [gate for site in (EVERY_SITE, site_id) if (gate := service.gates.get(site))]

    def _tidy(self, key: str) -> None:
        service = self._services.get(key)
        if service is None:
            return
        for site in [site for site, gate in service.gates.items() if not gate.closed and not gate.strikes]:
            del service.gates[site]
        if not service.gates:
            del self._services[key]
