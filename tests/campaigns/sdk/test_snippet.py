from html.parser import HTMLParser

import pytest

from campaigns.sdk.snippet import snippet


class Script(HTMLParser):
    """Reads the one element of a page's part."""

    def handle_starttag(self, tag, attrs):
        assert tag == "script"
        self.attributes = dict(attrs)


def attributes(page):
    script = Script()
    script.feed(page)
    return script.attributes


@pytest.mark.parametrize(
    ("base", "origin"),
    [
        ("https://news.example", "https://news.example"),
        ("http://localhost:9500", "http://localhost:9500"),
        ("https://shop.example/news", "https://shop.example"),
    ],
)
def test_what_a_site_needs(base, origin):
    given = snippet(base, "site_7", "BKey")
    script = attributes(given.page)
    assert script == {"defer": None, "src": f"{base}/sdk/site.js", "data-site": "site_7", "data-key": "BKey"}
    assert given.worker == f'importScripts("{base}/sdk/worker.js");'
    assert given.policy == (f"script-src {origin}", f"connect-src {origin}", "worker-src 'self'")


def test_all_of_it_as_text():
    given = snippet("https://news.example", "site_7", "BKey")
    text = str(given)
    assert all(part in text for part in (given.page, given.worker, *given.policy, "/pm-worker.js"))


def test_no_value_leaves_its_attribute():
    hostile = '"><script>x</script>'
    assert attributes(snippet("https://a.example", hostile, "k").page)["data-site"] == hostile
