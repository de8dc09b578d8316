"""Whether a push service's 404s and 410s are believed: a sudden jump of their share is an incident there.

FCM has had waves of 404 that passed again (web-push-php #224, #405); whoever believed them deleted good
subscriptions. Decides on shares alone, for one push service.
"""

from math import exp

FAST = 15.0
"""Seconds over which the present share is taken."""

SLOW = 1800.0
"""Seconds over which a push service's own level is learned: how long a jump is taken for an incident."""

USUAL = 0.05
"""The share that is taken as a push service's level until it has shown its own."""

EVIDENCE = 50.0
"""Answers in the present share, below which nothing is concluded from it."""

FACTOR, LEAST = 4.0, 0.3
"""A jump: the present share is so many times the level, and at least so much."""

CALM = 0.5
"""Of a jump's share: below it, the incident is over."""


class Guard:
    """One push service's level of expirations, and whether there is an incident."""

    def __init__(self) -> None:
        self._answers = 0.0
        self._gone = 0.0
        self._at: float | None = None
        self.level = USUAL
        self.incident = False

    def note(self, *, gone: bool, now: float) -> None:
        """Note an answer that says something about a subscription.

        Args:
            gone: Whether it was a 404 or 410.
            now: Seconds.
        """
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        fade = exp(-passed / FAST)
        self._answers = self._answers * fade + 1
        self._gone = self._gone * fade + gone
        if self._answers >= EVIDENCE:
            self._conclude(self._gone / self._answers, passed)

    def _conclude(self, share: float, passed: float) -> None:
        jump = max(LEAST, FACTOR * self.level)
        self.incident = share >= (jump * CALM if self.incident else jump)
        # By time and not by number: a thousand bad answers in a second are no new normal.
        self.level += (share - self.level) * (1 - exp(-passed / SLOW))
