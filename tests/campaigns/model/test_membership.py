from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from campaigns.model.membership import displaced, newcomer, own_hwid, subscribed, switched, unsubscribed
from campaigns.model.problems import ConflictError
from campaigns.model.subscriber import BrowserSubscription, Known, Match, Profile, SubscriberStatus

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ONE, OTHER = (BrowserSubscription(f"https://a.example/{n}", bytes(65), bytes(16)) for n in range(2))


def made(**fields):
    profile = Profile(hwid="h", external_id="u", tags=("a",), attributes={"plan": "gold"})
    known = newcomer(7, 1, ONE, vapid_key="shop", profile=profile, now=NOW)
    return msgspec.structs.replace(known, **fields)


def test_a_newcomer_is_active_with_what_it_says():
    known = newcomer(7, 1, ONE, vapid_key="shop", profile=Profile(), now=NOW)
    assert (known.status, known.subscription, known.vapid_key) == (SubscriberStatus.ACTIVE, ONE, "shop")
    assert (known.profile.tags, known.profile.attributes, known.created_at) == ((), {}, NOW)


def test_who_only_confirms_was_seen_and_not_changed():
    again = subscribed(made(), ONE, "shop", Profile(), LATER)
    assert again == made(seen_at=LATER)


@pytest.mark.parametrize(
    "said",
    [(OTHER, "shop", Profile()), (ONE, "new", Profile()), (ONE, "shop", Profile(tags=("b",)))],
    ids=["endpoint", "key", "profile"],
)
def test_what_is_new_is_a_change(said):
    again = subscribed(made(), *said, LATER)
    assert (again.updated_at, again.status_at, again.created_at) == (LATER, NOW, NOW)
    assert (again.subscription, again.vapid_key) == said[:2]


@pytest.mark.parametrize("status", [SubscriberStatus.EXPIRED, SubscriberStatus.OFF, SubscriberStatus.BOUNCED])
def test_a_new_subscription_revives(status):
    again = subscribed(made(status=status, subscription=None), ONE, "shop", Profile(), LATER)
    assert (again.status, again.status_at, again.updated_at) == (SubscriberStatus.ACTIVE, LATER, LATER)


def test_who_is_switched_off_stays_so_until_switched_on_or_subscribed_anew():
    off = switched(made(), LATER, on=False)
    assert (off.status, off.subscription, off.status_at) == (SubscriberStatus.OFF, ONE, LATER)
    assert switched(off, NOW, on=False) == off
    confirmed = subscribed(off, ONE, "shop", Profile(), LATER + timedelta(hours=1))
    assert (confirmed.status, confirmed.status_at) == (SubscriberStatus.OFF, LATER)
    assert subscribed(off, OTHER, "shop", Profile(), LATER).status is SubscriberStatus.ACTIVE
    on = switched(off, NOW, on=True)
    assert (on.status, on.subscription, on.status_at) == (SubscriberStatus.ACTIVE, ONE, NOW)
    assert switched(on, LATER, on=True) == on


@pytest.mark.parametrize(
    "known",
    [
        made(status=SubscriberStatus.UNSUBSCRIBED, subscription=None),
        made(status=SubscriberStatus.OFF, subscription=None),
        made(status=SubscriberStatus.EXPIRED),
        made(status=SubscriberStatus.BOUNCED),
    ],
    ids=["unsubscribed", "no subscription", "expired", "bounced"],
)
def test_nobody_is_switched_on_who_cannot_be_sent_to(known):
    with pytest.raises(ConflictError):
        switched(known, LATER, on=True)
    assert switched(known, LATER, on=False) == known


def test_whoever_unsubscribes_has_no_keys_any_more():
    gone = unsubscribed(made(), LATER)
    assert (gone.status, gone.subscription, gone.profile.hwid) == (SubscriberStatus.UNSUBSCRIBED, None, None)
    assert gone.profile.external_id == "u"
    assert unsubscribed(gone, LATER + timedelta(hours=1)) == gone


def test_whoever_is_displaced_has_expired():
    gone = displaced(made(), LATER)
    assert (gone.status, gone.subscription, gone.status_at) == (SubscriberStatus.EXPIRED, None, LATER)


def test_a_hwid_stays_with_its_holder():
    said, holder = Profile(hwid="h"), made()
    assert own_hwid(said, Known(), Match()) == said
    assert own_hwid(said, Known(by_hwid=holder), Match(holder)) == said
    assert own_hwid(said, Known(by_hwid=holder), Match()).hwid is None
    assert own_hwid(said, Known(by_hwid=holder), Match(made(id=8))).hwid is None
