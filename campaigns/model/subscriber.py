"""Subscribers: what is let in through the door, whom a subscription belongs to, and what a status means.

An endpoint and its keys are secrets: whoever has them can send. Nothing here shows them.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from campaigns.model.attribute import AttributeValue, attribute_problems
from campaigns.model.device import Device
from campaigns.model.ids import SUBSCRIBER_END
from campaigns.model.problems import ConflictError, FieldProblem, InvalidError
from campaigns.model.texts import text_problem
from campaigns.model.zones import Zones
from crypto.errors import SubscriptionKeyError
from crypto.keys import parse_subscription_keys
from worker.push.services import EndpointRefusedError, Endpoints
from worker.records.recipient import Subscription
from worker.records.values import field_and_problem

TAGS_MAX = 100
TAG_MAX = 255
KEY_MAX = 255
"""Characters of an external id or a hwid."""

LANDING_URL_MAX = 2_048
LANGUAGE_MAX = 35
"""Characters of a language tag (RFC 5646 section 4.4.1)."""

RANDOM_BYTES = 7
_COUNTRY = re.compile(r"[A-Za-z]{2}")


class SubscriberStatus(StrEnum):
    """Whether a subscriber can be sent to.

    `active`: yes. `unsubscribed`: asked not to be; its keys are erased at once. `off`: gave no permission,
    or took it back, but is still known. `expired`: the push service says that the subscription is gone.
    `bounced`: its keys are unusable.
    """

    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"
    OFF = "off"
    EXPIRED = "expired"
    BOUNCED = "bounced"


REVIVED = frozenset(
    {SubscriberStatus.ACTIVE, SubscriberStatus.OFF, SubscriberStatus.EXPIRED, SubscriberStatus.BOUNCED}
)
"""Those whom a new subscription makes active. Whoever unsubscribed stays so, and begins as somebody new."""


class PayloadFormat(StrEnum):
    """In what shape a subscriber's service worker wants a push: ours, or that of another platform's SDK."""

    NOTIFICATION = "notification"
    PUSHWOOSH = "pushwoosh"


class BrowserSubscription(Struct, frozen=True):
    """A subscription that may be sent to.

    Attributes:
        endpoint: As the browser gave it.
        p256dh: 65 bytes, a point on P-256.
        auth: 16 bytes.
    """

    endpoint: str
    p256dh: bytes
    auth: bytes

    def __repr__(self) -> str:
        return "BrowserSubscription(…)"


class Profile(Struct, frozen=True, kw_only=True):
    """What a browser, an import or a customer says of a subscriber; None and empty: nothing.

    Attributes:
        hwid: The browser's own name for itself, random.
        external_id: The site's id of the user.
        tags: Labels.
        attributes: Values by name.
        language: A language tag (RFC 5646), in lower case.
        country: ISO 3166-1 alpha-2.
        zone: A time zone of tzdata.
        landing_url: The page on which the browser subscribed.
        device: What the browser runs on.
        payload_format: What its service worker reads.
    """

    hwid: str | None = None
    external_id: str | None = None
    tags: tuple[str, ...] | None = None
    attributes: dict[str, AttributeValue] | None = None
    language: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    zone: str | None = None
    landing_url: str | None = None
    device: Device = Device()
    payload_format: PayloadFormat = PayloadFormat.NOTIFICATION

    def __repr__(self) -> str:
        return "Profile(…)"


class Subscriber(Struct, frozen=True, kw_only=True):
    """A subscriber.

    Attributes:
        id: Random, below 2^53: the order of ids is a random sample.
        site: Whose it is.
        status: Whether it can be sent to.
        subscription: None where there is none, or no longer.
        vapid_key: The key that the subscription was made with.
        profile: What is known of it.
        created_at: When it came.
        updated_at: When it was last changed.
        seen_at: When its browser was last heard of.
        status_at: When its status became what it is.
    """

    id: int
    site: int
    status: SubscriberStatus
    subscription: BrowserSubscription | None
    vapid_key: str | None
    profile: Profile
    created_at: datetime
    updated_at: datetime
    seen_at: datetime
    status_at: datetime

    def __repr__(self) -> str:
        return f"Subscriber({self.id}, {self.status})"


def subscriber_number(random: bytes) -> int:
    """Make a subscriber's number from seven random bytes."""
    return int.from_bytes(random[:RANDOM_BYTES]) % SUBSCRIBER_END


# ── the door ────────────────────────────────────────────────────────────────────────────────────────────────


def read_subscription(
    endpoints: Endpoints, given: object, field: str = "subscription"
) -> BrowserSubscription:
    """Read what the browser's `PushSubscription.toJSON()` gives.

    Args:
        endpoints: Decides which endpoints are allowed.
        given: JSON, decoded.
        field: Where it stands in the request.

    Raises:
        InvalidError: It is none, its endpoint is not allowed, or its keys are unusable.
    """
    try:
        read = msgspec.convert(given, Subscription)
    except msgspec.ValidationError as error:
        at, problem = field_and_problem(error)
        raise InvalidError([FieldProblem(f"{field}.{at}".rstrip("."), problem)]) from None
    problems = [
        FieldProblem(f"{field}.endpoint", each) for each in _endpoint_problems(endpoints, read.endpoint)
    ]
    try:
        keys = parse_subscription_keys(read.keys.p256dh, read.keys.auth)
    except SubscriptionKeyError as error:
        problems.append(FieldProblem(f"{field}.keys.{error.field}", error.problem))
        raise InvalidError(problems) from None
    if problems:
        raise InvalidError(problems)
    return BrowserSubscription(read.endpoint, keys.p256dh, keys.auth)


