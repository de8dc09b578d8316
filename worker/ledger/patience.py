"""How long a checkpoint waits for Kafka to acknowledge it, before the process must end without flushing.

Waiting costs nothing while the partitions may still be this process's own: the lease has run out, so nothing
is sent. Ending would repeat whatever the checkpoint covers. Decides from times alone; knows nothing of Kafka,
or of what is waited for.
"""

from math import inf

OUTAGE_LIMIT = 300.0
"""Seconds that Kafka has to acknowledge records, or a commit, while the partitions may still be ours.

Longer than most outages. It does end, since only a restart cures a process that hangs.
"""

ANSWER_LIMIT = 30.0
"""Seconds that Kafka has to acknowledge records of partitions that are lost, or beyond a drain's time."""


class Patience:
    """When waiting for Kafka ends. Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._lost = False
        self._until = inf

    def begin(self) -> None:
        """Wait as long as an outage lasts again: partitions have been assigned."""
        self._lost = False

    def lose(self) -> None:
        """Wait only briefly for records: other workers own the partitions by now."""
        self._lost = True

    def end_at(self, when: float) -> None:
        """Wait for nothing beyond `when`: the process has to stop."""
        self._until = min(self._until, when)

    def deadline(self, asked_at: float, *, records: bool) -> float:
        """Return when to stop waiting for Kafka's acknowledgement.

        Args:
            asked_at: When Kafka was asked for it.
            records: Whether it is asked for records, which land whenever a broker wakes, whoever owns the
                partitions by then. A commit does no harm: it will be refused.
        """
        return min(self._until, asked_at + (ANSWER_LIMIT if self._lost and records else OUTAGE_LIMIT))

    @property
    def reason(self) -> str:
        """Why waiting ended, as the end of a sentence; empty if an outage lasted too long."""
        if self._lost:
            return ", and the partitions are lost"
        return ", and the process has to stop" if self._until < inf else ""
