"""What other platforms' service workers read, made of a notification: templates of a send job's payload.

Decides the members of each form; knows no recipient. Values of variables go in as they are, in URLs, too.
"""

import re
from typing import Any

from campaigns.model.clicks import TOKEN
from worker.records.notification import Action, Notification
from worker.records.values import encode_json

INSTEAD = "data"
"""The member that this worker reads in place of all others, where there is one."""

_BUTTONS = 2
_ENTITY = re.compile("&(?=(?:amp|lt|gt|quot|#39);)")
"""What this worker would take for the beginning of an entity in a URL."""


def pushwoosh_payload(content: Notification) -> dict[str, Any]:
    """Return content as the service worker of npm web-push-notifications 3.55 reads it.

    `p` is what it reports deliveries and clicks with: the recipient's token. It copies whatever it does not
    know into the options of `showNotification`, and makes a `tag` of its own.

    Args:
        content: As it is kept: its URLs are not counted by redirects, since this worker reports each click.
    """
    data = dict(content.data or {})
    data.pop("pushmill", None)
    root = data.pop(ROOT, None)
    members = {
        "p": TOKEN,
        "header": content.title,
        "body": content.body,
        "l": _ENTITY.sub("&amp;", content.url),
        "i": content.icon,
        "image": content.image,
        "badge": content.badge,
        "buttons": [_button(each) for each in (content.actions or ())[:_BUTTONS]] or None,
        "u": encode_json(data).decode() if data else None,
        "requireInteraction": content.require_interaction,
        "renotify": content.renotify,
        "vibrate": content.vibrate,
        "lang": content.lang,
        "dir": content.dir,
    }
    given = {name: value for name, value in members.items() if value is not None}
    below = root if isinstance(root, dict) else {}
    return {**{name: value for name, value in below.items() if name != INSTEAD}, **given}


ROOT = "pushwoosh_root"
"""The member of a notification's data whose members go to the top of the payload."""


def _button(action: Action) -> dict[str, Any]:
    return {"title": action.title, "url": action.url}
