"""Where a database is, in words that show no password however the URL is written."""

import pytest

from campaigns.store.place import VARIABLE, place_of


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://someone:hunter2@db.example:6432/shop", "db.example:6432/shop"),
        ("postgresql://someone:hunter2@db.example/shop?sslmode=require", "db.example:5432/shop"),
        ("postgres://db.example", "db.example:5432/"),
        ("postgresql://someone:hunter2@[::1]:6432/shop", "[::1]:6432/shop"),
        ("postgresql://someone:hunter2@one:1,two:2/shop", None),
        ("postgresql://someone@/shop?host=/run/postgresql&port=6432", "/run/postgresql:6432/shop"),
        ("postgresql:///shop", "localhost:5432/shop"),
        ("postgresql://someone:hunter@2@db.example/shop", "db.example:5432/shop"),
        ("postgresql://someone:12/hunter2@db.example/shop", None),
        ("postgresql://someone:12?hunter2@db.example/shop", None),
        ("postgresql://someone:12#hunter2@db.example/shop", None),
        ("postgresql://someone:hunter2/x@db.example/shop", None),
        ("postgresql://[", None),
    ],
)
def test_a_place_is_told_without_who_may_use_it(url, place):
    told = place_of(url)
    assert told == (VARIABLE if place is None else f"{place}, from {VARIABLE}")
    assert "hunter" not in told
    assert "someone" not in told
