"""What a campaign or a template of Truepush shows, as content."""

from typing import Annotated, Any

from msgspec import Meta, Struct

Tags = Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=100)]


class Button(Struct, frozen=True):
    """A button."""

    text: str
    link: str


Buttons = Annotated[list[Button], Meta(max_length=2)]


class Shown(
    Struct,
    frozen=True,
    kw_only=True,
    rename={"stays": "userInteraction", "stays_required": "userInteractionRequired"},
):
    """The fields that campaigns and templates share.

    Attributes:
        title: Of the notification.
        message: Its text.
        link: Opened by a click.
        buttons: At most two.
        tags: Only for who has one of these.
        stays: Whether it stays on screen until it is touched; campaigns call it so, templates as the next.
        stays_required: The same.
        image: A URL.
        icon: A URL.
    """

    title: str
    message: str
    link: str
    buttons: Buttons | None = None
    tags: Tags | None = None
    stays: bool | None = None
    stays_required: bool | None = None
    image: str | None = None
    icon: str | None = None


def content_tree(shown: Shown) -> dict[str, Any]:
    """Return it as content, JSON as in a send job."""
    given = {"image": shown.image, "icon": shown.icon}
    return {
        "title": shown.title,
        "body": shown.message,
        "url": shown.link,
        **{name: value for name, value in given.items() if value},
        **({"require_interaction": True} if shown.stays or shown.stays_required else {}),
        **({"actions": _actions(shown.buttons)} if shown.buttons else {}),
    }


def _actions(buttons: list[Button]) -> list[dict[str, str]]:
    return [
        {"action": f"button-{number}", "title": button.text, "url": button.link}
        for number, button in enumerate(buttons)
    ]
