"""What an answer of a push service means for the recipient: settled, or to be tried again."""

from dataclasses import dataclass

from worker.records.outcome import Status


@dataclass(frozen=True, slots=True)
class Settled:
    """A final verdict: nothing more will be tried for this recipient.

    Attributes:
        status: The final status.
        detail: A short stable word (`gone`, `key_mismatch`, …), or None where the status says it all.
    """

    status: Status
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A verdict that asks for another attempt.

    Attributes:
        reason: A short stable word, also the metric's label (`throttled`, `timeout`, …).
        throttled: Whether the push service asked to be spared (429, 406 from WNS, 503), which closes gates
            and lowers concurrency limits.
    """

    reason: str
    throttled: bool = False


Verdict = Settled | TryAgain
SENT = Settled(Status.SENT)
