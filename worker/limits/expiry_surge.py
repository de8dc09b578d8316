"""Whether a push service's 404s and 410s are believed: a sudden jump of their share is an incident there.

FCM has had waves of 404 that passed again (web-push-php #224, #405); whoever believed them deleted good
subscriptions. Decides on shares alone, for one push service.
"""

from math import exp, inf

RECENT = 100
"""Answers over which the present share is taken, so that a jump costs about as many, whatever the rate."""

FAST = 60.0
"""Seconds over which an answer is forgotten: a few now and then conclude nothing."""

SLOW = 1800.0
"""Seconds over which a push service's own level is learned: how long a jump is taken for an incident."""

USUAL = 0.05
"""The share that is taken as a push service's level until it has shown its own."""

JUMP = 0.35
"""An incident: the present share is so much above the level."""

CALM = 0.5
"""Of a jump: closer to the level than that, the incident is over."""

TICK = 0.1
"""Seconds: what passes between two answers is reckoned with once so much has come together."""


class SurgeDetector:
    """One push service's level of expirations, and whether there is an incident."""

    def __init__(self) -> None:
        self._share = USUAL
        self._at = -inf
        self.level = USUAL
        self.incident = False

    def note(self, answers: int = 1, *, gone: bool, now: float) -> None:
        """Note answers that came together, and each say the same about a subscription.

        Args:
            answers: How many.
            gone: Whether they were 404s or 410s.
            now: Seconds.
        """
        if not 0 <= now - self._at < TICK:
            self._let_pass(now)
        self._share += (gone - self._share) * (1 - (1 - 1 / RECENT) ** answers)
        self.incident = self._share - self.level >= (JUMP * CALM if self.incident else JUMP)

    def _let_pass(self, now: float) -> None:
        """Reckon with the time since the last answers: forget them, and learn from them."""
        passed = max(0.0, now - self._at) if self._at > -inf else 0.0
        self._at = now
        # Without news the share goes back to the level: nothing is concluded, or learned, from silence.
        self._share += (self.level - self._share) * (1 - exp(-passed / FAST))
        # By time and not by number: a thousand bad answers in a second are no new normal.
        self.level += (self._share - self.level) * (1 - exp(-passed / SLOW))
