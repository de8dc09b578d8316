"""PushPilot's notification and its query parameters, read into content and said again.

Its document hides the notification's fields; campaigns/adapters/README.md tells what is taken. What is not
known is kept and told again, and shown nowhere.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from campaigns.model.problems import invalid
from worker.records.notification import Notification

KNOWN = frozenset({"title", "body", "icon", "image", "badge", "url", "link", "actions", "buttons"})
_SAME = ("title", "body", "icon", "image", "badge")
_PLACEHOLDERS = "{}|"


def content_tree(notification: Mapping[str, Any], query: Mapping[str, str], site_url: str) -> dict[str, Any]:
    """Return a notification as content, JSON as in a send job.

    Args:
        notification: As it came.
        query: Parameters that every URL gets.
        site_url: Opened by a notification without a URL.

    Raises:
        InvalidError: Its buttons are none.
    """
    tree = {name: notification[name] for name in _SAME if notification.get(name) is not None}
    url = _first(notification, "url", "link") or site_url
    buttons = _first(notification, "actions", "buttons")
    if buttons:
        tree["actions"] = [*_actions(buttons, url, query)]
    return {**tree, "url": with_query(url, query) if isinstance(url, str) else url}


def notification_tree(content: Notification) -> dict[str, Any]:
    """Return content as a notification, for campaigns that were not made here."""
    tree = {name: getattr(content, name) for name in _SAME if getattr(content, name) is not None}
    actions = [{"title": each.title, "url": each.url} for each in content.actions or ()]
    return {**tree, "url": content.url, **({"actions": actions} if actions else {})}


def with_query(url: str, query: Mapping[str, str]) -> str:
    """Return a URL with more parameters in its query; placeholders in them stay placeholders."""
    if not query:
        return url
    base, mark, fragment = url.partition("#")
    added = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in query.items())
    joint = "" if base.endswith(("?", "&")) else "&" if "?" in base else "?"
    return f"{base}{joint}{added}{mark}{fragment}"


def _quoted(text: str) -> str:
    return quote(text, safe=_PLACEHOLDERS)


def _first(notification: Mapping[str, Any], *names: str) -> Any:
    return next((notification[name] for name in names if notification.get(name)), None)


def _actions(buttons: object, url: object, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    if not isinstance(buttons, list):
        raise invalid("content.actions", "must be a list of buttons, each with title and url")
    for number, button in enumerate(buttons):
        if not isinstance(button, dict):
            raise invalid(f"content.actions[{number}]", "must be an object with title and url")
        leads_to = button.get("url") or url
        tracked = with_query(leads_to, query) if isinstance(leads_to, str) else leads_to
        yield {"action": f"button-{number}", "title": button.get("title"), "url": tracked}
