import gzip

import pytest

from tests.campaigns.adapters.own.support import OwnApi


@pytest.mark.parametrize("name", ["site.js", "worker.js"])
async def test_a_script_is_served_until_it_changes(database, name):
    api = OwnApi(database)
    first = await api.ask("GET", f"/sdk/{name}", token=None)
    assert (first.answer.status, first.answer.media_type) == (200, "text/javascript; charset=utf-8")
    assert first.answer.headers["Cache-Control"] == "no-cache"
    assert first.answer.headers["Access-Control-Allow-Origin"] == "*"
    etag = first.answer.headers["ETag"]
    again = await api.ask("GET", f"/sdk/{name}", token=None, if_none_match=f'"other", W/{etag}')
    assert (again.answer.status, again.answer.body) == (304, b"")
    other = await api.ask("GET", f"/sdk/{name}", token=None, if_none_match='"other"')
    assert other.answer.status == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1, GZIP;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("br", False),
        ("", False),
    ],
)
async def test_a_script_is_compressed_for_whoever_takes_that(database, accepted, packed):
    api = OwnApi(database)
    plain = await api.ask("GET", "/sdk/site.js", token=None)
    handled = await api.ask("GET", "/sdk/site.js", token=None, accept_encoding=accepted)
    assert (handled.answer.headers.get("Content-Encoding") == "gzip") is packed
    body = gzip.decompress(handled.answer.body) if packed else handled.answer.body
    assert body == plain.answer.body
    assert (handled.answer.headers["ETag"] == plain.answer.headers["ETag"]) is not packed


@pytest.mark.parametrize("name", ["other.js", "site.css", "..", "files.py"])
async def test_nothing_else_is_served(database, name):
    assert (await OwnApi(database).ask("GET", f"/sdk/{name}", token=None)).answer.status == 404
