"""The rows of the own API: what customers' programs ask. `browser_routes` has what browsers do."""

from functools import partial

from campaigns.adapters.own import campaigns, credentials, segments, sites, subscribers, templates
from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.own.browser_routes import BROWSERS
from campaigns.adapters.own.campaign_wire import (
    CampaignAnswer,
    CampaignChange,
    CampaignRequest,
    SendAnswer,
    SendRequest,
    TestRequest,
)
from campaigns.adapters.own.credentials import CredentialAnswer, CredentialRequest, NewCredentialAnswer
from campaigns.adapters.own.lists import ListAnswer, ListQuery
from campaigns.adapters.own.segments import (
    AttributesAnswer,
    PreviewAnswer,
    PreviewRequest,
    SegmentAnswer,
    SegmentChange,
    SegmentRequest,
)
from campaigns.adapters.own.sites import NewSiteAnswer, SiteAnswer, SiteChange, SiteRequest
from campaigns.adapters.own.subscribers import (
    SubscriberAnswer,
    SubscriberChange,
    SubscribersQuery,
)
from campaigns.adapters.own.templates import TemplateAnswer, TemplateChange, TemplateRequest
from campaigns.adapters.routes import Handler, Route
from campaigns.model.scope import Permission
from campaigns.model.statistics import Statistics
from campaigns.operations import campaigns as operations

_READ, _SEND, _SITES = Permission.READ, Permission.SEND, Permission.SITES
_SUBSCRIBERS, _ADMIN = Permission.SUBSCRIBERS, Permission.ADMIN

_get = partial(Route, adapter=OWN, method="GET", permission=_READ)
_post = partial(Route, adapter=OWN, method="POST", permission=_SEND)
_create = partial(Route, adapter=OWN, method="POST", permission=_SEND, status=201)
_change = partial(Route, adapter=OWN, method="PATCH", permission=_SEND)
_delete = partial(Route, adapter=OWN, method="DELETE", permission=_SEND, status=204)


def _action(name: str, summary: str, handle: Handler) -> Route:
    path = f"/v1/campaigns/{{campaign}}/{name}"
    return _post(name=f"{name}Campaign", path=path, handle=handle, summary=summary, answer=CampaignAnswer)


SITES = (
    _create(
        name="createSite",
        path="/v1/sites",
        handle=sites.create,
        summary="Add a site, with a key of its own.",
        permission=_SITES,
        request=SiteRequest,
        answer=NewSiteAnswer,
    ),
    _get(
        name="listSites",
        path="/v1/sites",
        handle=sites.list_all,
        summary="List sites.",
        query=ListQuery,
        answer=ListAnswer[SiteAnswer],
    ),
    _get(
        name="getSite",
        path="/v1/sites/{site}",
        handle=sites.get,
        summary="Get a site.",
        answer=SiteAnswer,
    ),
    _change(
        name="changeSite",
        path="/v1/sites/{site}",
        handle=sites.change,
        summary="Change a site.",
        permission=_SITES,
        request=SiteChange,
        answer=SiteAnswer,
    ),
)

CREDENTIALS = (
    _create(
        name="createCredential",
        path="/v1/credentials",
        handle=credentials.create,
        summary="Make a credential; its key is shown this once.",
        permission=_ADMIN,
        request=CredentialRequest,
        answer=NewCredentialAnswer,
    ),
    _get(
        name="listCredentials",
        path="/v1/credentials",
        handle=credentials.list_all,
        summary="List credentials.",
        permission=_ADMIN,
        query=ListQuery,
        answer=ListAnswer[CredentialAnswer],
    ),
    _delete(
        name="deleteCredential",
        path="/v1/credentials/{credential}",
        handle=credentials.delete,
        summary="Revoke a credential: it works no longer than five seconds.",
        permission=_ADMIN,
    ),
)

SUBSCRIBERS = (
    _get(
        name="listSubscribers",
        path="/v1/sites/{site}/subscribers",
        handle=subscribers.list_all,
        summary="List a site's subscribers.",
        query=SubscribersQuery,
        answer=ListAnswer[SubscriberAnswer],
    ),
    _get(
        name="getSubscriber",
        path="/v1/subscribers/{subscriber}",
        handle=subscribers.get,
        summary="Get a subscriber.",
        answer=SubscriberAnswer,
    ),
    _change(
        name="changeSubscriber",
        path="/v1/subscribers/{subscriber}",
        handle=subscribers.change,
        summary="Change what is known of a subscriber.",
        permission=_SUBSCRIBERS,
        request=SubscriberChange,
        answer=SubscriberAnswer,
    ),
    _delete(
        name="deleteSubscriber",
        path="/v1/subscribers/{subscriber}",
        handle=subscribers.delete,
        summary="Erase a subscriber, and all that leads to it.",
        permission=_SUBSCRIBERS,
    ),
)

