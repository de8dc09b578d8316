"""The rows of Truepush's API, in the order of its document, whose headings stand beside them.

Where it names two paths for a call, both are served.
"""

from functools import partial
from typing import Any

from campaigns.adapters.routes import Route
from campaigns.adapters.truepush import campaigns, templates, triggers, words
from campaigns.adapters.truepush.adapter import TRUEPUSH
from campaigns.adapters.truepush.words import answering
from campaigns.model.scope import Permission

Envelope = dict[str, Any]

_ANY: tuple[str, ...] = ()
"""Bodies are JSON, whatever the header says: the samples leave it out here and there."""

_row = partial(Route, adapter=TRUEPUSH, answer=Envelope, media_types=_ANY)
_read = partial(_row, method="GET", permission=Permission.READ)
_post = partial(_row, method="POST", permission=Permission.SEND)
_put = partial(_row, method="PUT", permission=Permission.SEND)
_delete = partial(_row, method="DELETE", permission=Permission.SEND)

ROUTES: tuple[Route, ...] = (
    _post(  # "1. Create Campaign"
        name="createCampaign",
        path="/api/v1/createCampaign",
        handle=answering(words.CREATE_CAMPAIGN, campaigns.create),
        summary="Make and launch a campaign.",
        request=campaigns.NewCampaign,
    ),
    _put(  # "2. Cancel Campaign": its table says GET of the id, its curl PUT
        name="cancelCampaign",
        path="/api/v1/cancelCampaign/{campaign}",
        handle=answering(words.CANCEL_CAMPAIGN, campaigns.cancel),
        summary="Cancel a campaign of which nothing is sent yet.",
    ),
    _read(  # "3. Campaign Stats"
        name="campaignStats",
        path="/api/v1/campaignStats/{campaign}",
        handle=answering(words.CAMPAIGN_STATS, campaigns.stats),
        summary="Tell what came of a campaign.",
    ),
    _read(  # "4. List Segments"
        name="listSegment",
        path="/api/v1/listSegment/{page}",
        handle=answering(words.LIST_SEGMENT, templates.list_segments),
        summary="List segments.",
    ),
    _delete(  # "5. Delete Segment"
        name="deleteSegment",
        path="/api/v1/deleteSegment/{segment}",
        handle=answering(words.DELETE_SEGMENT, templates.delete_segment),
        summary="Delete a segment.",
    ),
    _post(  # "6. Create Template"
        name="createTemplate",
        path="/api/v1/createTemplate",
        handle=answering(words.CREATE_TEMPLATE, templates.create),
        summary="Add a template.",
        request=templates.NewTemplate,
    ),
    _delete(  # "7. Delete Template"
        name="deleteTemplate",
        path="/api/v1/deleteTemplate/{template}",
        handle=answering(words.DELETE_TEMPLATE, templates.delete),
        summary="Delete a template.",
    ),
    _read(  # "8. List Template"
        name="listTemplate",
        path="/api/v1/listTemplate/{page}",
        handle=answering(words.LIST_TEMPLATE, templates.list_page),
        summary="List templates.",
    ),
    _post(  # "9.Create Trigger": its heading has a slash at the end, its curl has none
        name="createTrigger",
        path="/api/v1/createTrigger",
        handle=answering(words.CREATE_TRIGGER, triggers.create),
        summary="Make a trigger.",
        request=triggers.NewTrigger,
        loose=True,
    ),
    _delete(  # "10. Delete Trigger": so its curl
        name="deleteTrigger",
        path="/api/v1/deleteTrigger/{trigger}",
        handle=answering(words.DELETE_TRIGGER, triggers.delete),
        summary="Delete a trigger.",
    ),
    _delete(  # "10. Delete Trigger": so its heading
        name="deleteListedTrigger",
        path="/api/v1/listTrigger/{trigger}",
        handle=answering(words.DELETE_TRIGGER, triggers.delete),
        summary="Delete a trigger.",
    ),
    _read(  # "11. List Trigger"
        name="listTrigger",
        path="/api/v1/listTrigger/{page}",
        handle=answering(words.LIST_TRIGGER, triggers.list_page),
        summary="List triggers.",
    ),
    _put(  # "12. Change Trigger Status"
        name="triggerStatus",
        path="/api/v1/triggerStatus/{trigger}",
        handle=answering(words.TRIGGER_STATUS, triggers.set_status),
        summary="Let a trigger go on, or stop it until then.",
        request=triggers.NewStatus,
    ),
    _read(  # "13. List Campaigns"
        name="listCampaign",
        path="/api/v1/listCampaign/{page}",
        handle=answering(words.LIST_CAMPAIGN, campaigns.list_page),
        summary="List campaigns.",
    ),
)
