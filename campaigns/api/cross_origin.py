"""What browsers ask before a page of another origin may call (WHATWG Fetch, "CORS protocol")."""

from collections.abc import Mapping

from campaigns.adapters.messages import HttpAnswer, HttpRequest
from campaigns.adapters.routes import Route

MAX_AGE_SECONDS = 600
"""How long a browser may remember an answer; Chromium keeps none longer than two hours."""


def is_preflight(request: HttpRequest) -> bool:
    """Whether a browser asks in a page's stead."""
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers


def asked_method(request: HttpRequest) -> str:
    """Return the method that the page is about to use."""
    return request.headers["access-control-request-method"]


def headers(origin: str, *, allowed: bool, credentials: bool = False) -> Mapping[str, str]:
    """Return what an answer tells the browser; without these headers it hides the answer from the page.

    Args:
        origin: Where the page is from.
        allowed: Whether it may call.
        credentials: Whether its script asks with credentials, as `Route.credentials` says.
    """
    if not allowed:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
        **({"Access-Control-Allow-Credentials": "true"} if credentials else {}),
    }


def refusal_headers(request: HttpRequest, route: Route) -> Mapping[str, str]:
    """Return what lets a page read that its address has called too often, and when it may call again.

    Any page may: this says nothing of a site, and to look up whose page it is would cost what is limited.
    """
    origin = request.headers.get("origin")
    if route.origin is None or origin is None:
        return {}
    return headers(origin, allowed=True, credentials=route.credentials)


def is_refused(request: HttpRequest, route: Route, origin_headers: Mapping[str, str]) -> bool:
    """Whether a page calls that may not. Browsers say from where they come; other programs need not."""
    asked = route.origin is not None and "origin" in request.headers
    return asked and "Access-Control-Allow-Origin" not in origin_headers


def preflight(request: HttpRequest, route: Route, origin_headers: Mapping[str, str]) -> HttpAnswer:
    """Answer a browser that asks whether a page may call a route."""
    if "Access-Control-Allow-Origin" not in origin_headers:
        return HttpAnswer(204, headers=origin_headers)
    more = {
        "Access-Control-Allow-Methods": route.method,
        "Access-Control-Allow-Headers": request.headers.get("access-control-request-headers", ""),
        "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
    }
    return HttpAnswer(204, headers={**origin_headers, **more})
