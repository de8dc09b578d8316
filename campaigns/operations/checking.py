"""Content, checked with what its site's subscribers have."""

from collections.abc import Mapping

import msgspec

from campaigns.model.content import check_content
from campaigns.model.site import Site, TrackClicks
from campaigns.operations.service import Service
from campaigns.store.attributes import list_attributes
from campaigns.store.database import Connection
from worker.records.notification import Notification


async def checked(
    connection: Connection, service: Service, site: Site, tree: object, track_clicks: TrackClicks
) -> Notification:
    """Read content, and check that it can be sent to a site's subscribers.

    Args:
        connection: A connection.
        service: What operations need.
        site: Whose it is.
        tree: JSON, decoded.
        track_clicks: How its clicks will be counted.

    Raises:
        InvalidError: It cannot; names each field that is wrong.
    """
    attributes = await list_attributes(connection, site.id)
    return check_content(
        tree,
        site=site,
        longest={each.name: each.longest for each in attributes},
        track_clicks=track_clicks,
        public_url=service.public_url,
    )


async def checked_translations(
    connection: Connection,
    service: Service,
    site: Site,
    translations: Mapping[str, object],
    track_clicks: TrackClicks,
) -> dict[str, Notification]:
    """Read content for single languages, by tag, as JSON or as it was read before; see `checked`."""
    return {
        language: await checked(connection, service, site, msgspec.to_builtins(each), track_clicks)
        for language, each in translations.items()
    }
