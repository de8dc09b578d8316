from importlib.resources import files

import pytest

from campaigns.model.zones import parse_zones

TABLES = files("tzdata") / "zoneinfo"
ZONES = parse_zones((TABLES / "zone.tab").read_text(), (TABLES / "tzdata.zi").read_text())


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        ("Europe/Berlin", "DE"),
        ("Europe/Copenhagen", "DK"),  # a link to Berlin, but a country of its own
        ("Asia/Kolkata", "IN"),
        ("Asia/Calcutta", "IN"),  # what Chrome says
        ("America/Buenos_Aires", "AR"),
        ("US/Pacific", "US"),
        ("UTC", None),
        ("Etc/GMT+5", None),
    ],
)
def test_every_name_of_a_zone_leads_to_its_country(zone, country):
    assert zone in ZONES
    assert ZONES.country_of(zone) == country


def test_what_is_no_zone_is_in_no_country():
    assert "Mars/Base" not in ZONES
    assert ZONES.country_of("Mars/Base") is None
    assert ZONES.country_of(None) is None
    assert len([*ZONES]) > 500
