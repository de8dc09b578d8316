"""Make a record's deliveries: when each recipient is due, its endpoint, or why it cannot be sent to.

Decides about one record and the pauses of its campaign; knows nothing of what else is in memory.
"""

from typing import Any

from worker.ledger.ledger import Entry
from worker.pipeline.delivery import Delivery
from worker.pipeline.intake import TakenIn
from worker.push.services import EndpointRefusedError, Endpoints
from worker.push.verdict import Settled
from worker.records.outcome import Status
from worker.records.recipient import LaterRecipient, Recipient, Unreadable
from worker.timing.schedule import lapses_at, times

Unsendable = tuple[int, Settled]
"""A recipient's index in its record, and how it ended."""


def make_deliveries(
    taken: TakenIn, entry: Entry[Any, Any], endpoints: Endpoints, shift: float
) -> tuple[list[Delivery], list[Unsendable]]:
    """Work out the times and the endpoint of each recipient that is not settled.

    Args:
        taken: The record.
        entry: Its entry in the ledger.
        endpoints: Decides which endpoints may be sent to.
        shift: Seconds for which its campaign has been paused so far.

    Returns:
        The deliveries and the recipients that cannot become one, each in the record's order.
    """
    job, recipients = taken.job, taken.recipients
    plan = job.plan
    deliveries: list[Delivery] = []
    unsendable: list[Unsendable] = []
    for index in entry.unsettled:
        recipient = recipients[index]
        if isinstance(recipient, Unreadable):
            unsendable.append((index, Settled(Status.INVALID, recipient.flaw)))
            continue
        try:
            endpoint = endpoints.parse(recipient.subscription.endpoint)
            when = times(plan, recipient, index, shift)
            attempts, doubted, keyless_since = _history(recipient)
            lapses = lapses_at(plan, when.due, attempts)
        except EndpointRefusedError:
            unsendable.append((index, Settled(Status.INVALID, "endpoint_not_allowed")))
        except Exception:  # noqa: BLE001 - whatever is in a recipient, it costs only itself
            unsendable.append((index, Settled(Status.REJECTED, "internal_error")))
        else:
            delivery = Delivery(
                *(job, entry, recipient, index, when.number, endpoint),
                *(when.due, when.next, lapses, attempts, doubted, keyless_since),
            )
            deliveries.append(delivery)
    return deliveries, unsendable


def _history(recipient: Recipient) -> tuple[int, bool, float | None]:
    """Return what a tier's record tells: attempts, doubt, and since when a key has been missing."""
    if not isinstance(recipient, LaterRecipient):
        return 0, False, None
    since = recipient.keyless_since
    return recipient.attempts, recipient.doubted, since.timestamp() if since else None
