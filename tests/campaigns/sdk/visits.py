"""What tests of the SDK do on a page, and how its visitors differ."""

SUBSCRIBE = "Pushmill.subscribe()"
BEGUN = "Pushmill.diagnose().then(() => Pushmill.state())"
"""Waits until everything has settled that the page began."""

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Version/18.4 Safari/604.1"
)
IPAD = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.4 Safari/605.1.15"
"""What an iPad says by default; it is told from a Mac by its touch points."""

NO_PUSH = "delete window.PushManager;"

TOUCHED = "Object.defineProperty(navigator, 'maxTouchPoints', {value: 5});"
INSTALLED = """{
  const matches = window.matchMedia.bind(window);
  window.matchMedia = (query) => query === "(display-mode: standalone)" ? {matches: true} : matches(query);
}"""
SAFARI = """
  delete window.chrome;
  window.safari = {};  // its pushNotification is of Safari's own, older push
  delete navigator.locks; delete Navigator.prototype.locks;
"""
"""What Safari on a Mac lacks, and has."""

LATER = "{const now = Date.now; Date.now = () => now() + DAYS * 24 * 3600 * 1000;}"
"""DAYS later."""


async def subscribed(visit):
    page = await visit()
    assert await page.run(SUBSCRIBE) == "subscribed"
    return page
