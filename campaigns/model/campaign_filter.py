"""Which campaigns of an account a list is to have."""

from msgspec import Struct


class CampaignFilter(Struct, frozen=True, kw_only=True):
    """Which campaigns.

    Attributes:
        site: Only this one's.
        name: What their names contain, in any case.
        recurring: Only those that recur, or that do not; None: both.
    """

    site: int | None = None
    name: str = ""
    recurring: bool | None = None
