"""Campaigns that are made and launched by one request: both, or neither."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from campaigns.model.attribute import Type
from campaigns.model.scope import Permission, Scope
from campaigns.model.site import Site
from campaigns.operations.campaigns import CampaignDraft, CampaignView, create_campaign, launch_campaign
from campaigns.operations.finding import the_site
from campaigns.operations.pictures import keep_picture
from campaigns.operations.service import Service
from campaigns.store.accounts import zone_of_account
from campaigns.store.attributes import list_attributes


class SendingTo(Struct, frozen=True):
    """What a platform's words for a campaign may refer to.

    Attributes:
        site: Whose subscribers it is for.
        types: Of the attributes that they have, by name.
        zone: Where the account's wall times are meant, in tzdata.
    """

    site: Site
    types: Mapping[str, Type]
    zone: str


async def sending_to(scope: Scope, service: Service, site: int) -> SendingTo:
    """Return what is to be known of a site before something is sent to its subscribers.

    Raises:
        ForbiddenError: The credential may not send.
        NotFoundError: There is no such site.
    """
    scope.require(Permission.SEND)
    async with service.begin() as connection:
        found = await the_site(connection, scope, site)
        attributes = await list_attributes(connection, found.id)
        zone = await zone_of_account(connection, scope.account)
    return SendingTo(found, {each.name: each.type for each in attributes}, zone)


async def create_and_launch(
    scope: Scope,
    service: Service,
    site: int,
    draft: CampaignDraft,
    now: datetime,
    *,
    pictures: Mapping[str, bytes] | None = None,
) -> CampaignView:
    """Make a campaign, and launch it: at once, or when its time comes.

    Args:
        scope: Who asks.
        service: What operations need.
        site: Whose subscribers it is for.
        draft: The campaign; its content is an object where there are pictures.
        now: The moment.
        pictures: Bytes of those that came with the request, by their names in the content.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site, or no such template of it.
        InvalidError: Something about it is wrong, or its content cannot be sent.
        ConflictError: Its segment is gone.
    """
    async with service.begin() as connection:
        inside = service.within(connection)
        urls = {
            name: await keep_picture(scope, inside, body, name) for name, body in (pictures or {}).items()
        }
        if urls and isinstance(draft.content, dict):
            draft = msgspec.structs.replace(draft, content={**draft.content, **urls})
        made = await create_campaign(scope, inside, site, draft, now)
        return await launch_campaign(scope, inside, made.campaign.id, now)


async def create_and_launch_all(
    scope: Scope, service: Service, site: int, drafts: Iterable[CampaignDraft], now: datetime
) -> list[CampaignView]:
    """Make campaigns and launch them: all of them, or none.

    Raises:
        ForbiddenError: The credential may not.
        NotFoundError: There is no such site, or no such template of it.
        InvalidError: Something about one is wrong, or its content cannot be sent.
        ConflictError: The segment of one is gone.
    """
    async with service.begin() as connection:
        inside = service.within(connection)
        return [await create_and_launch(scope, inside, site, each, now) for each in drafts]