SEGMENTS = (
    _create(
        name="createSegment",
        path="/v1/sites/{site}/segments",
        handle=segments.create,
        summary="Add a segment.",
        request=SegmentRequest,
        answer=SegmentAnswer,
    ),
    _get(
        name="listSegments",
        path="/v1/sites/{site}/segments",
        handle=segments.list_all,
        summary="List a site's segments.",
        query=ListQuery,
        answer=ListAnswer[SegmentAnswer],
    ),
    _post(
        name="previewSegment",
        path="/v1/sites/{site}/segments/preview",
        handle=segments.preview,
        summary="Count who would be in a segment.",
        permission=_READ,
        request=PreviewRequest,
        answer=PreviewAnswer,
    ),
    _get(
        name="getSegment",
        path="/v1/segments/{segment}",
        handle=segments.get,
        summary="Get a segment.",
        answer=SegmentAnswer,
    ),
    _change(
        name="changeSegment",
        path="/v1/segments/{segment}",
        handle=segments.change,
        summary="Change a segment.",
        request=SegmentChange,
        answer=SegmentAnswer,
    ),
    _delete(
        name="deleteSegment",
        path="/v1/segments/{segment}",
        handle=segments.delete,
        summary="Delete a segment.",
    ),
    _get(
        name="listAttributes",
        path="/v1/sites/{site}/attributes",
        handle=segments.list_attributes,
        summary="List the attributes that a site's subscribers have.",
        answer=AttributesAnswer,
    ),
)

TEMPLATES = (
    _create(
        name="createTemplate",
        path="/v1/sites/{site}/templates",
        handle=templates.create,
        summary="Add a template.",
        request=TemplateRequest,
        answer=TemplateAnswer,
    ),
    _get(
        name="listTemplates",
        path="/v1/sites/{site}/templates",
        handle=templates.list_all,
        summary="List a site's templates.",
        query=ListQuery,
        answer=ListAnswer[TemplateAnswer],
    ),
    _get(
        name="getTemplate",
        path="/v1/templates/{template}",
        handle=templates.get,
        summary="Get a template.",
        answer=TemplateAnswer,
    ),
    _change(
        name="changeTemplate",
        path="/v1/templates/{template}",
        handle=templates.change,
        summary="Change a template; campaigns made with it stay as they are.",
        request=TemplateChange,
        answer=TemplateAnswer,
    ),
    _delete(
        name="deleteTemplate",
        path="/v1/templates/{template}",
        handle=templates.delete,
        summary="Delete a template.",
    ),
)

CAMPAIGNS = (
    _create(
        name="createCampaign",
        path="/v1/sites/{site}/campaigns",
        handle=campaigns.create,
        summary="Make a campaign, as a draft.",
        request=CampaignRequest,
        answer=CampaignAnswer,
    ),
    _get(
        name="listCampaigns",
        path="/v1/sites/{site}/campaigns",
        handle=campaigns.list_all,
        summary="List a site's campaigns, the newest first.",
        query=campaigns.CampaignsQuery,
        answer=ListAnswer[CampaignAnswer],
    ),
    _get(
        name="getCampaign",
        path="/v1/campaigns/{campaign}",
        handle=campaigns.get,
        summary="Get a campaign.",
        answer=CampaignAnswer,
    ),
    _change(
        name="changeCampaign",
        path="/v1/campaigns/{campaign}",
        handle=campaigns.change,
        summary="Change a campaign that is not launched yet.",
        request=CampaignChange,
        answer=CampaignAnswer,
    ),
    _delete(
        name="deleteCampaign",
        path="/v1/campaigns/{campaign}",
        handle=campaigns.delete,
        summary="Delete a campaign, and what came of it.",
    ),
    _action(
        "launch",
        "Launch a campaign: at once, or when its time comes.",
        campaigns.action(operations.launch_campaign),
    ),
    _action("pause", "Stop a campaign until it is resumed.", campaigns.action(operations.pause_campaign)),
    _action(
        "resume", "Let a paused campaign go on where it was.", campaigns.action(operations.resume_campaign)
    ),
    _action("cancel", "Stop a campaign for good.", campaigns.action(operations.cancel_campaign)),
    _create(
        name="copyCampaign",
        path="/v1/campaigns/{campaign}/copy",
        handle=campaigns.action(operations.copy_campaign),
        summary="Make a draft like another campaign.",
        answer=CampaignAnswer,
    ),
    _post(
        name="testCampaign",
        path="/v1/campaigns/{campaign}/test",
        handle=campaigns.test,
        summary="Send a campaign's content to a few, whatever its status.",
        request=TestRequest,
        answer=SendAnswer,
    ),
    _get(
        name="getCampaignStatistics",
        path="/v1/campaigns/{campaign}/statistics",
        handle=campaigns.campaign_statistics,
        summary="Get what came of a campaign: the sum of its launches.",
        answer=Statistics,
    ),
    _get(
        name="getLaunchStatistics",
        path="/v1/launches/{launch}/statistics",
        handle=campaigns.launch_statistics,
        summary="Get what came of a launch.",
        answer=Statistics,
    ),
    _post(
        name="send",
        path="/v1/sites/{site}/send",
        handle=campaigns.send,
        summary="Send content to at most 1,000 subscribers, at once.",
        request=SendRequest,
        answer=SendAnswer,
    ),
)

ROUTES: tuple[Route, ...] = (*SITES, *CREDENTIALS, *SUBSCRIBERS, *SEGMENTS, *TEMPLATES, *CAMPAIGNS, *BROWSERS)
"""Every route under `/v1/`, and what browsers load."""
