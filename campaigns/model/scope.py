"""Who asks: the account, and what its credential may do. Every operation takes a scope first."""

from enum import StrEnum

from msgspec import Struct

from campaigns.model.problems import ForbiddenError, NotFoundError


class Permission(StrEnum):
    """What a credential may do; the values are its `scopes`."""

    READ = "read"
    SEND = "send"
    SUBSCRIBERS = "subscribers"
    SITES = "sites"
    ADMIN = "admin"


GRANTS: dict[Permission, frozenset[Permission]] = {
    Permission.READ: frozenset({Permission.READ}),
    Permission.SEND: frozenset({Permission.SEND}),
    Permission.SUBSCRIBERS: frozenset({Permission.SUBSCRIBERS}),
    Permission.SITES: frozenset({Permission.SITES}),
    Permission.ADMIN: frozenset(Permission),
}
"""What each one includes. A key that sends need not read: a leaked one can do what its scopes say."""


class Scope(Struct, frozen=True):
    """On whose behalf an operation runs.

    Attributes:
        account: Whose data it is. Every statement filters by it.
        credential: Which credential was shown; None for a command or a schedule, which need none.
        site: The only site that it may touch; None for all of the account's.
        scopes: What it may do.
    """

    account: int
    credential: int | None
    site: int | None
    scopes: frozenset[Permission]

    def allows(self, permission: Permission) -> bool:
        """Whether this scope may do something."""
        return any(permission in GRANTS[each] for each in self.scopes)

    def require(self, permission: Permission) -> None:
        """Insist on a permission.

        Raises:
            ForbiddenError: The credential lacks it.
        """
        if not self.allows(permission):
            raise ForbiddenError(f"This credential lacks the scope {permission}.")

    def covers(self, site: int) -> bool:
        """Whether a site of this account is within the scope."""
        return self.site is None or self.site == site

    def require_site(self, site: int) -> None:
        """Insist that a site is within the scope. Whether the site is the account's, the store knows.

        Raises:
            NotFoundError: It is not.
        """
        if not self.covers(site):
            raise NotFoundError("site")
