"""What `pushmill campaigns doctor` makes of what it has found, as one finding each. Asks nobody."""

from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct

from campaigns.model.site import ANY_LOCAL, Site, origin_of
from campaigns.sdk.snippet import WORKER_PATH, Snippet

_OF_DEFAULT = ("script-src", "connect-src", "worker-src")
"""Directives that `default-src` stands for (CSP 3, section 6.1)."""


class Result(StrEnum):
    """How something is. What is `unknown` could not be looked at."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Finding(Struct, frozen=True):
    """What was found about one thing.

    Attributes:
        check: What was looked at.
        result: How it is.
        detail: What that means, and the way out.
    """

    check: str
    result: Result
    detail: str


class Page(Struct, frozen=True):
    """What a web server has answered.

    Attributes:
        status: HTTP's.
        policy: The Content-Security-Policy; empty if there is none.
        media_type: The content type, without parameters.
        text: The beginning of the body.
    """

    status: int
    policy: str = ""
    media_type: str = ""
    text: str = ""


def key_finding(name: str, folder: str | None, found: bytes | None, public: bytes) -> Finding:
    """Judge the key in the workers' folder.

    Args:
        name: The key's name.
        folder: `PUSHMILL_VAPID_DIR`.
        found: The public half of what is there under this name; None if nothing usable is.
        public: The public half that it should be.
    """
    if folder is None:
        return Finding(
            "key", Result.UNKNOWN, "PUSHMILL_VAPID_DIR is not set here; set it as the workers have it"
        )
    if found is None:
        way = "run the role keys with PUSHMILL_VAPID_DIR, or `pushmill campaigns keys sync DIR`"
        return Finding("key", Result.WRONG, f"{folder} has no usable {name}.pem: {way}")
    if found != public:
        return Finding("key", Result.WRONG, f"{folder}/{name}.pem holds another key: move it away")
    return Finding("key", Result.OK, f"{folder}/{name}.pem is the site's key")


def origins_finding(site: Site) -> Finding:
    """Judge from where browsers may subscribe."""
    own = origin_of(site.url)
    allowed = ", ".join(site.origins)
    if own not in site.origins:
        return Finding("origins", Result.WRONG, f"pages of {own} may not subscribe, only those of {allowed}")
    if ANY_LOCAL in site.origins:
        return Finding("origins", Result.OK, f"{allowed}; take {ANY_LOCAL} away before production")
    return Finding("origins", Result.OK, allowed)


def public_url_finding(public_url: str, page: Page | str) -> Finding:
    """Judge whether browsers reach the service: `page` is its script, or why there is none."""
    parts = urlsplit(public_url)
    if parts.scheme != "https" and parts.hostname != "localhost":
        return Finding("public url", Result.WRONG, f"{public_url} is not https: pages cannot load its script")
    if isinstance(page, str):
        return Finding("public url", Result.WRONG, f"{public_url}/sdk/site.js {page}")
    if page.status != 200:
        return Finding("public url", Result.WRONG, f"{public_url}/sdk/site.js answers {page.status}")
    return Finding("public url", Result.OK, f"{public_url} serves the script")


def policy_finding(site: Site, snippet: Snippet, page: Page | str) -> Finding:
    """Judge the site's Content-Security-Policy, as far as its first page shows it."""
    needs = "; ".join(snippet.policy)
    if isinstance(page, str):
        return Finding("policy", Result.UNKNOWN, f"{site.url} {page}; if it sends a policy, add: {needs}")
    missing = [each for each in snippet.policy if not _allows(page.policy, each, origin_of(site.url) or "")]
    if page.policy and missing:
        return Finding("policy", Result.WRONG, f"{site.url} sends a policy that lacks: {'; '.join(missing)}")
    return Finding("policy", Result.OK, f"if the site sends a policy elsewhere, it needs: {needs}")


def _allows(policy: str, needed: str, own: str) -> bool:
    name, source = needed.split()
    directives = {words[0].lower(): words[1:] for part in policy.split(";") if (words := part.split())}
    allowed = directives.get(name, directives.get("default-src") if name in _OF_DEFAULT else None)
    if allowed is None or "*" in allowed:
        return True
    same = {"'self'", own}
    return source in allowed or (source in same and bool(same & {*allowed})) or _scheme(source) in allowed


def _scheme(source: str) -> str:
    return f"{source.partition('://')[0]}:"


def worker_finding(site: Site, snippet: Snippet, page: Page | str) -> Finding:
    """Judge the site's service worker file."""
    url = f"{origin_of(site.url)}{WORKER_PATH}"
    way = f"serve there one line: {snippet.worker}"
    if isinstance(page, str):
        return Finding("worker script", Result.WRONG, f"{url} {page}")
    if page.status != 200:
        return Finding("worker script", Result.WRONG, f"{url} answers {page.status}: {way}")
    if "javascript" not in page.media_type:
        return Finding("worker script", Result.WRONG, f"{url} is not served as text/javascript")
    if "/sdk/worker.js" not in page.text:
        return Finding("worker script", Result.WRONG, f"{url} does not load the worker: {way}")
    return Finding("worker script", Result.OK, f"{url} loads the worker")


def push_finding(by_status: dict[str, int], targeted: int) -> Finding:
    """Judge a test push."""
    if not targeted:
        return Finding("test push", Result.WRONG, "the subscriber is not active: nothing was sent")
    if by_status.get("sent"):
        return Finding("test push", Result.OK, "the push service has taken it")
    if by_status:
        return Finding("test push", Result.WRONG, f"it ended as {', '.join(by_status)}")
    way = "are the roles launcher and collector, and a worker, running?"
    return Finding("test push", Result.WRONG, f"nothing has come of it yet: {way}")


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong."""
    return all(each.result is not Result.WRONG for each in findings)
