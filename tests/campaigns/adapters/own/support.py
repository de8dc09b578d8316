"""The own API over a real database, without sockets and without Kafka."""

import os
from typing import Any

from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.service import ApiService, EventsLostError
from campaigns.api.authentication import Authenticator
from campaigns.api.gateway import Gateway
from campaigns.api.idempotency import Repeats
from campaigns.api.limits import IN_MEMORY, SITE, Limiter
from campaigns.api.matching import Table
from campaigns.api.outside import read_user_agent, read_zones
from campaigns.api.routes import routes
from campaigns.api.stored_keys import transactions
from campaigns.model.credential import CredentialKind, digest_of
from campaigns.model.events import EventRecord
from campaigns.model.scope import Permission
from campaigns.model.secrets import parse_secrets
from campaigns.store.accounts import add_account
from campaigns.store.credentials import add_credential, find_credential
from campaigns.store.database import Database, DatabaseAwayError
from crypto.keys import generate_receiver_keys
from tests.campaigns.api.support import NOW, Client, said
from worker.push.services import Endpoints

SHOP = "https://shop.example"
PUBLIC_URL = "https://push.example"
HELLO = {"title": "Hello {{name|there}}", "url": f"{SHOP}/new"}


def subscription(name: str = "a") -> dict[str, Any]:
    """What a browser's `PushSubscription.toJSON()` gives."""
    keys = generate_receiver_keys()
    return {
        "endpoint": f"https://fcm.googleapis.com/fcm/send/{name}",
        "keys": {"p256dh": keys.p256dh, "auth": keys.auth_text},
    }


class OwnApi(Client):
    """A gateway over a database; `written` are the events that went to Kafka.

    `ignored` says how many fields of whose requests were passed over.
    """

    def __init__(self, database: Database, *, dev: bool = False, country_header: str = "") -> None:
        self.database = database
        self.written: list[EventRecord] = []
        self.foreign: list[int] = []
        self.kafka_is_away = False
        self.now = NOW
        self.seconds = 0.0
        self.ignored: list[tuple[str, int]] = []
        limiter = Limiter(IN_MEMORY)

        async def admit_subscriber(site: int) -> None:
            await limiter.take(SITE, site)

        self.service = ApiService(
            begin=database.transaction,
            secrets=parse_secrets("s" * 32),
            endpoints=Endpoints(),
            zones=read_zones(),
            public_url=PUBLIC_URL,
            random=os.urandom,
            read_user_agent=read_user_agent,
            write_events=self.write_events,
            admit_subscriber=admit_subscriber,
            count_foreign=self.foreign.append,
            country_header=country_header,
            dev=dev,
        )
        self.gateway = Gateway(
            Table(routes(PUBLIC_URL), OWN),
            service=self.service,
            authenticator=Authenticator(self.find, limiter, lambda: self.seconds),
            limiter=limiter,
            repeats=Repeats(transactions(self.service)),
            away=(DatabaseAwayError, EventsLostError),
            now=lambda: self.now,
            count_ignored=lambda adapter, fields: self.ignored.append((adapter, fields)),
        )

    async def find(self, digest: bytes) -> Any:
        async with self.database.connection() as connection:
            return await find_credential(connection, digest)

    async def write_events(self, events: Any) -> None:
        if self.kafka_is_away:
            raise EventsLostError
        self.written += events

    async def log_in(
        self, *scopes: Permission, account: int | None = None, site: int | None = None
    ) -> tuple[int, str]:
        """Make a key, of a new account by default; return the account and the key."""
        token = f"pm_{os.urandom(20).hex()}"
        async with self.database.transaction() as connection:
            account = account or await add_account(connection, "Anybody")
            made = await add_credential(
                connection,
                account,
                site=site,
                kind=CredentialKind.OWN,
                name="",
                scopes=scopes or (Permission.ADMIN,),
                digest=digest_of(token),
                rate=100_000,
            )
        assert made is not None
        return account, token

    async def make(self, path: str, body: object = b"", **more: Any) -> Any:
        """Post something; return what is answered."""
        handled = await self.ask("POST", path, body, **more)
        assert handled.answer.status in {200, 201}, handled.answer.body
        return said(handled)

    async def get(self, path: str) -> Any:
        handled = await self.ask("GET", path)
        assert handled.answer.status == 200, handled.answer.body
        return said(handled)
