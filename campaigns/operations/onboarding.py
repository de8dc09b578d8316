"""A site with all that its owner needs to begin: ids and credentials for each API, in one transaction."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from campaigns.model.credential import DEVICE_SCOPES, ONE_SITE, SCOPES, CredentialKind
from campaigns.model.ids import Kind
from campaigns.model.platforms import Alias
from campaigns.model.problems import ConflictError
from campaigns.model.scope import Permission, Scope
from campaigns.model.site import Site, origin_of
from campaigns.operations.aliases import take_over
from campaigns.operations.credentials import CredentialDraft, create_credential
from campaigns.operations.service import Service
from campaigns.operations.sites import KeyedSite, SiteDraft, create_site
from campaigns.store.sites import find_site_of_pages


class OnboardedSite(Struct, frozen=True, kw_only=True):
    """A new site, with tokens that are told this once.

    Attributes:
        added: The site, and the public half of its key.
        ids: Its id at each platform.
        tokens: A token for each API.
        device_token: Pushwoosh's second one, for calls from devices.
    """

    added: KeyedSite
    ids: Mapping[str, str]
    tokens: Mapping[CredentialKind, str]
    device_token: str

    def __repr__(self) -> str:
        return f"OnboardedSite({self.added!r})"


class SecondSiteError(ConflictError):
    """There is a site for the same pages already.

    Attributes:
        site: The first of them.
    """

    def __init__(self, site: Site) -> None:
        super().__init__("There is a site for these pages already.")
        self.site = site


async def onboard(
    scope: Scope, service: Service, draft: SiteDraft, aliases: Iterable[Alias] = (), *, another: bool = True
) -> OnboardedSite:
    """Add a site, take over what its owner's code holds, and make a credential for each API.

    Args:
        scope: Who asks.
        service: What operations need.
        draft: The site.
        aliases: What its owner's code holds.
        another: Whether pages that may subscribe to a site already may have one more.

    Raises:
        ForbiddenError: The credential may not.
        InvalidError: Something about it is wrong.
        ConflictError: A name is taken, or an id stands for something else.
        SecondSiteError: There is a site for its pages, and no other is wanted.
    """
    async with service.begin() as connection:
        inside = service.within(connection)
        origin = origin_of(draft.url)
        if not another and origin and (first := await find_site_of_pages(connection, scope.account, origin)):
            raise SecondSiteError(first)
        added = await create_site(scope, inside, draft)
        site = added.site.id

        async def token(kind: CredentialKind, scopes: tuple[Permission, ...], for_site: int | None) -> str:
            credential = CredentialDraft(kind=kind, scopes=scopes, site=for_site)
            return (await create_credential(scope, inside, credential)).token

        return OnboardedSite(
            added=added,
            ids=await take_over(scope, inside, Kind.SITE, site, aliases),
            tokens={
                kind: await token(kind, SCOPES, site if kind in ONE_SITE else None) for kind in CredentialKind
            },
            device_token=await token(CredentialKind.PUSHWOOSH, DEVICE_SCOPES, site),
        )
