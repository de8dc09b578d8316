"""The rows of PushPilot's API, in the order of its document; the sections are those of PushPilot API (1.0.0).

It shows neither methods nor paths: campaigns/adapters/README.md tells where these come from. A website or a
campaign that is not there, or is another account's, is 404.
"""

from functools import partial
from typing import NamedTuple

from campaigns.adapters.pushpilot import campaigns, websites
from campaigns.adapters.pushpilot.adapter import PREFIX, PUSHPILOT, Envelope, PushPilotAdapter
from campaigns.adapters.pushpilot.words import CampaignChange, NewCampaign
from campaigns.adapters.routes import Route
from campaigns.model.scope import Permission
from campaigns.operations import steering

ONE = "/campaigns/{campaign}"

_read = partial(Route, permission=Permission.READ, answer=Envelope)
_send = partial(Route, permission=Permission.SEND, answer=Envelope)
_change = partial(_send, handle=campaigns.change, request=CampaignChange, summary="Change a campaign.")


class Row(NamedTuple):
    """A row before it is known where the paths begin: all that a `Route` needs, but adapter and path."""

    path: str
    route: partial[Route]


ROWS = (
    Row(  # "List websites"
        "/websites",
        partial(
            _read,
            name="listWebsites",
            method="GET",
            handle=websites.list_all,
            summary="List the websites of the key.",
        ),
    ),
    Row(  # "List campaigns"
        "/campaigns",
        partial(
            _read,
            name="listCampaigns",
            method="GET",
            handle=campaigns.list_all,
            summary="List campaigns, by a part of their names.",
            query=campaigns.ListQuery,
        ),
    ),
    Row(  # "Create a campaign"
        "/campaigns",
        partial(
            _send,
            name="createCampaign",
            method="POST",
            handle=campaigns.create,
            summary="Make a draft.",
            request=NewCampaign,
            status=201,
        ),
    ),
    Row(  # "Get a campaign"
        ONE,
        partial(_read, name="getCampaign", method="GET", handle=campaigns.get, summary="Show a campaign."),
    ),
    # "Update a campaign", by either method.
    Row(ONE, partial(_change, name="updateCampaign", method="PUT")),
    Row(ONE, partial(_change, name="patchCampaign", method="PATCH")),
    Row(  # "Delete a campaign": the only sample is a failure's, so a success has no body
        ONE,
        partial(
            Route,
            name="deleteCampaign",
            method="DELETE",
            handle=campaigns.delete,
            summary="Delete a campaign.",
            permission=Permission.SEND,
            status=204,
        ),
    ),
    Row(  # "Launch a campaign"
        f"{ONE}/launch",
        partial(
            _send,
            name="launchCampaign",
            method="POST",
            handle=campaigns.action(steering.launch_or_resume, "Campaign launched successfully"),
            summary="Launch a draft, or let a paused campaign go on.",
        ),
    ),
    Row(  # "Pause a campaign"
        f"{ONE}/pause",
        partial(
            _send,
            name="pauseCampaign",
            method="POST",
            handle=campaigns.action(steering.pause_recurring, "Campaign set to pause"),
            summary="Pause a campaign that recurs.",
        ),
    ),
    Row(  # "Copy a campaign"
        f"{ONE}/copy",
        partial(
            _send,
            name="copyCampaign",
            method="POST",
            handle=campaigns.copy,
            summary="Make a draft like another campaign.",
            query=campaigns.CopyQuery,
        ),
    ),
)


def routes_under(prefix: str, adapter: PushPilotAdapter) -> tuple[Route, ...]:
    """Return all rows, with paths that begin with a prefix.

    Args:
        prefix: With a slash at its beginning, and none at its end.
        adapter: One of this prefix.
    """
    return tuple(row.route(adapter=adapter, path=prefix + row.path) for row in ROWS)


ROUTES = routes_under(PREFIX, PUSHPILOT)
