"""What a site puts on its pages so that visitors can subscribe."""

from html import escape
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

WORKER_PATH: Final = "/pm-worker.js"
"""Where the SDK looks for the site's worker file. It does not say "push": blockers look for that."""


class Snippet(Struct, frozen=True):
    """The three things that a site needs.

    Attributes:
        page: HTML for every page.
        worker: The file at `WORKER_PATH`.
        policy: Directives to add to a Content-Security-Policy, where the site has one.
    """

    page: str
    worker: str
    policy: tuple[str, ...]

    def __str__(self) -> str:
        """All of it, as text for whoever runs the site."""
        policy = "\n".join(f"    {directive}" for directive in self.policy)
        return (
            f"<!-- In every page: -->\n{self.page}\n\n"
            f"// As {WORKER_PATH}, on the site's own origin:\n{self.worker}\n\n"
            f"If the site sends a Content-Security-Policy, add to it:\n{policy}\n"
        )


def snippet(base_url: str, site_id: str, vapid_public_key: str) -> Snippet:
    """Write a site's snippet.

    Args:
        base_url: Where browsers reach the service, without a slash at its end; may have a path.
        site_id: As `site_7`.
        vapid_public_key: Base64url.
    """
    parts = urlsplit(base_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return Snippet(
        page=(
            f'<script defer src="{escape(base_url)}/sdk/site.js"'
            f' data-site="{escape(site_id)}" data-key="{escape(vapid_public_key)}"></script>'
        ),
        worker=f'importScripts("{base_url}/sdk/worker.js");',
        policy=(f"script-src {origin}", f"connect-src {origin}", "worker-src 'self'"),
    )
