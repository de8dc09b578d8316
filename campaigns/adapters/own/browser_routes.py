"""The rows of the own API that need no credential: what pages, service workers and notifications ask."""

from campaigns.adapters.messages import JSON
from campaigns.adapters.own import assets, reports, sites, subscribers
from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.own.subscribers import SubscribeAnswer, SubscribeRequest, UnsubscribeRequest
from campaigns.adapters.routes import Route

BROWSERS = (
    Route(
        adapter=OWN,
        name="subscribe",
        method="POST",
        path="/v1/sites/{site}/subscribers",
        handle=subscribers.subscribe,
        summary="Subscribe a browser, or confirm that it is subscribed. For pages of the site.",
        request=SubscribeRequest,
        answer=SubscribeAnswer,
        status=201,
        origin=sites.allows_origin,
        limit="subscribe",
    ),
    Route(
        adapter=OWN,
        name="unsubscribe",
        method="POST",
        path="/v1/sites/{site}/subscribers/unsubscribe",
        handle=subscribers.unsubscribe,
        summary="Unsubscribe a browser. For pages of the site.",
        request=UnsubscribeRequest,
        status=204,
        origin=sites.allows_origin,
        limit="subscribe",
    ),
    Route(
        adapter=OWN,
        name="reportEvents",
        method="POST",
        path="/v1/events",
        handle=reports.take_events,
        summary="Report what became of pushes in a browser: at most 50 events, 16 KiB. For service workers.",
        request=bytes,
        status=204,
        media_types=("text/plain", JSON),
        origin=sites.allows_any_origin,
        limit="events",
    ),
    Route(
        adapter=OWN,
        name="followClick",
        method="GET",
        path="/c/{token}/{button}",
        handle=reports.redirect,
        summary="Follow a click that is counted by a redirect.",
        status=302,
        limit="open",
    ),
    Route(
        adapter=OWN,
        name="getPicture",
        method="GET",
        path="/i/{hash}",
        handle=reports.get_picture,
        summary="Get a picture that was uploaded for a notification.",
        limit="open",
    ),
    Route(
        adapter=OWN,
        name="getScript",
        method="GET",
        path="/sdk/{file}",
        handle=assets.get_sdk_file,
        summary="Get a script for pages or service workers.",
        limit="open",
    ),
)
