"""Templates: content with a name, copied into a campaign when that is made."""

from datetime import datetime

from msgspec import Struct

from worker.records.notification import Notification


class Template(Struct, frozen=True, kw_only=True):
    """Content that campaigns can begin with; a later change changes no campaign.

    Attributes:
        id: Its number.
        site: Whose it is.
        name: For people, once in a site.
        content: A notification, its texts as templates.
    """

    id: int
    site: int
    name: str
    content: Notification
    created_at: datetime
    updated_at: datetime
