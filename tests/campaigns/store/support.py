"""What tests of the store begin with: an account with a site, and subscribers of it."""

from datetime import UTC, datetime
from itertools import count

from campaigns.model.scope import Permission, Scope
from campaigns.model.site import NewSite, Site
from campaigns.model.subscriber import BrowserSubscription, Profile, Subscriber, SubscriberStatus
from campaigns.store.accounts import add_account
from campaigns.store.database import Database
from campaigns.store.sites import add_site
from campaigns.store.subscribers import add_subscriber
from campaigns.store.vapid_keys import add_vapid_key
from tests.harness.waiting import until_told

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LOCK_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
_numbers = count(1)


def scope_of(account: int, site: int | None = None) -> Scope:
    return Scope(account, None, site, frozenset({Permission.ADMIN}))


def new_site(vapid_key: str, **fields) -> NewSite:
    there = {
        "url": "https://shop.example",
        "origins": ("https://shop.example",),
        "name": "Shop",
        "zone": "UTC",
    }
    return NewSite(**there | {"vapid_key": vapid_key} | fields)


async def make_site(connection, account: int | None = None, **fields) -> Site:
    """Add a site, with a key of its own and, unless one is given, an account of its own."""
    account = account or await add_account(connection, "Anybody")
    key = f"key-{next(_numbers)}"
    await add_vapid_key(connection, account, name=key, public=bytes(65), sealed=b"sealed")
    return await add_site(connection, account, new_site(key, **fields))


def subscription_of(number: int) -> BrowserSubscription:
    name = number.to_bytes(8)
    return BrowserSubscription(f"https://push.example/{number}", b"\4" + bytes(56) + name, bytes(8) + name)


def subscriber_of(site: int, number: int, **fields) -> Subscriber:
    profile = fields.pop("profile", {})
    there = {
        "id": number,
        "site": site,
        "status": SubscriberStatus.ACTIVE,
        "subscription": subscription_of(number),
        "vapid_key": "default",
        "profile": Profile(**{"tags": (), "attributes": {}} | profile),
        **dict.fromkeys(("created_at", "updated_at", "seen_at", "status_at"), NOON),
    }
    return Subscriber(**there | fields)


async def make_subscriber(connection, site: int, number: int, **fields) -> Subscriber:
    subscriber = subscriber_of(site, number, **fields)
    await add_subscriber(connection, subscriber)
    return subscriber


async def until_somebody_waits(database: Database) -> None:
    """Wait until a transaction waits for another one."""
    async with database.connection() as watching:
        await until_told(lambda: watching.fetchval(LOCK_WAITS), "a transaction waits for another one")
