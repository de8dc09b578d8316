"""What came of messages. The platform answers in two steps: first with a request's id, then with results.

Nothing waits here: the id says what is asked, and the results are counted when they are asked for. They stand
in one interval, that of the launch, since outcomes are counted without their times. Sent is what a push
service took, delivered what a browser has shown, and opened is clicked, each by recipients.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct

from campaigns.adapters.pushwoosh.messages import MessageRequest, message_number
from campaigns.adapters.pushwoosh.words import refused
from campaigns.adapters.routes import Call
from campaigns.model.statistics import Statistics
from campaigns.operations.campaigns import get_campaign
from campaigns.operations.statistics import campaign_statistics

_MESSAGE = "message."
"""What the id of a request begins with that is about a message."""

_HOUR = 3_600
_DAY = 24 * _HOUR
SPANS = ((3 * _HOUR, "minutely"), (_DAY, "hourly"), (31 * _DAY, "daily"), (366 * _DAY, "monthly"))
"""Up to how many seconds between the start and now, and how the platform divides them."""


class ResultsRequest(Struct, frozen=True, kw_only=True):
    """Which results."""

    auth: str | None = None
    request_id: str

    def __repr__(self) -> str:
        return "ResultsRequest(…)"


async def ask(call: Call[Any, MessageRequest]) -> dict[str, str]:
    """Answer with the id of a request for a message's statistics."""
    number = await message_number(call, call.body.message)
    await get_campaign(call.caller, call.service, number)
    return {"request_id": _MESSAGE + call.body.message}


async def get_results(call: Call[Any, ResultsRequest]) -> dict[str, Any]:
    """Answer with the statistics that a request was about."""
    kind, _, code = call.body.request_id.partition(".")
    if f"{kind}." != _MESSAGE:
        raise refused("request_id", "is none that this service has given")
    number = await message_number(call, code)
    view = await get_campaign(call.caller, call.service, number)
    counted = await campaign_statistics(call.caller, call.service, number)
    start = view.launches[0].start_at if view.launches else view.campaign.created_at
    return {
        "formatter": _formatter(start, call.now),
        "rows": [
            {"datetime": f"{start:%Y-%m-%d %H:%M:%S}", "action": action, "count": count}
            for action, count in counts(counted).items()
            if count
        ],
        "conversion": {**counts(counted), "events": []},
    }


def counts(counted: Statistics) -> dict[str, int]:
    """Return how many were sent, shown and clicked."""
    return {"send": counted.accepted, "delivery": counted.shown.first, "open": counted.clicked_anywhere}


def _formatter(start: datetime, now: datetime) -> str:
    seconds = (now - start).total_seconds()
    return next((word for most, word in SPANS if seconds <= most), "yearly")
