"""Whether one site's 404s and 410s at one push service have suddenly become far more than usual: a surge.

Decides on shares alone, and tells a jump from a level; what a surge means is for `doubt.py`.
"""

from math import exp, inf

RECENT = 100
"""Answers over which the recent share is taken: a jump is noticed after about as many, whatever the rate."""

FAST = 60.0
"""Seconds over which an answer is forgotten: a few now and then prove nothing."""

SLOW = 1800.0
"""Seconds over which a level is learned from answers: how long a jump counts as a surge, at most."""

CONFIRMED = 20
"""Expirations confirmed by a second look that make the share of a surge the new level."""

USUAL = 0.05
"""The share assumed as the level until a site has shown its own."""

JUMP = 0.35
"""How far above the level the recent share must be for a surge."""

CALM = 0.5
"""Fraction of `JUMP`: once the recent share is closer to the level than that, the surge is over."""

TICK = 0.1
"""Seconds: time that passes between answers is accounted for once there is this much of it."""


class SurgeDetector:
    """One site's level of expirations at one push service, and whether there is a surge.

    Attributes:
        level: The share of 404 and 410 that is usual for the site.
        surging: Whether the recent share is far above the level.
        known: Whether the level is the site's own: it has had `RECENT` answers, and was calm after them.
        heard_at: When answers were noted last, seconds; minus infinity before the first ones.
    """

    __slots__ = ("_answers", "_peak", "_share", "heard_at", "known", "level", "surging")

    def __init__(self) -> None:
        self._share = USUAL
        self._peak = USUAL
        self._answers = 0.0
        self.heard_at = -inf
        self.level = USUAL
        self.known = False
        self.surging = False

    @property
    def answers(self) -> float:
        """Answers noted lately: each counts for less as time passes, by a factor of e in `FAST` seconds."""
        return self._answers

    @property
    def raised(self) -> bool:
        """Whether the recent share is well above the level, though perhaps not far enough for a surge."""
        return self._share - self.level >= JUMP * CALM

    def note(self, answers: int = 1, *, gone: bool, now: float) -> None:
        """Note answers that came together and all say the same about their subscriptions.

        Args:
            answers: How many.
            gone: Whether they were 404 or 410.
            now: Seconds.
        """
        if not 0 <= now - self.heard_at < TICK:
            self._let_pass(now)
        self._answers += answers
        self._share = towards(self._share, float(gone), answers, RECENT)
        self._conclude()
        if not self.known:
            self.known = self._answers >= RECENT and not self.raised

    def confirm(self, answers: int = 1) -> None:
        """Learn that subscriptions called gone in a surge were still gone at a second look."""
        self.level = towards(self.level, self._peak, answers, CONFIRMED)
        self._conclude()

    def _conclude(self) -> None:
        surging = self._share - self.level >= (JUMP * CALM if self.surging else JUMP)
        if surging:
            self._peak = max(self._peak, self._share) if self.surging else self._share
        self.surging = surging

    def _let_pass(self, now: float) -> None:
        """Account for the time since the last answers: forget them, and learn from them."""
        passed = max(0.0, now - self.heard_at) if self.heard_at > -inf else 0.0
        self.heard_at = now
        forgotten = exp(-passed / FAST)
        self._answers *= forgotten
        # Without news the share returns to the level: silence proves nothing and teaches nothing.
        self._share += (self.level - self._share) * (1 - forgotten)
        # By time, not by number: a thousand bad answers in a second are not a new normal.
        self.level += (self._share - self.level) * (1 - exp(-passed / SLOW))


def towards(share: float, target: float, answers: int, over: int) -> float:
    """Move a share towards a target by a number of answers, `over` of which move it two thirds of the way."""
    return share + (target - share) * (1 - (1 - 1 / over) ** answers)
