"""The soft prompt in a real Chromium."""

import pytest

from tests.campaigns.sdk.visits import IPHONE, LATER, NO_PUSH
from tests.harness.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("chromium")]

IN_PROMPT = "document.querySelector('body > div').shadowRoot.querySelector"
SHOWN = "new Promise((done) => setInterval(() => document.querySelector('body > div') && done(true), 20))"


async def test_the_prompt_asks_and_subscribes_in_its_click(visit, shop):
    shop.attributes = "data-prompt"
    shop.headers = {"Content-Security-Policy": f"default-src 'self' {shop.service.url}"}
    page = await visit(permission="granted")
    await page.run(SHOWN)
    assert await page.run(f"getComputedStyle({IN_PROMPT}('section')).borderRadius") == "12px"
    assert await page.run(f"{IN_PROMPT}('section').getAttribute('role')") == "dialog"
    assert await page.run("document.activeElement === document.body")
    await page.run(f"{IN_PROMPT}('button.yes').click()")
    await until(lambda: shop.service.told)
    assert await page.run("document.querySelector('body > div')") is None


@pytest.mark.parametrize(
    "no", ["('button').click()", "('section').dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))"]
)
async def test_not_now_holds_for_days(visit, shop, no):
    page = await visit()
    await page.run("void (window.answer = Pushmill.prompt({days: 3}))")
    await page.run(SHOWN)
    await page.run(IN_PROMPT + no)
    assert await page.run("window.answer") == "unsubscribed"
    assert await page.run("Pushmill.prompt()") == "unsubscribed"
    page = await visit(before=LATER.replace("DAYS", "4"))
    await page.run("void Pushmill.prompt({title: 'Again?'})")
    await page.run(SHOWN)
    assert await page.run(f"{IN_PROMPT}('h2').textContent") == "Again?"


async def test_on_ios_the_prompt_says_how_to_install(visit):
    page = await visit(before=NO_PUSH, user_agent=IPHONE)
    await page.run("void (window.answer = Pushmill.prompt())")
    await page.run(SHOWN)
    assert "Add to Home Screen" in await page.run(f"{IN_PROMPT}('p').textContent")
    await page.run(f"{IN_PROMPT}('button').click()")
    assert await page.run("window.answer") == "install-first"
