"""What tests of operations begin with: a service over a database, and an account with a site."""

import os
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import ua_parser

from campaigns.model.device import Families
from campaigns.model.scope import Permission, Scope
from campaigns.model.secrets import parse_secrets
from campaigns.model.zones import parse_zones
from campaigns.operations.service import Service
from campaigns.operations.sites import SiteDraft, create_site
from campaigns.store.accounts import add_account
from crypto.keys import generate_receiver_keys
from worker.push.services import Endpoints

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TABLES = files("tzdata") / "zoneinfo"
ZONES = parse_zones((TABLES / "zone.tab").read_text(), (TABLES / "tzdata.zi").read_text())
HELLO = {"title": "Hello {{name|there}}", "url": "https://shop.example/?c={{campaign_id}}"}


def families(agent):
    read = ua_parser.parse(agent)
    return Families(*(part and part.family for part in (read.user_agent, read.os, read.device)))


def service_over(database) -> Service:
    return Service(
        begin=database.transaction,
        secrets=parse_secrets("s" * 32),
        endpoints=Endpoints(),
        zones=ZONES,
        public_url="https://push.example",
        random=os.urandom,
        read_user_agent=families,
    )


async def make_account(database, *permissions: Permission, site: int | None = None) -> Scope:
    """Add an account, and return the scope of a credential of it; one that may do everything by default."""
    async with database.transaction() as connection:
        account = await add_account(connection, "Anybody")
    return Scope(account, None, site, frozenset(permissions or {Permission.ADMIN}))


async def make_site(scope: Scope, service: Service, **fields):
    return await create_site(scope, service, SiteDraft(**{"url": "https://shop.example", **fields}))


def subscription(name: str = "a"):
    keys = generate_receiver_keys()
    return {
        "endpoint": f"https://fcm.googleapis.com/fcm/send/{name}",
        "keys": {"p256dh": keys.p256dh, "auth": keys.auth_text},
    }


async def contents(database) -> dict[str, list[object]]:
    """Everything in the tables that operations write, to compare before and after."""
    tables = (
        "site",
        "vapid_key",
        "credential",
        "subscriber",
        "segment",
        "template",
        "campaign",
        "launch",
        "outbox",
    )
    async with database.connection() as connection:
        return {
            table: await connection.fetch(f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in tables
        }
