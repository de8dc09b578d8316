"""A platform's API over a real database: what its tests begin with, and what is asked of it by mistake."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from campaigns.adapters.own.adapter import OWN
from campaigns.api.matching import Table
from campaigns.api.routes import routes
from campaigns.model.credential import CredentialKind
from campaigns.model.scope import Permission, Scope
from campaigns.operations.credentials import CredentialDraft, create_credential
from campaigns.operations.onboarding import onboard
from campaigns.operations.sites import SiteDraft
from campaigns.store.accounts import add_account
from tests.campaigns.adapters.own.support import PUBLIC_URL, SHOP, OwnApi
from tests.campaigns.api.support import said

SAMPLES: Mapping[str, object] = {
    "text": "x",
    "number": 5,
    "truth": True,
    "list": ["x"],
    "object": {"x": 1},
}
"""A value of each kind of JSON."""


class DocumentedCall(NamedTuple):
    """A call, as the platform's document has it.

    Attributes:
        where: Its heading there.
        name: Of the route that serves it.
        method: HTTP's.
        path: With parameters in braces.
        required: Fields of the body that must be there, with the kind of each.
        optional: Those that need not.
    """

    where: str
    name: str
    method: str
    path: str
    required: Mapping[str, str] = {}
    optional: Mapping[str, str] = {}


class PlatformApi(OwnApi):
    """A gateway over a database; asked with a platform's credential."""

    def __init__(self, database: Any, kind: CredentialKind) -> None:
        super().__init__(database)
        self.kind = kind
        self.account = self.site = 0

    async def onboard(self, **fields: Any) -> str:
        """Add an account with a site, ask as it from now on, and return its token."""
        async with self.database.transaction() as connection:
            self.account = await add_account(connection, "Anybody")
        return await self.add_site(**fields)

    async def add_site(self, **fields: Any) -> str:
        """Add a site to the account, ask as it from now on, and return its token."""
        made = await onboard(self.scope, self.service, SiteDraft(**{"url": SHOP, **fields}))
        self.site, self.token = made.added.site.id, made.tokens[self.kind]
        return made.tokens[self.kind]

    async def credential(self, *scopes: Permission, site: int | None = None) -> str:
        """Make a credential of the account that may do this alone."""
        draft = CredentialDraft(kind=self.kind, scopes=scopes, site=site)
        return (await create_credential(self.scope, self.service, draft)).token

    @property
    def scope(self) -> Scope:
        """What the account's owner may do."""
        return Scope(self.account, None, None, frozenset({Permission.ADMIN}))

    async def tell(
        self, method: str, path: str, body: object = b"", *, status: int = 200, **more: Any
    ) -> Any:
        """Ask for something, and return what is said with this status."""
        handled = await self.ask(method, path, body, **more)
        assert handled.answer.status == status, (method, path, handled.answer)
        return said(handled) if handled.answer.body else None


def routes_of(adapter: str) -> list[Any]:
    """The rows of an adapter."""
    return [route for route in routes(PUBLIC_URL) if route.adapter.name == adapter]


def is_served(call: DocumentedCall) -> bool:
    """Whether a documented call leads to its route."""
    path = call.path.replace("{", "x").replace("}", "x")
    return Table(routes(PUBLIC_URL), OWN).match(call.method, path).route.name == call.name


def wrong_bodies(call: DocumentedCall, good: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield bodies that are wrong in one field each, with what is wrong.

    Args:
        call: The call.
        good: A body that is accepted.
    """
    for field, kind in {**call.required, **call.optional}.items():
        for other, value in SAMPLES.items():
            if other != kind:
                yield f"{field} is a {other}", {**good, field: value}
    for field in call.required:
        yield f"{field} is missing", {name: value for name, value in good.items() if name != field}
        yield f"{field} is null", {**good, field: None}


BROKEN = (b"", b"{", b"[]", b"5", b'"x"', b"null", b"\xff", b'{"a": "\\u0000"}', b"[" * 50_000)
"""Bodies that are no object of JSON, or that cannot be kept."""
