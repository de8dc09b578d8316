"""The calls of Pushwoosh's API from servers, below `/json/1.3/`; those from devices are in `device_routes`.

Source of the calls: the platform's pages of its API, by the name of each; `seed` is its overview.
"""

from typing import Any

from campaigns.adapters.pushwoosh import applications, messages, statistics
from campaigns.adapters.pushwoosh.adapter import PUSHWOOSH
from campaigns.adapters.pushwoosh.applications import ApplicationRequest
from campaigns.adapters.pushwoosh.device_routes import DEVICE_ROUTES
from campaigns.adapters.pushwoosh.messages import CreateMessageRequest, MessageRequest
from campaigns.adapters.pushwoosh.statistics import ResultsRequest
from campaigns.adapters.routes import Handler, Route
from campaigns.model.scope import Permission

MESSAGES_A_MINUTE = 600
"""Source: the platform's overview, "Rate Limits"."""


def _server(name: str, handle: Handler, permission: Permission, request: Any, summary: str) -> Route:
    return Route(
        adapter=PUSHWOOSH,
        name=name,
        method="POST",
        path=f"/json/1.3/{name}",
        handle=handle,
        summary=summary,
        permission=permission,
        request=request,
        media_types=(),
        token_in_body=True,
        requests_a_minute=MESSAGES_A_MINUTE if name == "createMessage" else None,
    )


_P = Permission

MESSAGES = (  # messages-api
    _server("createMessage", messages.create, _P.SEND, CreateMessageRequest, "Send messages, now or later."),
    _server(
        "createTargetedMessage",
        messages.create_targeted,
        _P.SEND,
        dict[str, Any],
        "Send a message to whom an expression means.",
    ),
    _server("getMessageDetails", messages.get_details, _P.READ, MessageRequest, "Tell a message."),
    _server("deleteMessage", messages.delete, _P.SEND, MessageRequest, "Take a message back."),
)
STATISTICS = (  # statistics-api-v1, scheduled-requests
    _server("getMsgStats", statistics.ask, _P.READ, MessageRequest, "Ask for a message's statistics."),
    _server("getResults", statistics.get_results, _P.READ, ResultsRequest, "Get what was asked for."),
)
APPLICATIONS = (  # applications
    _server("createApplication", applications.create, _P.SITES, ApplicationRequest, "Add an application."),
    _server("updateApplication", applications.update, _P.SITES, ApplicationRequest, "Rename an application."),
    _server("getApplication", applications.get, _P.READ, ApplicationRequest, "Tell an application."),
    _server("getApplications", applications.list_all, _P.READ, ApplicationRequest, "List applications."),
)

ROUTES: tuple[Route, ...] = (*MESSAGES, *STATISTICS, *APPLICATIONS, *DEVICE_ROUTES)
