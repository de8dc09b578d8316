"""docs/browsers.md says of the SDK what its files do."""

import re

import pytest

from campaigns.sdk.files import sdk_file
from campaigns.sdk.snippet import WORKER_PATH, snippet
from tests.docs.support import DOCS, text

PAGE = text(DOCS / "browsers.md")
SITE = sdk_file("site.js").body.decode()
WORKER = sdk_file("worker.js").body.decode()


def test_the_snippet_is_the_one_that_the_service_gives():
    given = snippet("https://news.example", "site_7", "BOr3…")
    assert given.page in PAGE
    assert given.worker in PAGE
    assert f"`{WORKER_PATH}`" in PAGE
    assert f'worker: "{WORKER_PATH}"' in SITE


def test_every_call_is_told():
    exported = re.search(r"const questions = \{(.+?)\};\s+const actions = \{(.+?)\};", SITE)
    calls = {name.strip() for group in exported.groups() for name in group.split(",")}
    assert len(calls) == 9
    assert set(re.findall(r"^\| `Pushmill\.(\w+)\(", PAGE, re.MULTILINE)) == calls


def test_every_code_of_an_error_is_told():
    made = set(re.findall(r'new PushmillError\(\s*"([\w-]+)"', SITE))
    told = re.search(r"`code` for programs \((.+?)\)", PAGE, re.DOTALL)[1]
    assert set(re.findall(r"`([\w-]+)`", told)) == made


@pytest.mark.parametrize("option", ["worker", "scope"])
def test_defaults(option):
    default = re.search(rf'let options = \{{.*{option}: "([^"]+)"', SITE)[1]
    assert re.search(rf"\| `data-{option}` \| `{option}` \| `{re.escape(default)}` \|", PAGE)


def test_bounds():
    assert "EVENTS_KEPT = 100;" in WORKER
    assert "EVENTS_AGE = 7 * 24 * 3600 * 1000;" in WORKER
    assert "100 of them, for 7 days" in PAGE
    assert "given.days ?? 14" in SITE
    assert "holds for 14 days (`days`)" in PAGE
    sizes = {name: len(sdk_file(f"{name}.js").gzipped) / 1000 for name in ("site", "worker")}
    assert re.search(r"(\d) kB for every page, compressed, and (\d) kB for the\nworker", PAGE).groups() == (
        f"{sizes['site']:.0f}",
        f"{sizes['worker']:.0f}",
    )
