"""Time zones: which names tzdata knows, and which country a zone is in. Reads the text of its tables."""

from collections.abc import Iterator, Mapping

from msgspec import Struct


class Zones(Struct, frozen=True):
    """What is known of time zones.

    Attributes:
        countries: By the name of each zone, old names included, its country (ISO 3166-1 alpha-2); None if it
            is in none, as UTC is.
    """

    countries: Mapping[str, str | None]

    def __contains__(self, zone: object) -> bool:
        return zone in self.countries

    def __iter__(self) -> Iterator[str]:
        return iter(self.countries)

    def country_of(self, zone: str | None) -> str | None:
        """Return the country that a zone is in; None for one that is in none, or unknown."""
        return None if zone is None else self.countries.get(zone)


def parse_zones(zone_tab: str, tzdata_zi: str) -> Zones:
    """Read the tables of tzdata.

    Args:
        zone_tab: `zone.tab`, which has a zone for each country. (`zone1970.tab` has Copenhagen as a part of
            Berlin.)
        tzdata_zi: `tzdata.zi`, which has every zone and every link, such as Asia/Calcutta, which Chrome says.
            Source: https://data.iana.org/time-zones/tz-how-to.html
    """
    countries: dict[str, str | None] = {}
    links: list[tuple[str, str]] = []
    for line in tzdata_zi.splitlines():
        match line.split():
            case ["Z", zone, *_]:
                countries[zone] = None
            case ["L", target, link]:
                links.append((target, link))
    own = dict(_of_countries(zone_tab))
    countries |= own
    for target, link in links:
        countries[link] = own.get(link) or countries.get(target)
    return Zones(countries)


def _of_countries(zone_tab: str) -> Iterator[tuple[str, str]]:
    for line in zone_tab.splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            yield zone, country
