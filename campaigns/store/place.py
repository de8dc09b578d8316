"""Where a database is, for messages to whoever runs the service. Knows no connection, and tells no user."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

VARIABLE = "PUSHMILL_CAMPAIGNS_DATABASE_URL"
PORT = 5432

_HOSTS = re.compile(r"[A-Za-z0-9._,:\[\]/-]+")
_NAME = re.compile(r"[\w.-]*")


def place_of(url: str) -> str:
    """Return `localhost:5432/shop, from PUSHMILL_CAMPAIGNS_DATABASE_URL`, never a user or a password.

    Of a URL whose password might be taken for a part of the place, it returns the variable's name alone.
    """
    try:
        parts = urlsplit(url)
        given = dict(parse_qsl(parts.query))
        port = parts.port or given.get("port", PORT)
    except ValueError:
        return VARIABLE
    hosts = parts.netloc.rpartition("@")[2] or given.get("host", "localhost")
    name = unquote(parts.path.removeprefix("/")) or given.get("dbname", given.get("database", ""))
    behind = parts.path + parts.query + parts.fragment
    if "@" in behind or not _HOSTS.fullmatch(hosts) or not _NAME.fullmatch(name):
        return VARIABLE
    shown = hosts if parts.port or "," in hosts else f"{hosts}:{port}"
    return f"{shown}/{name}, from {VARIABLE}"
