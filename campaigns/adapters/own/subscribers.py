"""Subscribers in the words of the own API: everything but the endpoint, its keys and the token."""

import re
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from campaigns.adapters.own.lists import ListAnswer, ListQuery, list_answer
from campaigns.adapters.own.wire import Answer, Json, Request, SiteId, SubscriberId
from campaigns.adapters.routes import Call
from campaigns.model.attribute import AttributeValue
from campaigns.model.ids import Kind, spell
from campaigns.model.subscriber import Profile, Subscriber, SubscriberStatus
from campaigns.operations import subscribers as operations
from campaigns.operations.subscribers import SubscriberChanges, Subscribing

_COUNTRY = re.compile(r"[A-Za-z]{2}")


class SubscribeRequest(Request, frozen=True, kw_only=True):
    """A browser that subscribes, or confirms that it is subscribed.

    Attributes:
        subscription: What its `PushSubscription.toJSON()` gives.
        token: Its own token, if it has one.
        hwid: Its own name for itself, random.
        external_id: The site's id of the user.
        proof: HMAC-SHA256 of the external id by the site's identity secret, in hex.
        tags: Labels.
        attributes: Values by name.
        language: A language tag (RFC 5646).
        zone: A time zone of tzdata.
        landing_url: The page on which it subscribed.
    """

    subscription: Json
    token: str | None = None
    hwid: str | None = None
    external_id: str | None = None
    proof: str | None = None
    tags: tuple[str, ...] | None = None
    attributes: dict[str, AttributeValue] | None = None
    language: str | None = None
    zone: str | None = None
    landing_url: str | None = None

    def __repr__(self) -> str:
        return "SubscribeRequest(…)"


class SubscribeAnswer(Answer, frozen=True, kw_only=True):
    """Who the browser is from now on.

    Attributes:
        id: The subscriber's id.
        token: The browser's own token, by which it is known.
    """

    id: SubscriberId
    token: str

    def __repr__(self) -> str:
        return f"SubscribeAnswer({self.id!r})"


class UnsubscribeRequest(Request, frozen=True, kw_only=True):
    """A browser that unsubscribes.

    Attributes:
        token: Its own token.
    """

    token: str

    def __repr__(self) -> str:
        return "UnsubscribeRequest(…)"


class SubscribersQuery(ListQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which subscribers.

    Attributes:
        status: Only those in this one.
        tag: Only those with this one.
        external_id: Only those of this user.
    """

    status: SubscriberStatus | None = None
    tag: str | None = None
    external_id: str | None = None


class SubscriberChange(Request, frozen=True, kw_only=True):
    """Changes to a subscriber; what is left out stays.

    Attributes:
        external_id: The site's id of the user; null takes it away.
        tags: All that it has from now on.
        attributes: Those that change; one that is null is removed.
        language: A language tag.
        zone: A time zone of tzdata.
        country: ISO 3166-1 alpha-2.
    """

    external_id: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    attributes: dict[str, AttributeValue | None] | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    zone: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET


class SubscriberAnswer(Answer, frozen=True, kw_only=True):
    """A subscriber.

    Attributes:
        id: Its id, as in outcomes.
        site: Whose it is.
        status: Whether it can be sent to.
        external_id: The site's id of the user.
        tags: Labels.
        attributes: Values by name.
        browser: Its family, in lower case.
        os: Its family, in lower case.
        platform: desktop, mobile or tablet.
        device: The model, as far as the browser tells.
        language: A language tag (RFC 5646).
        country: ISO 3166-1 alpha-2.
        zone: A time zone of tzdata.
        landing_url: The page on which it subscribed.
        seen_at: When its browser was last heard of.
    """

    id: SubscriberId
    site: SiteId
    status: SubscriberStatus
    external_id: str | None
    tags: list[str]
    attributes: Json
    browser: str | None
    os: str | None
    platform: str | None
    device: str | None
    language: str | None
    country: str | None
    region: str | None
    city: str | None
    zone: str | None
    landing_url: str | None
    created_at: datetime
    updated_at: datetime
    seen_at: datetime


async def subscribe(call: Call[Any, SubscribeRequest]) -> SubscribeAnswer:
    """Let a browser subscribe."""
    site, body = call.parameters["site"], call.body
    await call.service.admit_subscriber(site)
    said = Subscribing(
        subscription=body.subscription,
        token=body.token,
        proof=body.proof,
        user_agent=call.request.headers.get("user-agent", ""),
        profile=Profile(
            hwid=body.hwid,
            external_id=body.external_id,
            tags=body.tags,
            attributes=body.attributes,
            language=body.language,
            country=_country(call),
            zone=body.zone,
            landing_url=body.landing_url,
        ),
    )
    found = await operations.subscribe(call.service, site, said, call.now)
    return SubscribeAnswer(id=spell(Kind.SUBSCRIBER, found.number), token=found.token)


def _country(call: Call[Any, Any]) -> str | None:
    """Return the country that a proxy has found; some write XX or T1 where they know none."""
    found: str = call.request.headers.get(call.service.country_header, "")
    return found if _COUNTRY.fullmatch(found) and found.upper() != "XX" else None


async def unsubscribe(call: Call[Any, UnsubscribeRequest]) -> None:
    """Let a browser unsubscribe."""
    await operations.unsubscribe(call.service, call.parameters["site"], call.body.token, call.now)


async def list_all(call: Call[SubscribersQuery, None]) -> ListAnswer[SubscriberAnswer]:
    """List a site's subscribers."""
    query = call.query
    page = await operations.get_subscribers(
        call.caller,
        call.service,
        call.parameters["site"],
        status=query.status,
        tag=query.tag,
        external_id=query.external_id,
        after=query.after,
        limit=query.limit,
    )
    return list_answer(page, _answer)


async def get(call: Call[Any, None]) -> SubscriberAnswer:
    """Answer with a subscriber."""
    return _answer(await operations.get_subscriber(call.caller, call.service, call.parameters["subscriber"]))


async def change(call: Call[Any, SubscriberChange]) -> SubscriberAnswer:
    """Change a subscriber."""
    changes = SubscriberChanges(**msgspec.structs.asdict(call.body))
    return _answer(
        await operations.edit_subscriber(
            call.caller, call.service, call.parameters["subscriber"], changes, call.now
        )
    )


async def delete(call: Call[Any, None]) -> None:
    """Erase a subscriber."""
    await operations.delete_subscriber(call.caller, call.service, call.parameters["subscriber"])


def _answer(subscriber: Subscriber) -> SubscriberAnswer:
    profile = subscriber.profile
    return SubscriberAnswer(
        id=spell(Kind.SUBSCRIBER, subscriber.id),
        site=spell(Kind.SITE, subscriber.site),
        status=subscriber.status,
        external_id=profile.external_id,
        tags=list(profile.tags or ()),
        attributes=dict(profile.attributes or {}),
        browser=profile.device.browser,
        os=profile.device.os,
        platform=profile.device.platform,
        device=profile.device.device,
        language=profile.language,
        country=profile.country,
        region=profile.region,
        city=profile.city,
        zone=profile.zone,
        landing_url=profile.landing_url,
        created_at=subscriber.created_at,
        updated_at=subscriber.updated_at,
        seen_at=subscriber.seen_at,
    )
