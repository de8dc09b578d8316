"""What tests of the SDK do on a page, and how its visitors differ."""

SUBSCRIBE = "Pushmill.subscribe()"
BEGUN = "Pushmill.diagnose().then(() => Pushmill.state())"
"""Waits until everything has settled that the page began."""

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Version/18.4 Safari/604.1"
)
NO_PUSH = "delete window.PushManager;"

LATER = "{const now = Date.now; Date.now = () => now() + DAYS * 24 * 3600 * 1000;}"
"""DAYS later."""


async def subscribed(visit):
    page = await visit()
    assert await page.run(SUBSCRIBE) == "subscribed"
    return page
