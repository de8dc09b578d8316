"""The campaign of a run: part of it due now, part stretched over the run, part due in its second half."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.upstream import moment

SITES = 4
NOW, LATE = 0.2, 0.1
"""Shares of the recipients that are due at once and at three fifths of the run; the others are stretched."""


def recipient_id(number: int) -> str:
    """Return the id of the recipient with the subscription of this number."""
    return f"r{number}"


@dataclass(frozen=True, slots=True)
class Campaign:
    """The recipients of a run, and when they are due.

    Attributes:
        subscriptions: One for each recipient, as `PushSubscription.toJSON()` gives it.
        seconds: How long the run is meant to last.
        per_record: Recipients in a record.
    """

    subscriptions: Sequence[Any]
    seconds: float
    per_record: int = 100

    def records(self, start: float) -> Iterator[bytes]:
        """Yield the jobs as upstream writes them; `start` is now, in seconds since the epoch."""
        total = len(self.subscriptions)
        first_late, first_stretched = int(total * NOW), int(total * (NOW + LATE))
        for first in range(0, total, self.per_record):
            if first < first_late:
                when: dict[str, Any] = {}
            elif first < first_stretched:
                when = {"start_at": moment(start + 0.6 * self.seconds)}
            else:
                part = {"first": first - first_stretched, "total": total - first_stretched}
                when = {"start_at": moment(start), "stretch_time": self.seconds, "slice": part}
            yield self._record(first, when)

    def _record(self, first: int, when: dict[str, Any]) -> bytes:
        part = self.subscriptions[first : first + self.per_record]
        site = first // self.per_record % SITES
        job = {
            "v": 1,
            "job_id": f"j{first}",
            "campaign_id": "chaos",
            "site_id": f"site-{site}",
            "notification": {"title": "Hello {{recipient_id}}", "url": "https://shop.example/"},
            "recipients": [
                {"id": recipient_id(number), "subscription": subscription}
                for number, subscription in enumerate(part, first)
            ],
            **when,
        }
        return json.dumps(job).encode()
