"""What becomes of a subscriber whose browser subscribes, unsubscribes, or loses its endpoint to another."""

from datetime import datetime

import msgspec

from campaigns.model.problems import ConflictError
from campaigns.model.subscriber import (
    BrowserSubscription,
    Known,
    Match,
    Profile,
    Subscriber,
    SubscriberStatus,
    updated,
)


def newcomer(
    number: int,
    site: int,
    subscription: BrowserSubscription | None,
    *,
    vapid_key: str | None,
    profile: Profile,
    now: datetime,
) -> Subscriber:
    """Make a subscriber who was not known before.

    Args:
        number: Random; see `subscriber_number`.
        site: Whose subscriber it is.
        subscription: Where it can be sent to; None if nowhere yet.
        vapid_key: The key that the browser subscribed with.
        profile: What it says of itself.
        now: The moment.
    """
    there = msgspec.structs.replace(profile, tags=profile.tags or (), attributes=profile.attributes or {})
    return Subscriber(
        id=number,
        site=site,
        status=SubscriberStatus.ACTIVE,
        subscription=subscription,
        vapid_key=vapid_key,
        profile=there,
        created_at=now,
        updated_at=now,
        seen_at=now,
        status_at=now,
    )


def acquaintance(number: int, site: int, profile: Profile, now: datetime) -> Subscriber:
    """Make a browser known that has given no permission: it has a hwid, and nothing can be sent to it.

    Args:
        number: Random; see `subscriber_number`.
        site: Whose page it has seen.
        profile: What it says of itself.
        now: The moment.
    """
    unreachable = newcomer(number, site, None, vapid_key=None, profile=profile, now=now)
    return msgspec.structs.replace(unreachable, status=SubscriberStatus.OFF)


def subscribed(
    known: Subscriber, subscription: BrowserSubscription, vapid_key: str, said: Profile, now: datetime
) -> Subscriber:
    """Return a known subscriber whose browser has subscribed again, or confirms that it is subscribed.

    Whoever was switched off with this subscription stays so: browsers confirm it at every visit.
    """
    profile = updated(known.profile, said)
    is_off = known.status is SubscriberStatus.OFF and known.subscription == subscription
    is_news = (known.subscription, known.vapid_key, known.profile) != (subscription, vapid_key, profile)
    stays = is_off or known.status is SubscriberStatus.ACTIVE
    return msgspec.structs.replace(
        known,
        status=SubscriberStatus.OFF if is_off else SubscriberStatus.ACTIVE,
        subscription=subscription,
        vapid_key=vapid_key,
        profile=profile,
        updated_at=known.updated_at if stays and not is_news else now,
        seen_at=now,
        status_at=known.status_at if stays else now,
    )


def unsubscribed(known: Subscriber, now: datetime) -> Subscriber:
    """Return a subscriber who asks not to be sent to: the keys are gone at once, and so is the hwid."""
    if known.status is SubscriberStatus.UNSUBSCRIBED:
        return known
    return msgspec.structs.replace(
        known,
        status=SubscriberStatus.UNSUBSCRIBED,
        subscription=None,
        profile=msgspec.structs.replace(known.profile, hwid=None),
        updated_at=now,
        status_at=now,
    )


def switched(known: Subscriber, now: datetime, *, on: bool) -> Subscriber:
    """Return a subscriber who is sent to, or not, from now on; the subscription stays for when it is again.

    Raises:
        ConflictError: It is to be sent to, and has no subscription that works.
    """
    status = SubscriberStatus.ACTIVE if on else SubscriberStatus.OFF
    if known.status is status or (not on and known.status is not SubscriberStatus.ACTIVE):
        return known
    if on and (known.status is not SubscriberStatus.OFF or known.subscription is None):
        raise ConflictError(f"The subscriber is {known.status}; its browser must subscribe anew.")
    return msgspec.structs.replace(known, status=status, updated_at=now, status_at=now)


def displaced(known: Subscriber, now: datetime) -> Subscriber:
    """Return a subscriber whose endpoint is another one's from now on."""
    return msgspec.structs.replace(
        known, status=SubscriberStatus.EXPIRED, subscription=None, updated_at=now, status_at=now
    )


def own_hwid(profile: Profile, known: Known, found: Match) -> Profile:
    """Return what a browser says of itself without a hwid that is somebody else's: two cannot have it."""
    holder = known.by_hwid
    if holder is None or (found.subscriber is not None and found.subscriber.id == holder.id):
        return profile
    return msgspec.structs.replace(profile, hwid=None)
