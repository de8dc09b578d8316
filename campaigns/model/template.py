"""Templates: content with a name, copied into a campaign when that is made."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from worker.records.notification import Notification


class Template(Struct, frozen=True, kw_only=True):
    """Content that campaigns can begin with; a later change changes no campaign.

    Attributes:
        id: Its number.
        site: Whose it is.
        name: For people, once in a site.
        content: A notification, its texts as templates.
        options: What only the platform asks of it that it was made on.
    """

    id: int
    site: int
    name: str
    content: Notification
    options: dict[str, Any] = {}
    created_at: datetime
    updated_at: datetime
