"""What the own API's requests and answers have in common: fields that are refused if unknown, and ids."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from campaigns.model.ids import Kind, read
from campaigns.model.problems import invalid

Json = dict[str, Any]

SiteId = Annotated[str, Meta(examples=["site_7"])]
CredentialId = Annotated[str, Meta(examples=["cred_2"])]
SubscriberId = Annotated[str, Meta(examples=["sub_4503599627370496"])]
SegmentId = Annotated[str, Meta(examples=["seg_3"])]
TemplateId = Annotated[str, Meta(examples=["tmpl_5"])]
CampaignId = Annotated[str, Meta(examples=["camp_12"])]
LaunchName = Annotated[str, Meta(examples=["launch_40_k3b2zq7a"])]

Content = Annotated[
    Json,
    Meta(
        description="A notification as in a send job: title, body, url, icon, image, badge, actions, …; "
        "{{name}} and {{name|fallback}} in every text.",
        examples=[{"title": "Hello {{name|there}}", "url": "https://shop.example/new"}],
    ),
]
Target = Annotated[
    Json,
    Meta(
        description='One of {"all": true}, {"subscribers": […]}, {"external_ids": […]}, {"tags": […]}, '
        '{"segment": "seg_3"}, {"condition": {…}}; beside those who are named there may be a condition.',
        examples=[{"all": True}],
    ),
]
Condition = Annotated[
    Json,
    Meta(
        description='{"and": […]}, {"or": […]}, {"not": …} or {"field": …, "op": …, "value": …}. With '
        '"ignore_case": true, an attribute is compared as text, A to Z as a to z.',
        examples=[{"field": "tag", "op": "eq", "value": "news"}],
    ),
]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body. A field that nobody knows is refused, for it may have been meant."""


class Answer(Struct, frozen=True, kw_only=True):
    """A result."""


def read_id(kind: Kind, text: str, field: str) -> int:
    """Read an id within a body.

    Raises:
        InvalidError: It is none of this kind.
    """
    number = read(kind, text)
    if number is None:
        raise invalid(field, f"is no id of this kind ({kind}_7)")
    return number
