"""Segments: conditions with names."""

from datetime import datetime

from msgspec import Struct

from campaigns.model.condition import Condition


class Segment(Struct, frozen=True, kw_only=True):
    """A condition that campaigns can name; whoever meets it when a campaign is launched is in it.

    Attributes:
        id: Its number.
        site: Whose subscribers it is of.
        name: For people, once in a site.
        condition: What they meet.
    """

    id: int
    site: int
    name: str
    condition: Condition
    created_at: datetime
    updated_at: datetime
