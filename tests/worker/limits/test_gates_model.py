"""Probes under any order of events, compared with a model of one gate."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.worker.limits.support import lets, throttle
from worker.limits.gates import (
    FIRST_PERIOD,
    IDLE,
    LAST_PERIOD,
    PROBE_LIMIT,
    STRIKES,
    Gates,
)


class Probing(RuleBasedStateMachine):
    """Whatever happens, at most one probe is in flight, and none before the period is over."""

    def __init__(self):
        super().__init__()
        self.gates = Gates()
        self.now = 0.0
        self.flights = []
        self.strikes = 0
        self.closed_at = self.probed_at = None
        self.period = 0.0

    @rule(seconds=st.sampled_from([0.01, 1.0, 4.0, 10.0, 30.0]))
    def wait(self, seconds):
        self.now += seconds
        if self.closed_at is not None and self.now - self.closed_at > IDLE / 2:
            self.gates, self.flights, self.strikes = Gates(), [], 0
            self.closed_at = self.probed_at = None

    @rule()
    def send(self):
        may = lets(self.gates, self.now)
        if self.closed_at is None:
            assert may
        else:
            ripe = self.now >= self.closed_at + self.period
            probing = self.probed_at is not None and self.now < self.probed_at + PROBE_LIMIT
            assert may == (ripe and not probing)
            self.probed_at = self.now if may else self.probed_at
        if may:
            self.flights.append(self.now)

    @rule(kind=st.sampled_from(["good", "bad", "bad", "bad", "recalled"]), which=st.integers(0, 5))
    def land(self, kind, which):
        if not self.flights:
            return
        sent_at = self.flights.pop(which % len(self.flights))
        news = self.closed_at is None or sent_at > self.closed_at
        if kind == "recalled":
            self.gates.recalled("fcm", "a", sent_at)
            self.probed_at = None if news else self.probed_at
        elif kind == "good":
            self.gates.answered("fcm", "a", sent_at)
            if news:
                self.closed_at, self.strikes, self.period = None, 0, 0.0
        else:
            throttle(self.gates, self.now, sent_at=sent_at)
            self.strikes += news
            if news and (self.closed_at is not None or self.strikes >= STRIKES):
                self.period = min(max(2 * self.period, FIRST_PERIOD), LAST_PERIOD)
                self.closed_at, self.probed_at = self.now, None


TestProbing = Probing.TestCase
TestProbing.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
