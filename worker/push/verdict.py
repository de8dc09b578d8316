"""What a push service's answer means for the recipient: settled, or to be tried again."""

from dataclasses import dataclass

from worker.records.outcome import Status


@dataclass(frozen=True, slots=True)
class Settled:
    """A final verdict: no further attempt is made for this recipient.

    Attributes:
        status: The final status.
        detail: A short stable word (`gone`, `key_mismatch`, …), or None if the status says it all.
    """

    status: Status
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """A verdict that calls for another attempt.

    Attributes:
        reason: A short stable word (`throttled`, `timeout`, …), also used as a metric label.
        throttled: Whether the push service asked for fewer requests (429, 406 from WNS, 503), which closes
            gates and lowers concurrency limits.
    """

    reason: str
    throttled: bool = False


Verdict = Settled | TryAgain
SENT = Settled(Status.SENT)
