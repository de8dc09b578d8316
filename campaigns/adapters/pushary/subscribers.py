"""Pushary's subscribers: listed, counted, changed, erased. An endpoint is a secret, and is not told."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from campaigns.adapters.devices import browser_name, system_name
from campaigns.adapters.pushary.wire import (
    Done,
    ListAnswer,
    ListQuery,
    ids_of,
    in_their_words,
    list_answer,
    number_of,
    to_the_second,
)
from campaigns.adapters.routes import Call
from campaigns.model.attribute import AttributeValue
from campaigns.model.ids import Kind, spell
from campaigns.model.problems import InvalidError, invalid
from campaigns.model.subscriber import Subscriber, SubscriberStatus
from campaigns.operations import subscribers as operations
from campaigns.operations.searching import find_subscribers
from campaigns.operations.sites import one_site
from campaigns.operations.subscribers import SubscriberChanges

_S = SubscriberStatus
STATUSES = {
    _S.ACTIVE: "active",
    _S.UNSUBSCRIBED: "unsubscribed",
    _S.OFF: "unsubscribed",
    _S.EXPIRED: "expired",
    _S.BOUNCED: "bounced",
}


class SubscribersQuery(ListQuery, frozen=True, kw_only=True, rename="camel"):
    """Which subscribers.

    Attributes:
        status: Only those in this one.
        external_id: Only those of this user.
        tags: Only those with one of these, by commas.
    """

    status: str | None = None
    external_id: str | None = None
    tags: str | None = None


class SubscriberChange(Struct, frozen=True, kw_only=True, rename="camel"):
    """Changes to a subscriber; what is left out stays.

    Attributes:
        tags: All that it has from now on.
        external_id: The site's id of the user; null takes it away.
        custom_data: Values that change; one that is null is removed.
        unknown: Names of other fields.
    """

    tags: tuple[str, ...] | UnsetType = UNSET
    external_id: str | UnsetType | None = UNSET
    custom_data: dict[str, AttributeValue | None] | UnsetType = UNSET
    unknown: tuple[str, ...] = ()


class SubscriberAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """A subscriber."""

    id: str
    site_id: str
    status: str
    external_id: str | None
    tags: list[str]
    custom_data: dict[str, AttributeValue]
    browser: str | None
    os: str | None
    device_type: str | None
    country: str | None
    city: str | None
    timezone: str | None
    language: str | None
    created_at: datetime
    updated_at: datetime
    last_active_at: datetime


class CountAnswer(Struct, frozen=True, kw_only=True):
    """How many subscribers there are, whatever their status, and of two of these."""

    total: int
    active: int
    unsubscribed: int


async def list_all(call: Call[SubscribersQuery, None]) -> ListAnswer[SubscriberAnswer]:
    """List subscribers."""
    query, site = call.query, await one_site(call.caller, call.service)
    page = await find_subscribers(
        call.caller,
        call.service,
        site,
        statuses=_statuses(query.status),
        tags=_tags(query.tags),
        external_id=query.external_id,
        after=-1 if (position := query.position(Kind.SUBSCRIBER)) is None else position,
        limit=query.most,
    )
    ids = await ids_of(call, Kind.SITE, [site])
    return list_answer(page, Kind.SUBSCRIBER, lambda each: _answer(each, ids[site]))


def _statuses(word: str | None) -> tuple[SubscriberStatus, ...]:
    found = tuple(ours for ours, theirs in STATUSES.items() if word in {None, theirs})
    if not found:
        raise invalid("status", f"must be one of {', '.join(dict.fromkeys(STATUSES.values()))}")
    return found


def _tags(text: str | None) -> list[str] | None:
    return [tag for tag in text.split(",") if tag] if text is not None else None


async def get(call: Call[Any, None]) -> SubscriberAnswer:
    """Answer with a subscriber."""
    return await _one(call, await operations.get_subscriber(call.caller, call.service, await _number(call)))


async def change(call: Call[Any, SubscriberChange]) -> SubscriberAnswer:
    """Change a subscriber."""
    body = call.body
    changes = SubscriberChanges(tags=body.tags, external_id=body.external_id, attributes=body.custom_data)
    try:
        found = await operations.edit_subscriber(
            call.caller, call.service, await _number(call), changes, call.now
        )
    except InvalidError as error:
        raise in_their_words(error) from None
    call.ignored(body.unknown)
    return await _one(call, found)


async def delete(call: Call[Any, None]) -> Done:
    """Erase a subscriber."""
    await operations.delete_subscriber(call.caller, call.service, await _number(call))
    return Done()


async def count(call: Call[Any, None]) -> CountAnswer:
    """Count subscribers."""
    counts = await operations.count_by_status(
        call.caller, call.service, await one_site(call.caller, call.service)
    )
    return CountAnswer(
        total=sum(counts.values()),
        active=counts[_S.ACTIVE],
        unsubscribed=counts[_S.UNSUBSCRIBED] + counts[_S.OFF],
    )


async def _number(call: Call[Any, Any]) -> int:
    return await number_of(call, Kind.SUBSCRIBER, call.parameters["subscriber"])


async def _one(call: Call[Any, Any], subscriber: Subscriber) -> SubscriberAnswer:
    ids = await ids_of(call, Kind.SITE, [subscriber.site])
    return _answer(subscriber, ids[subscriber.site])


def _answer(subscriber: Subscriber, site: str) -> SubscriberAnswer:
    profile, device = subscriber.profile, subscriber.profile.device
    return SubscriberAnswer(
        id=spell(Kind.SUBSCRIBER, subscriber.id),
        site_id=site,
        status=STATUSES[subscriber.status],
        external_id=profile.external_id,
        tags=list(profile.tags or ()),
        custom_data=dict(profile.attributes or {}),
        browser=browser_name(device.browser),
        os=system_name(device.os),
        device_type=device.platform,
        country=profile.country,
        city=profile.city,
        timezone=profile.zone,
        language=profile.language,
        created_at=to_the_second(subscriber.created_at),
        updated_at=to_the_second(subscriber.updated_at),
        last_active_at=to_the_second(subscriber.seen_at),
    )
