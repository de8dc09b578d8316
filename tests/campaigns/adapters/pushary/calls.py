"""What Pushary's document says of each call, and what its answers look like, by the document's headings.

Written from "REST API Reference" alone. A type may be several; NoneType is null.
"""

from types import NoneType
from typing import Any, NamedTuple

NUMBER = (int, float)
TEXT_OR_NULL = (str, NoneType)


class Documented(NamedTuple):
    """A call.

    Attributes:
        heading: Where the document describes it.
        method: HTTP's.
        path: Behind the base URL, with ids in braces.
        fields: What it is given in the document.
        answer: The type of each member of the answer; a list of one for a list of them.
        status: HTTP's.
    """

    heading: str
    method: str
    path: str
    fields: dict[str, Any]
    answer: Any
    status: int = 200


SUBSCRIBER = {
    **dict.fromkeys(("id", "siteId", "status", "createdAt", "updatedAt"), str),
    **dict.fromkeys(("externalId", "browser", "os", "country"), TEXT_OR_NULL),
    "tags": list,
}
CAMPAIGN = {
    **dict.fromkeys(("id", "name", "title", "body", "status", "createdAt"), str),
    **dict.fromkeys(("totalTargeted", "totalSent", "totalDelivered", "totalClicked"), int),
}
TEMPLATE = {
    **dict.fromkeys(("id", "name", "title", "body", "createdAt", "updatedAt"), str),
    **dict.fromkeys(("iconUrl", "imageUrl", "actionUrl"), TEXT_OR_NULL),
}
DONE = {"success": bool}


def page(item: dict[str, Any]) -> dict[str, Any]:
    return {"data": [item], "hasMore": bool, "nextCursor": TEXT_OR_NULL}


CALLS = (
    Documented(
        "POST /send",
        "POST",
        "/send",
        {
            "title": "New Message",
            "body": "You have a new notification",
            "url": "https://example.com/messages",
        },
        {"success": bool, "campaignId": str, "sent": int, "limits": {"remaining": int, "limit": int}},
    ),
    Documented("List Subscribers", "GET", "/subscribers?status=active&limit=50", {}, page(SUBSCRIBER)),
    Documented("Get Subscriber", "GET", "/subscribers/{subscriber}", {}, SUBSCRIBER),
    Documented(
        "Update Subscriber",
        "PATCH",
        "/subscribers/{subscriber}",
        {"tags": ["premium", "early-access"], "externalId": "user_456", "customData": {"plan": "pro"}},
        SUBSCRIBER,
    ),
    Documented("Delete Subscriber", "DELETE", "/subscribers/{subscriber}", {}, DONE),
    Documented(
        "Get Subscriber Count",
        "GET",
        "/subscribers/count",
        {},
        {"total": int, "active": int, "unsubscribed": int},
    ),
    Documented("List Campaigns", "GET", "/campaigns?limit=20", {}, page(CAMPAIGN)),
    Documented(
        "Create Campaign",
        "POST",
        "/campaigns",
        {
            "name": "Product Launch",
            "title": "New Feature Available!",
            "body": "Check out our latest update",
            "actionUrl": "https://example.com/new-feature",
        },
        CAMPAIGN,
        201,
    ),
    Documented("Get Campaign", "GET", "/campaigns/{campaign}", {}, CAMPAIGN),
    Documented(
        "Update Campaign",
        "PATCH",
        "/campaigns/{campaign}",
        {"title": "Updated Title", "body": "Updated body text"},
        CAMPAIGN,
    ),
    Documented("Delete Campaign", "DELETE", "/campaigns/{campaign}", {}, DONE),
    Documented("Send Campaign", "POST", "/campaigns/{campaign}/send", {}, CAMPAIGN),
    Documented("Pause Campaign", "POST", "/campaigns/{sending}/pause", {}, CAMPAIGN),
    Documented("Resume Campaign", "POST", "/campaigns/{paused}/resume", {}, CAMPAIGN),
    Documented(
        "Get Campaign Stats",
        "GET",
        "/campaigns/{campaign}/stats",
        {},
        dict.fromkeys(
            (
                *("totalSent", "totalDelivered", "totalClicked", "totalFailed"),
                *("deliveryRate", "clickRate"),
            ),
            NUMBER,
        ),
    ),
    Documented("List Templates", "GET", "/templates", {}, page(TEMPLATE)),
    Documented(
        "Create Template",
        "POST",
        "/templates",
        {
            "name": "Order Confirmation",
            "title": "Order Confirmed!",
            "body": "Your order #{{orderId}} has been confirmed",
            "actionUrl": "https://example.com/orders/{{orderId}}",
        },
        TEMPLATE,
        201,
    ),
    Documented("Get Template", "GET", "/templates/{template}", {}, TEMPLATE),
    Documented(
        "Update Template",
        "PATCH",
        "/templates/{template}",
        {"title": "Updated Title", "body": "Updated body with {{variable}}"},
        TEMPLATE,
    ),
    Documented("Delete Template", "DELETE", "/templates/{template}", {}, DONE),
)

FLOWS = {
    ("GET", "/flows"): 200,
    ("POST", "/flows"): 403,
    ("GET", "/flows/{flow}"): 404,
    ("PATCH", "/flows/{flow}"): 404,
    ("DELETE", "/flows/{flow}"): 404,
    ("POST", "/flows/{flow}/activate"): 404,
    ("POST", "/flows/{flow}/pause"): 404,
}
"""Calls that the document has and that are not here: how each is answered."""
