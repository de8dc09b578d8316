"""The calls of Pushwoosh's API from servers, below `/json/1.3/`; those from devices are in `device_routes`.

Source of the calls: the platform's pages of its API, by the name of each; `seed` is its overview.
"""

from collections.abc import Callable, Mapping
from typing import Any

from campaigns.adapters.pushwoosh import (
    applications,
    filters,
    message_lists,
    messages,
    presets,
    statistics,
    tag_lists,
)
from campaigns.adapters.pushwoosh.adapter import PUSHWOOSH
from campaigns.adapters.pushwoosh.applications import ApplicationRequest
from campaigns.adapters.pushwoosh.device_routes import DEVICE_ROUTES
from campaigns.adapters.pushwoosh.filters import CompileRequest, FilterRequest
from campaigns.adapters.pushwoosh.message_lists import CodeRequest, ListRequest
from campaigns.adapters.pushwoosh.messages import CreateMessageRequest, MessageRequest
from campaigns.adapters.pushwoosh.presets import PresetName, PresetRequest
from campaigns.adapters.pushwoosh.second_adapter import SECOND
from campaigns.adapters.pushwoosh.statistics import ResultsRequest
from campaigns.adapters.pushwoosh.tag_lists import TagRequest
from campaigns.adapters.refusals import Reason, RefusedError
from campaigns.adapters.routes import Call, Handler, Route
from campaigns.model.scope import Permission

MESSAGES_A_MINUTE = 600
"""Source: the platform's overview, "Rate Limits"."""

REPEAT_KEYS: Mapping[str, Callable[[Any], str | None]] = {
    "createMessage": messages.repeat_key_of,
    "createTargetedMessage": messages.targeted_repeat_key_of,
}
"""The calls that a client may repeat safely. Source: email-api, `transactionId`, kept for a day."""


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
        repeat_key=REPEAT_KEYS.get(name),
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
FILTERS = (  # filters, segmentation-language; compileFilter: pypushwoosh 0.3.1
    _server("createFilter", filters.create, _P.SEND, FilterRequest, "Add a filter."),
    _server("listFilters", filters.list_all, _P.READ, FilterRequest, "List filters."),
    _server("deleteFilter", filters.delete, _P.SEND, FilterRequest, "Delete a filter."),
    _server("compileFilter", filters.compile_filter, _P.READ, CompileRequest, "Count whom one means."),
)
TAGS = (  # tags
    _server("addTag", tag_lists.add, _P.SEND, TagRequest, "Announce a tag."),
    _server("listTags", tag_lists.list_all, _P.READ, TagRequest, "List tags."),
)
PRESETS = (  # presets
    _server("createPreset", presets.create, _P.SEND, PresetRequest, "Add a preset."),
    _server("getPreset", presets.get, _P.READ, PresetName, "Tell a preset."),
    _server("listPresets", presets.list_all, _P.READ, PresetName, "List an application's presets."),
    _server("deletePreset", presets.delete, _P.SEND, PresetName, "Delete a preset."),
)


async def not_here(_call: Call[Any, Any]) -> None:
    """Refuse a call that the platform has, and this service has not."""
    raise RefusedError(Reason.CONFLICT, "This method is not known here.")


LEFT_OUT = tuple(
    _server(name, not_here, _P.READ, dict[str, Any], "Say that this is not known here.")
    for name in (
        *("getPushHistory", "getMessageLog", "getMsgPlatformsStats", "getAppStats", "getCampaignStats"),
        *("deleteTag", "deleteApplication", "configureApplication"),
    )
)


def _second(
    name: str, path: str, handle: Handler, permission: Permission, *, request: Any, summary: str
) -> Route:
    return Route(
        adapter=SECOND,
        name=name,
        method="POST",
        path=path,
        handle=handle,
        summary=summary,
        permission=permission,
        request=request,
        media_types=(),
        token_in_body=True,
    )


SECOND_ROUTES = (  # message-statistics, statistics-api-v2, messaging-api-v2
    _second(
        "messages:list",
        "/api/v2/messages:list",
        message_lists.list_all,
        _P.READ,
        request=ListRequest,
        summary="List an application's messages.",
    ),
    _second(
        "totalsByIntervals",
        "/api/v2/statistics/messages/totalsByIntervals",
        message_lists.totals,
        _P.READ,
        request=CodeRequest,
        summary="Tell what came of a message.",
    ),
    _second(
        "cancel",
        "/messaging/v2/cancel",
        message_lists.cancel,
        _P.SEND,
        request=CodeRequest,
        summary="Cancel a message.",
    ),
    _second(
        "notify",
        "/messaging/v2/notify",
        not_here,
        _P.SEND,
        request=dict[str, Any],
        summary="Say that this is not known here.",
    ),
)

ROUTES: tuple[Route, ...] = (
    *(*MESSAGES, *STATISTICS, *APPLICATIONS, *FILTERS, *TAGS, *PRESETS),
    *(*LEFT_OUT, *DEVICE_ROUTES, *SECOND_ROUTES),
)
