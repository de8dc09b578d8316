"""What browsers report of a push, and where a redirected click leads; the push's token is all they show."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct

from campaigns.model.attribute import as_variable
from campaigns.model.clicks import Place, redirect_target
from campaigns.model.content import translation_for, variables_of
from campaigns.model.events import BrowserEvent, EventKind, EventRecord, event_record
from campaigns.model.formats import formatted
from campaigns.model.ids import Kind, LaunchId, spell
from campaigns.model.launch import Launch
from campaigns.model.secrets import Purpose
from campaigns.model.tokens import RecipientToken, read_recipient_token
from campaigns.operations.finding import there
from campaigns.operations.service import Service
from campaigns.store.database import Connection
from campaigns.store.reported import find_reported_launch
from campaigns.store.subscribers import find_subscriber_of_site


class Click(Struct, frozen=True):
    """A redirected click: where it leads, and what is to be reported of it."""

    url: str
    event: EventRecord

    def __repr__(self) -> str:
        return "Click(…)"


class KnownLaunch(Struct, frozen=True):
    """What never changes about a launch.

    Attributes:
        id: As Kafka spells it.
        site: Whose it is.
        started_at: When it was made: no event can be older.
    """

    id: LaunchId
    site: int
    started_at: datetime


class KnownLaunches:
    """The launches that browsers have reported of lately: most reports are of a few."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._known: dict[int, KnownLaunch] = {}

    async def find(self, service: Service, number: int) -> KnownLaunch | None:
        """Return a launch; asks the database for one that is not known yet."""
        if number not in self._known:
            async with service.begin() as connection:
                launch = await find_reported_launch(connection, number)
            if launch is None:
                return None
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[number] = _known(launch)
        return self._known[number]


def _known(launch: Launch) -> KnownLaunch:
    return KnownLaunch(LaunchId(launch.id, launch.nonce), launch.site, launch.created_at)


async def records_of(
    service: Service, launches: KnownLaunches, events: Iterable[BrowserEvent], now: datetime
) -> list[EventRecord]:
    """Return what goes into Kafka of a report; an event whose token is not ours is left out.

    Args:
        service: What operations need.
        launches: Those that are known already.
        events: As the browser reported them.
        now: When the report came in.
    """
    records = []
    for event in events:
        token = _read(service, event.t)
        launch = await launches.find(service, token.launch) if token else None
        if token is not None and launch is not None:
            records.append(_record(event, launch, token.subscriber, now))
    return records


async def follow(service: Service, text: str, button: Literal[0, 1] | None, now: datetime) -> Click:
    """Follow a redirected click.

    Args:
        service: What operations need.
        text: The push's token.
        button: The number of the button that was clicked; None for the notification itself.
        now: The moment.

    Raises:
        NotFoundError: The token is not ours, or its push has no such button.
    """
    token = there(_read(service, text), "link")
    async with service.begin() as connection:
        launch = there(await find_reported_launch(connection, token.launch), "link")
        place: Place = "body" if button is None else button
        url = there(await _target(connection, launch, token.subscriber, place), "link")
    clicked = BrowserEvent(text, EventKind.CLICKED, now, button)
    return Click(url, _record(clicked, _known(launch), token.subscriber, now))


async def _target(connection: Connection, launch: Launch, subscriber: int, place: Place) -> str | None:
    found = await find_subscriber_of_site(connection, launch.site, subscriber)
    attributes = (found.profile.attributes if found else None) or {}
    content = translation_for(found.profile.language if found else None, launch.content, launch.translations)
    return redirect_target(
        content,
        place,
        launch_id=launch.launch_id,
        site_id=spell(Kind.SITE, launch.site),
        recipient_id=spell(Kind.SUBSCRIBER, subscriber),
        variables={
            **{name: as_variable(value) for name, value in attributes.items()},
            **formatted(variables_of(content), attributes),
        },
    )


def _read(service: Service, text: str) -> RecipientToken | None:
    return read_recipient_token(service.secrets.keys(Purpose.RECIPIENT_TOKEN), text)


def _record(event: BrowserEvent, launch: KnownLaunch, subscriber: int, now: datetime) -> EventRecord:
    return event_record(
        event,
        site=launch.site,
        launch=launch.id,
        subscriber=subscriber,
        started_at=launch.started_at,
        received_at=now,
    )
