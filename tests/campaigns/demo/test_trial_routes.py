"""The page /try: its files, and who is told its key."""

import pytest

from campaigns.demo.trial_routes import Configuration, trial_routes
from campaigns.sdk.files import TRIAL_MEDIA_TYPES, trial_file
from tests.campaigns.api.support import World, said

TOLD = Configuration(site="site_1", vapid_public_key="B-public", key="pm_key", url="https://example.com/")


@pytest.fixture
def api():
    return World(tuple(trial_routes(TOLD, "http://localhost:9500")))


async def test_the_page_is_told_what_it_needs(api):
    handled = await api.ask("GET", "/try/configuration", token=None, host="localhost:9500")
    assert handled.answer.status == 200
    assert said(handled) == {
        "site": "site_1",
        "vapid_public_key": "B-public",
        "key": "pm_key",
        "url": "https://example.com/",
    }


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9500", "localhost:9501", "127.0.0.1:9500"])
async def test_under_another_name_nobody_is(api, host):
    handled = await api.ask("GET", "/try/configuration", token=None, host=host)
    assert handled.answer.status == 404
    assert b"pm_key" not in handled.answer.body


@pytest.mark.parametrize("name", TRIAL_MEDIA_TYPES)
async def test_each_file_is_served(api, name):
    answer = (await api.ask("GET", f"/try/{name}", token=None)).answer
    assert (answer.status, answer.body) == (200, trial_file(name).body)
    assert answer.media_type == TRIAL_MEDIA_TYPES[name]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    again = await api.ask("GET", f"/try/{name}", token=None, if_none_match=answer.headers["ETag"])
    assert again.answer.status == 304


async def test_the_page_has_the_short_path(api):
    assert (await api.ask("GET", "/try", token=None)).answer.body == trial_file("page.html").body


def test_the_configuration_keeps_its_key_to_itself():
    assert "pm_key" not in repr(TOLD)
