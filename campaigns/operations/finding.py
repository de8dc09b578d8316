"""What is asked for, or the problem that there is no such thing within the scope."""

from typing import TypeVar

from campaigns.model.campaign import Campaign
from campaigns.model.ids import LaunchId
from campaigns.model.launch import Launch
from campaigns.model.problems import NotFoundError
from campaigns.model.scope import Scope
from campaigns.model.segment import Segment
from campaigns.model.site import Site
from campaigns.model.subscriber import Subscriber
from campaigns.model.template import Template
from campaigns.store.campaigns import find_campaign
from campaigns.store.database import Connection
from campaigns.store.launches import find_launch
from campaigns.store.segments import find_segment
from campaigns.store.sites import find_site
from campaigns.store.subscribers import find_subscriber
from campaigns.store.templates import find_template

Found = TypeVar("Found")


def there(found: Found | None, what: str) -> Found:
    """Return what was found.

    Raises:
        NotFoundError: Nothing was.
    """
    if found is None:
        raise NotFoundError(what)
    return found


async def the_site(connection: Connection, scope: Scope, number: int) -> Site:
    """Find a site, or raise NotFoundError."""
    return there(await find_site(connection, scope, number), "site")


async def the_subscriber(
    connection: Connection, scope: Scope, number: int, *, to_change: bool = False
) -> Subscriber:
    """Find a subscriber, or raise NotFoundError; `to_change` keeps others from it in this transaction."""
    return there(await find_subscriber(connection, scope, number, to_change=to_change), "subscriber")


async def the_segment(connection: Connection, scope: Scope, number: int) -> Segment:
    """Find a segment, or raise NotFoundError."""
    return there(await find_segment(connection, scope, number), "segment")


async def the_template(connection: Connection, scope: Scope, number: int) -> Template:
    """Find a template, or raise NotFoundError."""
    return there(await find_template(connection, scope, number), "template")


async def the_campaign(
    connection: Connection, scope: Scope, number: int, *, to_change: bool = False
) -> Campaign:
    """Find a campaign, or raise NotFoundError; `to_change` keeps others from it in this transaction."""
    return there(await find_campaign(connection, scope, number, to_change=to_change), "campaign")


async def the_launch(connection: Connection, scope: Scope, launch_id: LaunchId) -> Launch:
    """Find a launch, or raise NotFoundError."""
    return there(await find_launch(connection, scope, launch_id), "launch")
