"""Pushary's `/send`: a notification to a few, or to everyone, at once: a campaign that is launched."""

import hashlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from campaigns.adapters.messages import HttpAnswer
from campaigns.adapters.pushary.campaigns import content_fields
from campaigns.adapters.pushary.wire import PLATFORM, Part, content_of, in_their_words, target_part
from campaigns.adapters.reading import refuse_narrowing
from campaigns.adapters.routes import Call
from campaigns.model.ids import Kind, spell
from campaigns.model.problems import InvalidError
from campaigns.model.target import Everyone, Target
from campaigns.model.texts import NAME_MAX
from campaigns.operations.campaigns import CampaignDraft
from campaigns.operations.creating import create_and_launch, sending_to
from campaigns.operations.searching import any_of
from campaigns.operations.sites import one_site

ALLOWED = 1_000_000_000
"""Notifications a month, which nobody counts here: the SDK wants a number."""


class SendRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """A notification that goes out at once.

    Attributes:
        title: What is shown.
        body: What is shown.
        url: Where a click leads; none: to the site.
        subscriber_ids: To these.
        external_ids: To these users.
        tags: To those with one of these. Of several kinds, whoever is meant by any gets it once.
        data: For the page.
        metadata: Passed over.
        idempotency_key: The client's own word for this send, the same if it is repeated.
        unknown: Names of other fields.
    """

    title: str
    body: str
    url: str | None = None
    icon_url: str | None = None
    image_url: str | None = None
    subscriber_ids: list[str] | None = None
    external_ids: list[str] | None = None
    tags: list[str] | None = None
    data: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    unknown: tuple[str, ...] = ()


class Limits(Struct, frozen=True):
    """How many may still be sent this month, and how many at all."""

    remaining: int = ALLOWED
    limit: int = ALLOWED


class SendAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a send has begun, or had begun before; `sent` is how many it is for."""

    success: bool = True
    campaign_id: str
    status: str = "queued"
    queued: int
    sent: int
    duplicate: bool = False
    limits: Limits = Limits()


def repeat_key(body: SendRequest) -> str | None:
    """Return the client's own word for a send; hashed, for it may be any text, and keys are kept as ASCII."""
    word = body.idempotency_key
    return None if word is None else hashlib.sha256(word.encode()).hexdigest()


def say_again(answer: HttpAnswer) -> HttpAnswer:
    """Return what a repeated send is answered: the same, and that it is a repeat."""
    first = msgspec.json.decode(answer.body, type=SendAnswer)
    body = msgspec.json.encode(msgspec.structs.replace(first, duplicate=True))
    return HttpAnswer(answer.status, body, answer.media_type, answer.headers)


async def send(call: Call[Any, SendRequest]) -> SendAnswer:
    """Send a notification."""
    body = call.body
    refuse_narrowing(body.unknown)
    site = await one_site(call.caller, call.service)
    place = (await sending_to(call.caller, call.service, site)).site
    content = content_of(content_fields(body), body.url or place.url)
    if body.data:
        content["data"] = body.data
    draft = CampaignDraft(
        name=body.title[:NAME_MAX], target=await _target(call, site), content=content, adapter=PLATFORM
    )
    try:
        view = await create_and_launch(call.caller, call.service, site, draft, call.now)
    except InvalidError as error:
        raise in_their_words(error) from None
    call.ignored([*body.unknown, *(["metadata"] if body.metadata else [])])
    targeted = sum(launch.targeted for launch in view.launches)
    return SendAnswer(campaign_id=spell(Kind.CAMPAIGN, view.campaign.id), queued=targeted, sent=targeted)


async def _target(call: Call[Any, SendRequest], site: int) -> Target:
    body = call.body
    targets: list[Part] = []
    if body.subscriber_ids is not None:
        targets.append(target_part("subscribers", body.subscriber_ids, "subscriberIds"))
    if body.external_ids is not None:
        targets.append(target_part("external_ids", body.external_ids, "externalIds"))
    if body.tags is not None:
        targets.append(target_part("tags", body.tags, "tags"))
    return await any_of(call.caller, call.service, site, targets) if targets else Everyone()
