"""Which hosts are push services, and which endpoints may be sent to.

Decides from the parsed host name alone (decision 10). Knows nothing of addresses or connections: the
transport checks addresses at the moment it connects.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from string import ascii_letters, digits

from msgspec import Struct

ENDPOINT_MAX_CHARS = 2048
_AUTHORITIES_KEPT = 4096
HTTPS_PORT = 443


class PushService(StrEnum):
    """The push services that pushmill distinguishes; the values are metric labels and appear in outcomes."""

    FCM = "fcm"
    MOZILLA = "mozilla"
    WNS = "wns"
    APPLE = "apple"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class KnownHost:
    """A row of the table: `host` itself or, with `below`, every host that ends in `.host`."""

    service: PushService
    host: str
    below: bool = False
    path: str = "/"


# Sources: docs/push-services.md: Hosts.
# android.googleapis.com/gcm/send has been shut down and is left out: such an endpoint is not allowed.
KNOWN_HOSTS = (
    KnownHost(PushService.FCM, "fcm.googleapis.com"),
    KnownHost(PushService.FCM, "jmt17.google.com"),
    KnownHost(PushService.MOZILLA, "push.services.mozilla.com", below=True),
    KnownHost(PushService.WNS, "notify.windows.com", below=True),
    KnownHost(PushService.APPLE, "push.apple.com", below=True),
    KnownHost(PushService.OTHER, "graph.facebook.com", path="/rl_push_send"),
)


class EndpointRefusedError(ValueError):
    """An endpoint that must not be connected to.

    Attributes:
        problem: Says why, without repeating the endpoint.
        needs_rule: Whether a host rule of the operator's would let it in.
    """

    def __init__(self, problem: str, *, needs_rule: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.needs_rule = needs_rule


class HostRuleError(ValueError):
    """A host rule in the configuration that cannot be parsed."""


@dataclass(frozen=True, slots=True)
class HostRule:
    """A host suffix that the operator allows: the host itself and its subdomains, on one port."""

    suffix: str
    port: int = HTTPS_PORT

    def admits(self, host: str, port: int) -> bool:
        """Whether `host` is the suffix or one of its subdomains, on the rule's own port."""
        return port == self.port and (host == self.suffix or host.endswith("." + self.suffix))


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of endpoints, shared by all that have the same scheme, host and port.

    Attributes:
        service: The push service, which determines what answers mean.
        host: Host name in lower case, as it is resolved and used in TLS.
        port: TCP port.
        url: RFC 6454 origin without the default port: the `aud` of RFC 8292 section 2.
        key: Key for politeness: the push service, or host and port if the push service is not a known one.
        path: The path that endpoints must have; `/` if any will do.
    """

    service: PushService
    host: str
    port: int
    url: str
    key: str
    path: str = "/"


class Endpoint(Struct, frozen=True, gc=False):
    """A subscription's endpoint that may be sent to.

    Attributes:
        origin: Scheme, host and port, and the push service that they belong to.
        target: Path and query exactly as given: tokens of push services hold `%2f` that must stay.
    """

    origin: Origin
    target: str

    def __repr__(self) -> str:
        return f"Endpoint({self.origin!r})"


# RFC 3986 section 2 without "#", which begins a fragment: no backslash, space or control, ASCII only.
_URL_CHARS = frozenset(ascii_letters + digits + "-._~:/?[]@!$&'()*+,;=%")
_OTHERS_CHANGED = bytes(code if chr(code) in _URL_CHARS else ord("-") for code in range(256))
# No user info, no IPv6 literal, a port only with a number.
_BASE = re.compile(r"https://([A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(?=[/?]|\Z)")
_SCHEME_CHARS = len("https://")
_NOT_PLAIN = "is not a plain https URL of a host name and a path"
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
# WHATWG URL, "ends in a number": browsers and resolvers read such a host as an IPv4 address.
_NUMERIC_HOST = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")


def parse_host_rules(text: str) -> tuple[tuple[HostRule, ...], bool]:
    """Parse a comma-separated list of host suffixes, each with its port unless that is 443, or `*`.

    Returns:
        The rules, and whether `*` (any public host) was in the list.

    Raises:
        HostRuleError: An entry is neither a host name with an optional port nor `*`.
    """
    entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
    return tuple(_host_rule(entry) for entry in entries if entry != "*"), "*" in entries


def _host_rule(entry: str) -> HostRule:
    host, colon, port = entry.partition(":")
    if not _HOST.fullmatch(host) or (
        colon and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536)
    ):
        raise HostRuleError(f"{entry!r} is not a host name with an optional port (push.example.org:8443)")
    return HostRule(host, int(port) if colon else HTTPS_PORT)


def service_of(key: str) -> PushService:
    """Return the push service that an `Origin.key` belongs to."""
    return PushService(key) if key in _SERVICES else PushService.OTHER


_SERVICES = frozenset(PushService)


class Endpoints:
    """Admits endpoints by host rules, and caches the origin of each authority."""

    def __init__(self, extra: Iterable[HostRule] = (), *, any_host: bool = False) -> None:
        self._extra = tuple(extra)
        self._any_host = any_host
        self._origins: dict[str, Origin] = {}  # by URL up to the "/" that begins the path

    def parse(self, url: str) -> Endpoint:
        """Parse the endpoint URL of a subscription.

        Raises:
            EndpointRefusedError: The URL is not https, has no plain host name, or a host or port that is not
                allowed.
        """
        if len(url) > ENDPOINT_MAX_CHARS or not _has_url_chars(url):
            raise EndpointRefusedError(_NOT_PLAIN)
        end = url.find("/", _SCHEME_CHARS) + 1  # 0 without a path
        origin = self._origins.get(url[:end])
        if origin is None:
            origin, target = self._admit(url)
        else:
            target = url[end - 1 :]
        if origin.path != "/" and not _has_path(target, origin.path):
            raise EndpointRefusedError("has a path at which this host accepts no pushes")
        return Endpoint(origin, target)

    def _admit(self, url: str) -> tuple[Origin, str]:
        match = _BASE.match(url)
        if match is None:
            raise EndpointRefusedError(_NOT_PLAIN)
        host, port = match.groups()
        origin = self._judge(host.lower(), HTTPS_PORT if port is None else int(port))
        if len(self._origins) >= _AUTHORITIES_KEPT:
            self._origins.clear()
        self._origins[match[0] + "/"] = origin
        target = url[match.end() :]
        return origin, target if target.startswith("/") else "/" + target

    def _judge(self, host: str, port: int) -> Origin:
        if not _HOST.fullmatch(host) or not 0 < port < 65536:
            raise EndpointRefusedError("has an invalid host or port")
        listed = any(rule.admits(host, port) for rule in self._extra)
        if _NUMERIC_HOST.fullmatch(host) and HostRule(host, port) not in self._extra:
            raise EndpointRefusedError("has an IP address as its host")
        known = next((row for row in KNOWN_HOSTS if _is_known(row, host)), None)
        if port != HTTPS_PORT and not listed:
            raise EndpointRefusedError("has a port that is not allowed", needs_rule=True)
        if known is None and not listed and not self._any_host:
            raise EndpointRefusedError("has a host that is not a known push service", needs_rule=True)
        return _origin(known, host, port)


def _has_url_chars(url: str) -> bool:
    """Whether replacing every character that URLs cannot hold changes nothing: far cheaper than a pattern."""
    chars = url.encode("ascii", "backslashreplace")
    return chars.translate(_OTHERS_CHANGED) == chars


def _has_path(target: str, path: str) -> bool:
    """Whether a target has the path `path`, with or without a query."""
    return target.partition("?")[0] in {path, path + "/"}


def _is_known(row: KnownHost, host: str) -> bool:
    return host.endswith("." + row.host) if row.below else host == row.host


def _origin(known: KnownHost | None, host: str, port: int) -> Origin:
    service = known.service if known else PushService.OTHER
    authority = host if port == HTTPS_PORT else f"{host}:{port}"
    # Always with the port, so that no unknown host can have the same key as a known push service.
    key = f"{host}:{port}" if service is PushService.OTHER else service.value
    return Origin(service, host, port, f"https://{authority}", key, known.path if known else "/")
