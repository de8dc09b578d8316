"""The notification of a send job, as it crosses the wire: a template for all recipients."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from worker.records.values import Count, Moment

Milliseconds = Annotated[float, Meta(ge=0)] | Annotated[int, Meta(ge=0)]


class Action(Struct, frozen=True, omit_defaults=True):
    """A button of a notification; `title` and `url` are templates."""

    action: str
    title: str
    url: str
    icon: str | None = None


class Notification(Struct, frozen=True, omit_defaults=True):
    """What is shown, its texts as templates (`{{name|fallback}}`).

    Attributes:
        title: A template; if it ends up empty, the recipient is `rejected`.
        url: Opened by a click. A template whose values are percent-encoded; must end up absolute https.
        icon: Absolute https, `data:` or relative; left out if it ends up as anything else.
        image: As `icon`.
        badge: As `icon`.
        actions: Buttons.
        tag: Replaces a shown notification with the same tag.
        renotify: Needs `tag`.
        timestamp: Shown as the notification's time.
        data: For the page or the service worker; `pushmill` is added with the ids.
        vibrate: Milliseconds of vibration and pause, in turns.
        app_badge: Declarative Web Push: number on the application's icon.
    """

    title: str
    url: str
    body: str | None = None
    icon: str | None = None
    image: str | None = None
    badge: str | None = None
    actions: list[Action] | None = None
    tag: str | None = None
    lang: str | None = None
    dir: Literal["auto", "ltr", "rtl"] | None = None
    silent: bool | None = None
    renotify: bool | None = None
    require_interaction: bool | None = None
    timestamp: Moment | None = None
    data: dict[str, Any] | None = None
    vibrate: list[Milliseconds] | None = None
    app_badge: Count | None = None


decode_notification = msgspec.json.Decoder(Notification).decode
"""Decodes a notification that `encode_json` has encoded."""
