"""Pushwoosh's API over a real database, without sockets and without Kafka, as its clients call it."""

import base64
import os
from typing import Any, Self

import msgspec

from campaigns.model.credential import CredentialKind, digest_of
from campaigns.model.ids import Kind
from campaigns.model.platforms import platform_spelling
from campaigns.model.scope import Permission, Scope
from campaigns.operations.sites import SiteDraft, create_site
from campaigns.store.credentials import add_credential
from campaigns.store.database import Database
from crypto.keys import generate_receiver_keys
from tests.campaigns.adapters.own.support import SHOP, OwnApi
from tests.campaigns.api.support import said

PUSHWOOSH = CredentialKind.PUSHWOOSH
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)


def keys(name: str = "a") -> dict[str, str]:
    """What the SDK says of a subscription: its endpoint, and keys in base64 with padding."""
    made = generate_receiver_keys()
    return {
        "push_token": f"https://fcm.googleapis.com/fcm/send/{name}",
        "public_key": _padded(made.p256dh),
        "auth_token": _padded(made.auth_text),
    }


def _padded(text: str) -> str:
    return base64.b64encode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))).decode()


class PushwooshApi(OwnApi):
    """A gateway, an account's token in `token`, and the code of its application in `application`."""

    account: int
    application: str
    site: int

    @classmethod
    async def begun(cls, database: Database) -> Self:
        made = cls(database)
        made.account, made.token = await made.log_in()
        made.site, made.application = await made.add_application()
        return made

    async def log_in(
        self, *scopes: Permission, account: int | None = None, site: int | None = None
    ) -> tuple[int, str]:
        """Make a token of the platform, of a new account by default; return the account and the token."""
        account, _ = await super().log_in(account=account)
        token = os.urandom(20).hex()
        async with self.database.transaction() as connection:
            made = await add_credential(
                connection,
                account,
                site=site,
                kind=PUSHWOOSH,
                name="",
                scopes=scopes or (Permission.ADMIN,),
                digest=digest_of(token),
                rate=100_000,
            )
        assert made is not None
        return account, token

    async def add_application(self, account: int | None = None, **fields: Any) -> tuple[int, str]:
        """Add a site that believes who users are; return its number and its code."""
        scope = Scope(account or self.account, None, None, frozenset({Permission.ADMIN}))
        draft = SiteDraft(**{"url": SHOP, "open_identity": True, **fields})
        number = (await create_site(scope, self.service, draft)).site.id
        return number, platform_spelling(PUSHWOOSH, Kind.SITE, number)

    async def call(self, method: str, *, given: dict[str, str] | None = None, **request: Any) -> Any:
        """Call as a server does, with the token in the body; return the status and the answer."""
        body = {"request": {"auth": self.token, **request}}
        return await self.post(method, msgspec.json.encode(body), **(given or {}))

    async def device(self, method: str, *, given: dict[str, str] | None = None, **request: Any) -> Any:
        """Call as the SDK does: text/plain, from a page of the shop."""
        body = {"request": {"application": self.application, "device_type": 11, **request}}
        headers = {"content_type": "text/plain;charset=UTF-8", "origin": SHOP, "user_agent": CHROME}
        return await self.post(method, msgspec.json.encode(body), **{**headers, **(given or {})})

    async def post(self, method: str, body: bytes, **headers: str) -> Any:
        handled = await self.ask("POST", f"/json/1.3/{method}", body, **{"token": None, **headers})
        return handled.answer.status, said(handled)

    async def done(self, method: str, **request: Any) -> Any:
        """Call as a server does, and return the response."""
        return _response(await self.call(method, **request))

    async def done_by_device(self, method: str, **request: Any) -> Any:
        """Call as the SDK does, and return the response."""
        return _response(await self.device(method, **request))

    async def refused(self, method: str, **request: Any) -> str:
        """Call as a server does, be refused inside an answer that is HTTP 200, and return the message."""
        status, answer = await self.call(method, **request)
        assert (status, answer["status_code"], answer["response"]) == (200, 210, None), answer
        return str(answer["status_message"])

    async def fetch(self, statement: str, *values: object) -> list[Any]:
        async with self.database.connection() as connection:
            return await connection.fetch(statement, *values)

    async def subscribe(self, hwid: str, name: str | None = None, **request: Any) -> int:
        """Register a device; return the subscriber's number."""
        await self.done_by_device("registerDevice", hwid=hwid, **keys(name or hwid), **request)
        [row] = await self.fetch("SELECT id FROM subscriber WHERE site = $1 AND hwid = $2", self.site, hwid)
        return int(row["id"])


def _response(answered: Any) -> Any:
    status, answer = answered
    assert (status, answer["status_code"], answer["status_message"]) == (200, 200, "OK"), answer
    return answer["response"]
