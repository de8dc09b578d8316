"""The rows of Pushary's server API: "REST API Reference" by its headings, https://pushary.com/docs/server-sdk."""

from functools import partial

from campaigns.adapters.pushary import campaigns, flows, sends, subscribers, templates
from campaigns.adapters.pushary.adapter import PUSHARY
from campaigns.adapters.pushary.campaigns import CampaignAnswer, CampaignChange, CampaignRequest, StatsAnswer
from campaigns.adapters.pushary.sends import SendAnswer, SendRequest
from campaigns.adapters.pushary.subscribers import (
    CountAnswer,
    SubscriberAnswer,
    SubscriberChange,
    SubscribersQuery,
)
from campaigns.adapters.pushary.templates import TemplateAnswer, TemplateChange, TemplateRequest
from campaigns.adapters.pushary.wire import Done, ListAnswer, ListQuery
from campaigns.adapters.routes import Handler, Route
from campaigns.model.scope import Permission

BASE = "/api/v1/server"

_row = partial(Route, adapter=PUSHARY, media_types=(), loose=True)
_get = partial(_row, method="GET", permission=Permission.READ)
_post = partial(_row, method="POST", permission=Permission.SEND)
_patch = partial(_row, method="PATCH", permission=Permission.SEND)
_delete = partial(_row, method="DELETE", permission=Permission.SEND)


def _action(name: str, summary: str, handle: Handler) -> Route:
    path = f"{BASE}/campaigns/{{campaign}}/{name}"
    return _post(name=f"{name}Campaign", path=path, handle=handle, summary=summary, answer=CampaignAnswer)


SENDS = (
    _post(  # Send Notifications
        name="send",
        path=f"{BASE}/send",
        handle=sends.send,
        summary="Send a notification.",
        request=SendRequest,
        answer=SendAnswer,
        repeat_key=sends.repeat_key,
        say_again=sends.say_again,
    ),
)

SUBSCRIBERS = (
    _get(  # List Subscribers
        name="listSubscribers",
        path=f"{BASE}/subscribers",
        handle=subscribers.list_all,
        summary="List subscribers.",
        query=SubscribersQuery,
        answer=ListAnswer[SubscriberAnswer],
    ),
    _get(  # Get Subscriber Count
        name="countSubscribers",
        path=f"{BASE}/subscribers/count",
        handle=subscribers.count,
        summary="Count subscribers.",
        answer=CountAnswer,
    ),
    _get(  # Get Subscriber
        name="getSubscriber",
        path=f"{BASE}/subscribers/{{subscriber}}",
        handle=subscribers.get,
        summary="Get a subscriber.",
        answer=SubscriberAnswer,
    ),
    _patch(  # Update Subscriber
        name="changeSubscriber",
        path=f"{BASE}/subscribers/{{subscriber}}",
        handle=subscribers.change,
        summary="Change a subscriber.",
        permission=Permission.SUBSCRIBERS,
        request=SubscriberChange,
        answer=SubscriberAnswer,
    ),
    _delete(  # Delete Subscriber
        name="deleteSubscriber",
        path=f"{BASE}/subscribers/{{subscriber}}",
        handle=subscribers.delete,
        summary="Erase a subscriber.",
        permission=Permission.SUBSCRIBERS,
        answer=Done,
    ),
)

CAMPAIGNS = (
    _get(  # List Campaigns
        name="listCampaigns",
        path=f"{BASE}/campaigns",
        handle=campaigns.list_all,
        summary="List campaigns.",
        query=ListQuery,
        answer=ListAnswer[CampaignAnswer],
    ),
    _post(  # Create Campaign
        name="createCampaign",
        path=f"{BASE}/campaigns",
        handle=campaigns.create,
        summary="Make a campaign.",
        request=CampaignRequest,
        answer=CampaignAnswer,
        status=201,
    ),
    _get(  # Get Campaign
        name="getCampaign",
        path=f"{BASE}/campaigns/{{campaign}}",
        handle=campaigns.get,
        summary="Get a campaign.",
        answer=CampaignAnswer,
    ),
    _patch(  # Update Campaign
        name="changeCampaign",
        path=f"{BASE}/campaigns/{{campaign}}",
        handle=campaigns.change,
        summary="Change a campaign.",
        request=CampaignChange,
        answer=CampaignAnswer,
    ),
    _delete(  # Delete Campaign
        name="deleteCampaign",
        path=f"{BASE}/campaigns/{{campaign}}",
        handle=campaigns.delete,
        summary="Delete a campaign that is not under way.",
        answer=Done,
    ),
    _action("send", "Send a campaign now.", campaigns.send),
    _action("pause", "Pause a campaign that has begun.", campaigns.pause),
    _action("resume", "Let a paused campaign go on.", campaigns.resume),
    _get(  # Get Campaign Stats
        name="getStats",
        path=f"{BASE}/campaigns/{{campaign}}/stats",
        handle=campaigns.stats,
        summary="Get what came of a campaign.",
        answer=StatsAnswer,
    ),
)

TEMPLATES = (
    _get(  # List Templates
        name="listTemplates",
        path=f"{BASE}/templates",
        handle=templates.list_all,
        summary="List templates.",
        query=ListQuery,
        answer=ListAnswer[TemplateAnswer],
    ),
    _post(  # Create Template
        name="createTemplate",
        path=f"{BASE}/templates",
        handle=templates.create,
        summary="Make a template.",
        request=TemplateRequest,
        answer=TemplateAnswer,
        status=201,
    ),
    _get(  # Get Template
        name="getTemplate",
        path=f"{BASE}/templates/{{template}}",
        handle=templates.get,
        summary="Get a template.",
        answer=TemplateAnswer,
    ),
    _patch(  # Update Template
        name="changeTemplate",
        path=f"{BASE}/templates/{{template}}",
        handle=templates.change,
        summary="Change a template.",
        request=TemplateChange,
        answer=TemplateAnswer,
    ),
    _delete(  # Delete Template
        name="deleteTemplate",
        path=f"{BASE}/templates/{{template}}",
        handle=templates.delete,
        summary="Delete a template.",
        answer=Done,
    ),
)


def _no_flow(make: partial[Route], name: str, path: str = "") -> Route:
    return make(
        name=name,
        path=f"{BASE}/flows/{{flow}}{path}",
        handle=flows.missing,
        summary="Say that there is no such flow.",
        answer=Done,
    )


FLOWS = (
    _get(  # List Flows
        name="listFlows",
        path=f"{BASE}/flows",
        handle=flows.list_all,
        summary="List flows, of which there are none.",
        query=flows.FlowsQuery,
        answer=ListAnswer[Done],
    ),
    _post(  # Create Flow
        name="createFlow",
        path=f"{BASE}/flows",
        handle=flows.create,
        summary="Refuse to make a flow.",
        answer=Done,
    ),
    _no_flow(_get, "getFlow"),  # Get Flow
    _no_flow(_patch, "changeFlow"),  # Update Flow
    _no_flow(_delete, "deleteFlow"),  # Delete Flow
    _no_flow(_post, "activateFlow", "/activate"),  # Activate Flow
    _no_flow(_post, "pauseFlow", "/pause"),  # Pause Flow
)

ROUTES = (*SENDS, *SUBSCRIBERS, *CAMPAIGNS, *TEMPLATES, *FLOWS)
"""Every call."""
