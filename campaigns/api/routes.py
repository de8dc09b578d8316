"""THE table: every route of every adapter, and the documents that are made from it."""

from collections.abc import Sequence
from functools import cache

import msgspec

from campaigns.adapters.messages import JSON, HttpAnswer
from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.own.routes import ROUTES as OWN_ROUTES
from campaigns.adapters.pushary.routes import ROUTES as PUSHARY_ROUTES
from campaigns.adapters.pushpilot.adapter import PREFIX, PUSHPILOT, PushPilotAdapter
from campaigns.adapters.pushpilot.routes import ROUTES as PUSHPILOT_ROUTES
from campaigns.adapters.pushpilot.routes import routes_under
from campaigns.adapters.pushwoosh.routes import ROUTES as PUSHWOOSH_ROUTES
from campaigns.adapters.routes import Call, Handler, Route
from campaigns.adapters.sendpulse.routes import ROUTES as SENDPULSE_ROUTES
from campaigns.adapters.truepush.routes import ROUTES as TRUEPUSH_ROUTES
from campaigns.api import docs_page
from campaigns.api.openapi import document

ADAPTERS: tuple[tuple[Route, ...], ...] = (
    OWN_ROUTES,
    PUSHARY_ROUTES,
    PUSHPILOT_ROUTES,
    PUSHWOOSH_ROUTES,
    SENDPULSE_ROUTES,
    TRUEPUSH_ROUTES,
)
"""The routes of each platform."""


@cache
def routes(public_url: str, pushpilot_prefix: str = PREFIX) -> tuple[Route, ...]:
    """Return all routes.

    Args:
        public_url: Where clients reach the service; the documents name it.
        pushpilot_prefix: Where the paths of PushPilot's API begin.
    """
    rows = [route for adapter in ADAPTERS for route in adapter]
    if pushpilot_prefix != PREFIX:
        moved = routes_under(pushpilot_prefix, PushPilotAdapter(pushpilot_prefix))
        rows = [*(route for route in rows if route.adapter is not PUSHPILOT), *moved]
    return (*rows, *_documents(rows, public_url))


def _documents(rows: Sequence[Route], public_url: str) -> tuple[Route, ...]:
    described = document([route for route in rows if route.adapter is OWN], public_url)
    return (
        _document("getDocument", "/openapi.json", msgspec.json.encode(described), JSON),
        _document("getPage", "/docs", docs_page.page(described).encode(), "text/html; charset=utf-8"),
    )


def _document(name: str, path: str, body: bytes, media_type: str) -> Route:
    return Route(
        adapter=OWN,
        name=name,
        method="GET",
        path=path,
        handle=_constant(body, media_type),
        summary="Describe this API.",
    )


def _constant(body: bytes, media_type: str) -> Handler:
    answer = HttpAnswer(200, body, media_type, docs_page.HEADERS)

    async def handle(_call: Call[object, None]) -> HttpAnswer:
        return answer

    return handle
