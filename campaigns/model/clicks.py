"""How a click is counted that no service worker of ours sees: by the page it opens, or by a redirect.

Decides what a notification's URLs become, and where a redirect leads. The token of each recipient is the
variable `t`, which the launcher fills in.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from campaigns.model.problems import FieldProblem
from campaigns.model.site import TrackClicks, origin_of
from campaigns.model.variables import masked
from crypto.errors import PayloadTooLargeError
from worker.push.message import compile_message
from worker.push.template import BadNotificationError
from worker.records.job import SendJob
from worker.records.notification import Action, Notification
from worker.records.recipient import EncodedKeys, Recipient, Subscription
from worker.records.values import Scalar

TOKEN = "{{t}}"  # noqa: S105 - a template
PARAMETER = "_pm"
"""The parameter of a page's URL that holds the token; the page's script reports and removes it."""

Place: TypeAlias = Literal["body"] | int
"""What was clicked: the notification itself, or the number of a button."""

_BUTTONS = 2
_ORIGIN = re.compile(r"(https://[^\x00-\x20/?#\\@{}]+)(?=[/?#]|\Z)", re.IGNORECASE)
_NOBODY = Subscription("", EncodedKeys("", ""))


def as_sent(content: Notification, track_clicks: TrackClicks, public_url: str) -> Notification:
    """Return content as it goes into send jobs: with the recipient's token, and URLs that are counted.

    Our service worker reports the clicks that it sees, unless `data.pushmill.clicks` says that another counts
    them, or nobody.

    Args:
        content: As it is kept.
        track_clicks: How clicks are counted.
        public_url: Of the service, without a slash at its end.
    """
    data = content.data or {}
    given = data.get("pushmill")
    own = {**(given if isinstance(given, dict) else {}), "t": TOKEN}
    if track_clicks is not TrackClicks.PAGE:
        own["clicks"] = track_clicks.value
    return msgspec.structs.replace(
        content,
        url=_tracked(content.url, "body", track_clicks, public_url),
        actions=None
        if content.actions is None
        else [
            msgspec.structs.replace(action, url=_tracked(action.url, number, track_clicks, public_url))
            for number, action in enumerate(content.actions)
        ],
        data={**data, "pushmill": own},
    )


def _tracked(url: str, place: Place, track_clicks: TrackClicks, public_url: str) -> str:
    if track_clicks is TrackClicks.NONE or (place != "body" and place >= _BUTTONS):
        return url
    if track_clicks is TrackClicks.REDIRECT:
        return f"{public_url}/c/{TOKEN}/{place}"
    return with_parameter(url, f"{PARAMETER}={TOKEN}")


def with_parameter(url: str, parameter: str) -> str:
    """Return a template of a URL with one more parameter in its query, before a fragment.

    A URL whose host is not written out stays as it is: nothing may follow a variable that is a whole URL, or
    the worker would percent-encode it.
    """
    if literal_origin(url) is None:
        return url
    plain = masked(url)  # a fallback may have any character
    end = plain.find("#")
    end = len(url) if end < 0 else end
    query = plain.find("?", 0, end)
    joint = "" if plain[end - 1] in "?&" and query >= 0 else "?" if query < 0 else "&"
    return url[:end] + joint + parameter + url[end:]


def literal_origin(url: str) -> str | None:
    """Return the https origin that a template of a URL begins with; None if it is not written out."""
    match = _ORIGIN.match(url)
    return origin_of(match[1]) if match else None


def redirect_problems(
    content: Notification, origins: tuple[str, ...], field: str = "content"
) -> Iterator[FieldProblem]:
    """Find URLs that a redirect may not lead to: it must not become a way to anywhere.

    Args:
        content: The content.
        origins: Those of the site, and those to which it lets redirects lead.
        field: Where the content stands in the request.
    """
    for at, url in (("url", content.url), *_action_urls(content)):
        origin = literal_origin(url)
        if origin is None:
            yield FieldProblem(
                f"{field}.{at}", "must have its scheme and host written out for redirected clicks"
            )
        elif origin not in origins:
            yield FieldProblem(
                f"{field}.{at}", "leads to an origin that is neither the site's nor in its redirect_origins"
            )


def _action_urls(content: Notification) -> Iterator[tuple[str, str]]:
    for number, action in enumerate(content.actions or ()):
        yield f"actions[{number}].url", action.url


def redirect_target(
    content: Notification,
    place: Place,
    *,
    launch_id: str,
    site_id: str,
    recipient_id: str,
    variables: Mapping[str, Scalar | None],
) -> str | None:
    """Return where a redirected click leads, rendered as the worker renders URLs.

    Args:
        content: The launch's, as it is kept.
        place: What was clicked.
        launch_id: As it is spelled in Kafka, as the next two.
        site_id: The launch's site.
        recipient_id: The subscriber.
        variables: The subscriber's attributes.

    Returns:
        An absolute https URL; None if there is none.
    """
    template = _template_at(content, place)
    if template is None or literal_origin(template) is None:
        return None
    job = SendJob(1, launch_id, launch_id, site_id, [], notification=Notification("x", template))
    recipient = Recipient(recipient_id, _NOBODY, dict(variables))
    try:
        rendered: Any = json.loads(compile_message(job).render(recipient))
    except (BadNotificationError, PayloadTooLargeError):
        return None
    return str(rendered["notification"]["navigate"])


def _template_at(content: Notification, place: Place) -> str | None:
    if place == "body":
        return content.url
    actions: list[Action] = content.actions or []
    return actions[place].url if place < len(actions) else None
