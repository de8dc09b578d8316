"""What browsers report, and the links and pictures of notifications, in the words of the own API."""

from contextlib import suppress
from typing import Any, Literal

from campaigns.adapters.messages import HttpAnswer
from campaigns.adapters.routes import Call
from campaigns.adapters.service import EventsLostError
from campaigns.model.events import read_events
from campaigns.operations import pictures, reports

PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
IMMUTABLE = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
_BUTTONS: dict[str, Literal[0, 1] | None] = {"body": None, "0": 0, "1": 1}


async def take_events(call: Call[Any, bytes]) -> None:
    """Take what a browser reports; answered when Kafka has it."""
    service = call.service
    events = read_events(call.body)
    records = await reports.records_of(service, service.launches, events, call.now)
    service.count_foreign(len(events) - len(records))
    if records:
        await service.write_events(records)


async def redirect(call: Call[Any, None]) -> HttpAnswer:
    """Send a browser on to where its click leads. A click that cannot be counted leads there all the same."""
    button = _BUTTONS[call.parameters["button"]]
    click = await reports.follow(call.service, call.parameters["token"], button, call.now)
    if call.request.method == "GET":  # a HEAD is somebody's check of a link
        with suppress(EventsLostError):
            await call.service.write_events([click.event])
    return HttpAnswer(302, headers={**PRIVATE, "Location": click.url})


async def get_picture(call: Call[Any, None]) -> HttpAnswer:
    """Answer with a picture that was uploaded."""
    picture = await pictures.get_picture(call.service, call.parameters["hash"])
    return HttpAnswer(200, picture.body, picture.media_type, IMMUTABLE)
