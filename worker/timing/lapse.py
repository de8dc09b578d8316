"""Why a message lapsed: it waited here, attempts used its life up, or its life was over when it came.

Decides from times alone; knows nothing of where a recipient waited.
"""

from math import inf

from worker.push.verdict import Settled
from worker.records.outcome import Status
from worker.records.recipient import Recipient
from worker.timing.schedule import Plan, times

LATE = Settled(Status.LAPSED, "late")
RETRIED = Settled(Status.LAPSED, "retried")
PRODUCED_LATE = Settled(Status.LAPSED, "produced_late")


def why_lapsed(
    plan: Plan, recipient: Recipient, index: int, *, lapses: float, attempts: int, came_at: float
) -> Settled:
    """Say why a recipient whose message has lapsed was not sent to.

    Args:
        plan: The plan of its job.
        recipient: The recipient.
        index: Its index in the record.
        lapses: The moment after which its message is no longer sent.
        attempts: Requests made so far.
        came_at: When its job came to Kafka, minus infinity if it has been waiting here ever since; like
            `lapses` in seconds since the epoch.
    """
    if attempts:
        return RETRIED
    return PRODUCED_LATE if lapses < came_at or _never_lives(plan, recipient, index, came_at) else LATE


def _never_lives(plan: Plan, recipient: Recipient, index: int, came_at: float) -> bool:
    """Whether a job's `not_after` lies before the recipient's due time, even if it was never paused."""
    return came_at > -inf and times(plan, recipient, index).due > plan.not_after
