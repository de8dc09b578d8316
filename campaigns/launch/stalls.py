"""How long launches that might be written have not been.

Decides what counts as standing still; knows neither why it does, nor how a launch is written. Times are
seconds since the epoch.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Look(NamedTuple):
    """What is seen of a launch that is being written.

    Attributes:
        launch: Its number.
        cursor: How far it has come.
        idle_since: Since when nothing has been written of it, although nobody wanted it to wait.
        may_write_at: When its next chunk may be written; infinity while only outcomes can make room for it.
    """

    launch: int
    cursor: int
    idle_since: float
    may_write_at: float


class _Stand(NamedTuple):
    """Where a launch stood at a look, and since when it stands still; None if it waits for its time."""

    cursor: int
    since: float | None


class Stalls:
    """The launches whose next chunk may be written, and since when each of them has waited for a launcher.

    When outcomes make room is written down nowhere: such a launch stands still from the first look at which
    there is room. All else follows from what is seen, so that a process that begins anew knows as much.
    """

    def __init__(self) -> None:
        self._stands: dict[int, _Stand] = {}

    def longest(self, looks: Iterable[Look], now: float) -> float:
        """Note what is seen, and return for how many seconds the launch has stood still that has longest.

        Args:
            looks: Of each launch that is to be written; one that is missing has ended, or is paused.
            now: The time.
        """
        self._stands = {each.launch: _Stand(each.cursor, self._since(each, now)) for each in looks}
        return max((now - since for _, since in self._stands.values() if since is not None), default=0.0)

    def _since(self, look: Look, now: float) -> float | None:
        if look.may_write_at > now:
            return None
        known = min(max(look.idle_since, look.may_write_at), now)
        before = self._stands.get(look.launch)
        if before is None or before.cursor != look.cursor:
            return known
        return now if before.since is None else max(before.since, known)
