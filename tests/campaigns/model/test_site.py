from datetime import UTC, datetime

import msgspec
import pytest

from campaigns.model.site import (
    ANY_LOCAL,
    Defaults,
    NewSite,
    Site,
    TrackClicks,
    is_allowed_origin,
    origin_of,
    site_problems,
)

ZONES = {"UTC", "Europe/Berlin"}
SHOP = NewSite(
    url="https://shop.example/start",
    origins=("https://shop.example", "https://www.shop.example:8443"),
    name="Shop",
    zone="Europe/Berlin",
    vapid_key="shop",
)


def changed(**fields):
    return [
        (each.field, each.problem) for each in site_problems(msgspec.structs.replace(SHOP, **fields), ZONES)
    ]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://Shop.Example:443/a?b#c", "https://shop.example"),
        ("https://shop.example:8443/", "https://shop.example:8443"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("http://localhost", "http://localhost"),
        ("http://shop.example", None),
        ("ftp://localhost", None),
        ("https://user@shop.example", None),
        ("https://", None),
        ("https://shop.example:99999", None),
        ("https://[::1", None),
        ("https://sh op.example", None),
        ("https://shöp.example", None),
        ("https://-shop.example", None),
        ("https://shop.example/\n", None),
        ("https://x.example/" + "a" * 2048, None),
        ("", None),
    ],
)
def test_the_origin_of_a_url(url, origin):
    assert origin_of(url) == origin


def test_a_site_with_nothing_wrong():
    assert changed() == []
    assert changed(url="http://localhost:8000", origins=()) == []


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"url": "http://shop.example"}, "url", "https"),
        ({"origins": ("https://shop.example/",)}, "origins[0]", "no path"),
        ({"origins": ("https://shop.example", "*")}, "origins[1]", "origin"),
        ({"origins": ("https://a.example",) * 51}, "origins", "more than 50"),
        ({"redirect_origins": ("https://Shop.example",)}, "redirect_origins[0]", "origin"),
        ({"name": " "}, "name", "empty"),
        ({"zone": "Mars/Base"}, "zone", "tzdata"),
        ({"defaults": Defaults(ttl=-1)}, "defaults.ttl", "seconds"),
        ({"defaults": Defaults(stretch_time=1e9)}, "defaults.stretch_time", "seconds"),
        ({"defaults": Defaults(icon="icon.png")}, "defaults.icon", "https"),
    ],
)
def test_what_is_wrong_with_a_site_is_named(fields, field, problem):
    [(at, text)] = changed(**fields)
    assert at == field
    assert problem in text


@pytest.mark.parametrize(
    ("origin", "dev", "allowed"),
    [
        ("https://shop.example", False, True),
        ("https://www.shop.example:8443", False, True),
        ("https://evil.example", True, False),
        ("https://shop.example.evil.example", True, False),
        ("http://localhost:5173", False, False),
        ("http://localhost:5173", True, True),
        ("http://localhost.evil.example", True, False),
        ("null", True, False),
    ],
)
def test_pages_of_the_sites_origins_may_subscribe(origin, dev, allowed):
    assert is_allowed_origin(SHOP, origin, dev=dev) is allowed


def test_a_site_is_a_new_site_with_an_id_and_shows_no_secret():
    site = Site(
        **{**msgspec.structs.asdict(SHOP), "identity_secret": b"sealed"},
        id=7,
        account=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert isinstance(site, NewSite)
    assert repr(site) == "Site('https://shop.example/start')"
    assert site.defaults.track_clicks is TrackClicks.PAGE


def test_a_site_may_let_pages_of_localhost_subscribe_by_itself():
    site = msgspec.structs.replace(SHOP, origins=(*SHOP.origins, ANY_LOCAL))
    assert [*site_problems(site, ZONES)] == []
    assert is_allowed_origin(site, "http://localhost:3000", dev=False)
    assert not is_allowed_origin(site, "http://localhost.example", dev=False)
    assert changed(redirect_origins=(ANY_LOCAL,))
