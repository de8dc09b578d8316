"""Whether to believe a push service's 404s and 410s: a sudden jump in their share is a surge.

FCM has had waves of 404 that passed (web-push-php #224, #405); senders that believed them deleted good
subscriptions. Decides on shares alone, for one push service.
"""

from math import exp, inf

RECENT = 100
"""Answers over which the recent share is taken: a jump is noticed after about as many, whatever the rate."""

FAST = 60.0
"""Seconds over which an answer is forgotten: a few now and then prove nothing."""

SLOW = 1800.0
"""Seconds over which a push service's own level is learned: how long a jump counts as a surge."""

USUAL = 0.05
"""The share assumed as a push service's level until it has shown its own."""

JUMP = 0.35
"""How far above the level the recent share must be for a surge."""

CALM = 0.5
"""Fraction of `JUMP`: once the recent share is closer to the level than that, the surge is over."""

TICK = 0.1
"""Seconds: time that passes between answers is accounted for once there is this much of it."""


class SurgeDetector:
    """One push service's level of expirations, and whether there is a surge."""

    def __init__(self) -> None:
        self._share = USUAL
        self._at = -inf
        self.level = USUAL
        self.surging = False

    def note(self, answers: int = 1, *, gone: bool, now: float) -> None:
        """Note answers that came together and all say the same about their subscriptions.

        Args:
            answers: How many.
            gone: Whether they were 404 or 410.
            now: Seconds.
        """
        if not 0 <= now - self._at < TICK:
            self._let_pass(now)
        self._share += (gone - self._share) * (1 - (1 - 1 / RECENT) ** answers)
        self.surging = self._share - self.level >= (JUMP * CALM if self.surging else JUMP)

    def _let_pass(self, now: float) -> None:
        """Account for the time since the last answers: forget them, and learn from them."""
        passed = max(0.0, now - self._at) if self._at > -inf else 0.0
        self._at = now
        # Without news the share returns to the level: silence proves nothing and teaches nothing.
        self._share += (self.level - self._share) * (1 - exp(-passed / FAST))
        # By time, not by number: a thousand bad answers in a second are not a new normal.
        self.level += (self._share - self.level) * (1 - exp(-passed / SLOW))
