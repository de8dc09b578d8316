"""Sites: whose subscribers these are, from which origins they come, and what their campaigns begin with."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct

from campaigns.model.problems import FieldProblem
from campaigns.model.texts import name_problems

ORIGINS_MAX = 50
URL_MAX = 2_048

_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_LOCAL = re.compile(r"http://localhost(?::[0-9]{1,5})?")
ANY_LOCAL = "http://localhost:*"
"""Among a site's origins: every port of http://localhost."""

_ORIGIN_NEEDED = "must be an origin, https with a host and no path (https://shop.example)"
_URL_NEEDED = "must be an https URL (https://shop.example)"


class TrackClicks(StrEnum):
    """How a click is counted that no service worker of ours sees.

    `page`: the page that is opened reports a token in its URL. `redirect`: the URL leads through the service.
    """

    PAGE = "page"
    REDIRECT = "redirect"
    NONE = "none"


class Defaults(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a site's campaigns begin with where they do not say.

    Attributes:
        ttl: Seconds; the worker's default without.
        stretch_time: Seconds; at most one for each recipient.
        icon: Of notifications without one.
        badge: As `icon`.
        track_clicks: How clicks are counted.
        device_token: Whether Pushwoosh's calls from devices must show a device token of the account.
        sdk: Whether the site's service worker is ours; else the browser shows Declarative Web Push itself.
        empty_204: Whether Truepush's answers with the status 204 are empty, as HTTP has it; else they have
            their body, and HTTP's 200.
    """

    ttl: int | None = None
    stretch_time: float | None = None
    icon: str | None = None
    badge: str | None = None
    track_clicks: TrackClicks = TrackClicks.PAGE
    device_token: bool = False
    sdk: bool = True
    empty_204: bool = False


class NewSite(Struct, frozen=True, kw_only=True):
    """A site before it has an id; the attributes are those of `Site`."""

    url: str
    origins: tuple[str, ...]
    redirect_origins: tuple[str, ...] = ()
    name: str
    zone: str
    vapid_key: str
    identity_secret: bytes | None = None
    defaults: Defaults = Defaults()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


class Site(NewSite, frozen=True, kw_only=True):
    """A site.

    Attributes:
        id: Its number.
        account: Whose it is.
        url: Where it is.
        origins: Whose pages may subscribe browsers.
        redirect_origins: Where redirected clicks may lead besides.
        name: For people.
        zone: Where wall times of its campaigns are meant, in tzdata.
        vapid_key: The name of the key that browsers subscribe with from now on.
        identity_secret: Sealed. None: who says it is a user is believed.
        defaults: What its campaigns begin with.
        created_at: When it was added.
    """

    id: int
    account: int
    created_at: datetime


def origin_of(url: str) -> str | None:
    """Return the origin of an https URL, or of http://localhost (RFC 6454); None if it has no such one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    is_plain = parts.username is None and parts.password is None and url.isascii() and len(url) <= URL_MAX
    if not is_plain or not _HOST.fullmatch(host) or any(char <= " " for char in url):
        return None
    origin = f"{parts.scheme}://{host}" + ("" if port in (None, 443) else f":{port}")
    return origin if parts.scheme == "https" or _LOCAL.fullmatch(origin) else None


def is_allowed_origin(site: NewSite, origin: str, *, dev: bool) -> bool:
    """Whether pages of an origin may subscribe browsers to a site.

    Args:
        site: The site.
        origin: The `Origin` header of a request.
        dev: Whether every port of http://localhost is welcome, too.
    """
    is_local = _LOCAL.fullmatch(origin) is not None
    return origin in site.origins or (is_local and (dev or ANY_LOCAL in site.origins))


def site_problems(site: NewSite, zones: Iterable[str]) -> Iterator[FieldProblem]:
    """Find what is wrong with a site.

    Args:
        site: The site.
        zones: The names that tzdata knows.
    """
    if origin_of(site.url) is None:
        yield FieldProblem("url", _URL_NEEDED)
    yield from _origin_problems("origins", site.origins, besides=ANY_LOCAL)
    yield from _origin_problems("redirect_origins", site.redirect_origins)
    yield from name_problems(site.name)
    if site.zone not in zones:
        yield FieldProblem("zone", "is not a time zone of tzdata (Europe/Berlin)")
    yield from _default_problems(site.defaults)


def _origin_problems(
    field: str, origins: tuple[str, ...], *, besides: str | None = None
) -> Iterator[FieldProblem]:
    if len(origins) > ORIGINS_MAX:
        yield FieldProblem(field, f"has more than {ORIGINS_MAX} origins")
        return
    for index, origin in enumerate(origins):
        if origin not in (besides, origin_of(origin)):
            yield FieldProblem(f"{field}[{index}]", _ORIGIN_NEEDED)


def _default_problems(defaults: Defaults) -> Iterator[FieldProblem]:
    if defaults.ttl is not None and not 0 <= defaults.ttl < 2**31:
        yield FieldProblem("defaults.ttl", "must be a number of seconds, from 0")
    if defaults.stretch_time is not None and not 0 <= defaults.stretch_time <= 30 * 86_400:
        yield FieldProblem("defaults.stretch_time", "must be from 0 to 2592000 seconds")
    for name in ("icon", "badge"):
        picture = getattr(defaults, name)
        if picture is not None and origin_of(picture) is None:
            yield FieldProblem(f"defaults.{name}", _URL_NEEDED)
