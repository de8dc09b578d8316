"""Pushary's API over a real database, without sockets."""

from typing import Any

from campaigns.api.gateway import Handled
from campaigns.model.credential import CredentialKind
from campaigns.model.scope import Permission, Scope
from campaigns.model.subscriber import Profile
from campaigns.operations.credentials import CredentialDraft, create_credential
from campaigns.operations.sites import SiteDraft, create_site
from campaigns.operations.subscribers import Subscribed, Subscribing, subscribe
from campaigns.store.accounts import add_account
from tests.campaigns.adapters.own.support import SHOP, OwnApi, subscription
from tests.campaigns.api.support import NOW, said

BASE = "/api/v1/server"
NOTICE = {"title": "Sale", "body": "Ends today"}


class PusharyApi(OwnApi):
    """A client with a key for one site. `scope` is its account's, which may do everything."""

    scope: Scope
    site: int

    async def join(self) -> None:
        """Make an account with a site, and a key for that."""
        async with self.database.transaction() as connection:
            account = await add_account(connection, "Anybody")
        self.scope = Scope(account, None, None, frozenset({Permission.ADMIN}))
        self.site = await self.add_site()
        self.token = await self.key(*Permission, site=self.site)

    async def key(self, *scopes: Permission, site: int | None = None, rate: int | None = 100_000) -> str:
        draft = CredentialDraft(
            kind=CredentialKind.PUSHARY, scopes=tuple(map(str, scopes)), site=site, rate=rate
        )
        return (await create_credential(self.scope, self.service, draft)).token

    async def add_site(self) -> int:
        draft = SiteDraft(url=SHOP, open_identity=True)
        return (await create_site(self.scope, self.service, draft)).site.id

    async def subscriber(self, name: str = "a", **profile: Any) -> Subscribed:
        user_agent = profile.pop("user_agent", "")
        entering = Subscribing(
            subscription=subscription(name), user_agent=user_agent, profile=Profile(**profile)
        )
        return await subscribe(self.service, self.site, entering, NOW)

    async def call(self, method: str, path: str, body: object = b"", **more: Any) -> Any:
        """Ask for something that is answered; return that."""
        handled = await self.ask(method, BASE + path, body, **more)
        assert handled.answer.status in {200, 201}, handled.answer.body
        return said(handled)

    async def refused(self, method: str, path: str, body: object = b"", **more: Any) -> tuple[int, str, str]:
        """Ask for something that is refused; return HTTP's status, the kind, and what is wrong."""
        handled = await self.ask(method, BASE + path, body, **more)
        return told(handled)


def told(handled: Handled) -> tuple[int, str, str]:
    body = said(handled)
    assert handled.answer.media_type == "application/json"
    assert body.keys() <= {"error", "message", "retryAfter"}
    return handled.answer.status, body["error"], body["message"]
