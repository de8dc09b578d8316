"""What is known of the outside world: the zones of tzdata, and what ua-parser makes of a user agent."""

from functools import cache, lru_cache
from importlib.resources import files

import ua_parser

from campaigns.model.device import Families
from campaigns.model.zones import Zones, parse_zones

TEXT_MAX = 1024
"""Characters of a user agent that are looked at."""


@cache
def read_zones() -> Zones:
    """Read the zones of the package tzdata, with their countries."""
    folder = files("tzdata.zoneinfo")
    return parse_zones((folder / "zone.tab").read_text(), (folder / "tzdata.zi").read_text())


@lru_cache(maxsize=4096)  # a few hundred are most of them, and each takes half a millisecond
def read_user_agent(text: str) -> Families:
    """Take a user agent apart."""
    found = ua_parser.parse(text[:TEXT_MAX])
    return Families(*(part.family if part else None for part in (found.user_agent, found.os, found.device)))
