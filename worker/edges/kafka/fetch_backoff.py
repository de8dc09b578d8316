"""How long to hold an answer back that says nothing new, where a broker does not hold it back itself.

Apache Kafka waits for records, or until `fetch.max.wait.ms` is over, before it answers a fetch. Other brokers
may answer at once, as the embedded one does: asking again at once would keep a core busy for nothing. Knows
neither what is fetched nor how.
"""

from typing import Any

FIRST_SECONDS = 0.001
LONGEST_SECONDS = 0.05
"""The longest delay for a record after a silence. No consumer of ours asks a broker to wait for less, so one
that waits is never held up."""


class FetchBackoff:
    """Of one connection: answers without news take twice as long each time, up to a limit."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def hold(self, answer: Any, took: float) -> float:
        """Return for how many seconds to hold an answer back.

        Args:
            answer: Of any version of Fetch, as aiokafka decodes it.
            took: Seconds from the question to the answer.
        """
        if _has_news(answer):
            self._seconds = 0.0
            return 0.0
        self._seconds = min(max(self._seconds * 2, FIRST_SECONDS), LONGEST_SECONDS)
        return max(self._seconds - took, 0.0)


def _has_news(answer: Any) -> bool:
    return any(error or records for _, partitions in answer.topics for _, error, *_, records in partitions)
