"""SendPulse's API over a real database, without sockets: what its clients send, byte for byte."""

from typing import Any
from urllib.parse import urlencode

from campaigns.api.gateway import Handled
from campaigns.model.credential import CredentialKind
from campaigns.model.scope import Permission, Scope
from campaigns.model.subscriber import Profile
from campaigns.operations.credentials import CredentialDraft, create_credential
from campaigns.operations.sites import SiteDraft, create_site
from campaigns.operations.subscribers import Subscribed, Subscribing, subscribe
from campaigns.store.accounts import add_account
from campaigns.store.database import Database
from tests.campaigns.adapters.own.support import SHOP, OwnApi, subscription
from tests.campaigns.api.support import NOW, said

FORM = "application/x-www-form-urlencoded"
TASK = {"title": "Sale", "body": "Ends today", "ttl": 3600}
"""What every campaign must have besides its website."""


class SendPulseApi(OwnApi):
    """A client with a token. `scope` is its account's, which may do everything."""

    scope: Scope
    client: tuple[str, str]

    async def join(self, zone: str = "UTC") -> None:
        """Make an account with a credential, and log in with it."""
        async with self.database.transaction() as connection:
            account = await add_account(connection, "Anybody", zone)
        self.scope = Scope(account, None, None, frozenset({Permission.ADMIN}))
        self.client = await self.credential(*Permission)
        self.token = await self.access_token(self.client)

    async def credential(self, *scopes: Permission, site: int | None = None) -> tuple[str, str]:
        """Make a credential: its id and secret."""
        draft = CredentialDraft(
            kind=CredentialKind.SENDPULSE, scopes=tuple(map(str, scopes)), site=site, rate=100_000
        )
        name, _, secret = (await create_credential(self.scope, self.service, draft)).token.partition(":")
        return name, secret

    async def access_token(self, client: tuple[str, str]) -> str:
        return said(await self.log_in_with(*client))["access_token"]

    async def log_in_with(self, name: str, secret: str, **more: str) -> Handled:
        body = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret, **more}
        return await self.ask("POST", "/oauth/access_token", body, token=None)

    async def post_form(self, path: str, *pairs: tuple[str, str]) -> Handled:
        """Post a form as PHP's `http_build_query` writes it."""
        return await self.ask("POST", path, urlencode(pairs).encode(), content_type=FORM)

    async def site(self, scope: Scope | None = None, url: str = SHOP) -> int:
        draft = SiteDraft(url=url, open_identity=True)
        return (await create_site(scope or self.scope, self.service, draft)).site.id

    async def subscriber(self, site: int, name: str = "a", **profile: Any) -> Subscribed:
        user_agent = profile.pop("user_agent", "")
        came = profile.pop("came", NOW)
        entering = Subscribing(
            subscription=subscription(name), user_agent=user_agent, profile=Profile(**profile)
        )
        return await subscribe(self.service, site, entering, came)


def api_over(database: Database) -> SendPulseApi:
    return SendPulseApi(database)


def code(handled: Handled) -> tuple[int, int]:
    """HTTP's status, and SendPulse's number for the error."""
    body = said(handled)
    assert isinstance(body["message"], str)
    assert body["message"]
    return handled.answer.status, body["error_code"]
