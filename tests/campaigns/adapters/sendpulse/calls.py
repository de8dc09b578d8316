"""What SendPulse's document says of each call for web push, and what its answers look like.

Written from "SendPulse service REST API" alone; lines are the document's. Types are those that its clients
need today: numbers, but for `send`.
"""

from typing import Any, NamedTuple


class Documented(NamedTuple):
    """A call.

    Attributes:
        line: Where the document describes it.
        method: HTTP's.
        path: As the document writes it, with ids in braces.
        fields: What it must be given, or may be.
        answer: The type of each member of the answer; a list of one for a list of them.
    """

    line: int
    method: str
    path: str
    fields: dict[str, Any]
    answer: Any


CALLS = (
    Documented(
        69,
        "POST",
        "/oauth/access_token",
        {"grant_type": "client_credentials", "client_id": "{client_id}", "client_secret": "{client_secret}"},
        {"access_token": str, "token_type": str, "expires_in": int},
    ),
    Documented(
        1371,
        "GET",
        "/push/tasks/?limit=10&offset=0",
        {},
        [{"id": int, "title": str, "body": str, "website_id": int, "send_date": str, "status": int}],
    ),
    Documented(1409, "GET", "/push/websites/total", {}, {"total": int}),
    Documented(
        1429,
        "GET",
        "/push/websites/?limit=10&offset=0",
        {},
        [{"id": int, "url": str, "add_date": str, "status": int}],
    ),
    Documented(
        1463, "GET", "/push/websites/{website}/variables", {}, [{"id": int, "name": str, "type": str}]
    ),
    Documented(
        1491,
        "GET",
        "/push/websites/{website}/subscriptions/?limit=10&offset=0",
        {},
        [{"id": int, "browser": str, "lang": str, "variables": list, "status": int}],
    ),
    Documented(1527, "GET", "/push/websites/{website}/subscriptions/total", {}, {"total": int}),
    Documented(
        1549, "POST", "/push/subscriptions/state", {"id": "{subscriber}", "state": 1}, {"result": bool}
    ),
    Documented(
        1574,
        "POST",
        "/push/tasks",
        {
            "title": "Title",
            "website_id": "{website}",
            "body": "Web push notification content",
            "ttl": 3600,
            "link": "https://shop.example/new",
            "filter_lang": "en",
            "filter_browser": "Chrome,Safari",
            "filter": {
                "variable_name": "uname",
                "operator": "or",
                "conditions": [
                    {"condition": "likewith", "value": "a"},
                    {"condition": "notequal", "value": "b"},
                ],
            },
            "stretch_time": 3600,
        },
        {"result": bool, "id": int},
    ),
    Documented(
        1648,
        "GET",
        "/push/tasks/{task}",
        {},
        {
            "id": int,
            "message": {"title": str, "text": str, "link": str},
            "website": str,
            "website_id": int,
            "status": int,
            "send": str,
            "delivered": int,
            "redirect": int,
        },
    ),
)

NEWER = (
    Documented(
        0,
        "GET",
        "/push/websites/info/{website}",
        {},
        {
            "id": int,
            "url": str,
            "status": str,
            "icon": str,
            "add_date": str,
            "total_subscribers": int,
            "unsubscribed": int,
            "subscribers_today": int,
            "active_subscribers": int,
        },
    ),
    Documented(0, "GET", "/push/websites/{website}/code", {}, {"script_url": str, "script_code": str}),
    Documented(
        0,
        "POST",
        "/push/campaigns",
        {"title": "Title", "body": "Text", "ttl": 0},
        {"result": bool, "id": int},
    ),
)
"""Calls that clients make and the document does not have."""