def _endpoint_problems(endpoints: Endpoints, endpoint: str) -> Iterator[str]:
    try:
        endpoints.parse(endpoint)
    except EndpointRefusedError as refusal:
        yield refusal.problem + ("; PUSHMILL_ENDPOINT_HOSTS can allow it" if refusal.needs_rule else "")


def profile_problems(profile: Profile, zones: Zones) -> Iterator[FieldProblem]:
    """Find what is wrong with what is said of a subscriber."""
    for field, most in (
        *(("hwid", KEY_MAX), ("external_id", KEY_MAX), ("landing_url", LANDING_URL_MAX)),
        *(("language", LANGUAGE_MAX), ("region", TAG_MAX), ("city", TAG_MAX)),
    ):
        text = getattr(profile, field)
        problem = None if text is None else text_problem(text, most, least=1)
        if problem:
            yield FieldProblem(field, problem)
    yield from tag_problems(profile.tags or ())
    yield from attribute_problems(profile.attributes or {})
    if profile.country is not None and not _COUNTRY.fullmatch(profile.country):
        yield FieldProblem("country", "must be two letters (ISO 3166-1 alpha-2)")
    if profile.zone is not None and profile.zone not in zones:
        yield FieldProblem("zone", "is not a time zone of tzdata (Europe/Berlin)")


def tag_problems(tags: tuple[str, ...], field: str = "tags") -> Iterator[FieldProblem]:
    """Find what is wrong with a subscriber's tags."""
    if len(tags) > TAGS_MAX:
        yield FieldProblem(field, f"has more than {TAGS_MAX} tags")
        return
    for index, tag in enumerate(tags):
        problem = text_problem(tag, TAG_MAX, least=1)
        if problem:
            yield FieldProblem(f"{field}[{index}]", problem)


def folded(profile: Profile) -> Profile:
    """Return what is said of a subscriber as it is kept: tags once, language and country in one case."""
    return msgspec.structs.replace(
        profile,
        tags=None if profile.tags is None else tuple(dict.fromkeys(profile.tags)),
        language=None if profile.language is None else profile.language.lower(),
        country=None if profile.country is None else profile.country.upper(),
    )


def updated(known: Profile, said: Profile) -> Profile:
    """Return what is known of a subscriber once more is said: what is not said stays as it is."""
    given = {name: value for name, value in _fields(said).items() if value not in (None, Device())}
    if said.attributes is not None:
        given["attributes"] = merged(known.attributes or {}, said.attributes)
    return msgspec.structs.replace(known, **given)


def _fields(profile: Profile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in Profile.__struct_fields__}


def merged(known: Mapping[str, AttributeValue], said: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Return attributes with some of them changed; one that is null is removed."""
    return {name: value for name, value in {**known, **said}.items() if value is not None}


# ── whose subscription it is ────────────────────────────────────────────────────────────────────────────────


class Known(Struct, frozen=True):
    """Who may be meant by a subscription that comes in.

    Attributes:
        by_token: Whom its token names.
        by_endpoint: Who has its endpoint.
        by_hwid: Who has its hwid.
    """

    by_token: Subscriber | None = None
    by_endpoint: Subscriber | None = None
    by_hwid: Subscriber | None = None


class Match(Struct, frozen=True):
    """Whose a subscription is.

    Attributes:
        subscriber: None: somebody new.
        displaced: Another one, who had this endpoint until now and loses it.
    """

    subscriber: Subscriber | None = None
    displaced: Subscriber | None = None


def match(known: Known, subscription: BrowserSubscription) -> Match:
    """Decide whose a subscription is: by token, else by endpoint and keys, else by hwid, else somebody new.

    A token is proof. The keys of an endpoint are, too: only its browser has them. A hwid is none, so it
    changes nothing of a subscriber whose endpoint still works, switched off or not.

    Raises:
        ConflictError: The endpoint belongs to somebody with other keys, or who has unsubscribed; or the hwid
            to somebody whose endpoint still works.
    """
    holder = known.by_endpoint
    if holder is not None and holder.status not in REVIVED:
        raise ConflictError("This subscription has unsubscribed; subscribe the browser anew.")
    if holder is not None and holder.subscription != subscription:
        raise ConflictError("This endpoint is known with other keys; subscribe the browser anew.")
    named = known.by_token
    if named is not None and named.status in REVIVED:
        displaced = holder if holder is not None and holder.id != named.id else None
        return Match(named, displaced)
    if holder is not None:
        return Match(holder)
    return Match(_by_hwid(known.by_hwid))


_REACHABLE = frozenset({SubscriberStatus.ACTIVE, SubscriberStatus.OFF})


def _by_hwid(found: Subscriber | None) -> Subscriber | None:
    if found is None or found.status not in REVIVED:
        return None
    if found.subscription is not None and found.status in _REACHABLE:
        raise ConflictError("This hwid is known with another endpoint; give the token, too.")
    return found
