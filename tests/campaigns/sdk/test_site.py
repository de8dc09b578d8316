"""The SDK in a real Chromium, whose push manager alone is made up."""

import pytest

from tests.campaigns.sdk.visits import (
    BEGUN,
    INSTALLED,
    IPAD,
    IPHONE,
    LATER,
    NO_PUSH,
    SAFARI,
    SUBSCRIBE,
    TOUCHED,
    subscribed,
)
from tests.campaigns.sdk.world import SITE, public_key
from tests.harness.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("chromium")]


async def test_a_click_subscribes(visit, shop):
    page = await visit("/shoes?size=9#top")
    assert await page.run("Pushmill.state()") == "unsubscribed"
    assert await page.run(SUBSCRIBE) == "subscribed"
    [told] = shop.service.told
    assert told["subscription"]["endpoint"].startswith("https://fcm.googleapis.com/")
    assert told["subscription"]["keys"] == {"p256dh": "p", "auth": "a"}
    assert told["landing_url"] == f"{shop.url}/shoes?size=9"
    assert told["language"] == await page.run("navigator.language")
    assert told["zone"]
    assert "token" not in told
    assert await page.run("Pushmill.state()") == "subscribed"


async def test_no_address_says_push(visit, shop):
    page = await visit("/?_pm=abc")
    await page.run(SUBSCRIBE)
    await page.run("Pushmill.unsubscribe()")
    await page.run(BEGUN)
    paths = {*shop.paths, *shop.service.paths}
    assert {"/pm-worker.js", "/sdk/site.js", "/sdk/worker.js", "/sdk/diagnosis.js", "/v1/events"} <= paths
    assert not [path for path in paths if "push" in path]


async def test_the_question_comes_in_the_click_itself_and_the_worker_before(visit):
    page = await visit()
    await page.run(BEGUN)
    asked = await page.run(
        """(async () => {
          const registrations = await navigator.serviceWorker.getRegistrations();
          let asked = false;
          Notification.requestPermission = () => ((asked = true), Promise.resolve("granted"));
          const done = Pushmill.subscribe();
          const asked_at_once = asked;
          await done;
          return [registrations.map(({ active }) => active.state), asked_at_once];
        })()"""
    )
    assert asked == [["activated"], True]


async def test_it_is_a_module_too(visit, shop):
    shop.head = f'<script type="module" src="{shop.service.url}/sdk/site.js"></script>'
    page = await visit()
    assert (
        await page.run(f"Pushmill.init({{site: '{SITE}', vapidPublicKey: '{shop.key}'}})") == "unsubscribed"
    )
    assert await page.run(SUBSCRIBE) == "subscribed"
    assert len(shop.service.told) == 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("{}", "site must be an id"),
        ("{site: 'site_7'}", "vapidPublicKey must be"),
        ("{site: 'site_7', vapidPublicKey: 'AAAA'}", "vapidPublicKey must be"),
        ("{site: 'site_7/../x'}", "site must be an id"),
    ],
)
async def test_init_says_what_is_wrong_with_its_options(visit, shop, given, problem):
    shop.head = f'<script src="{shop.service.url}/sdk/site.js"></script>'
    page = await visit()
    assert problem in await page.run(f"Pushmill.init({given}).catch((error) => error.message)")
    said = await page.run("Pushmill.subscribe().catch((error) => error.code + ': ' + error.message)")
    assert said == "options: Call Pushmill.init first."


# ── states ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("default", {"permission": "prompt"}),
        ("denied", {"permission": "denied"}),
        ("unsubscribed", {}),
        ("unsupported", {"before": NO_PUSH}),
        ("install-first", {"before": NO_PUSH, "user_agent": IPHONE}),
        ("unsupported", {"before": NO_PUSH + "navigator.standalone = true;", "user_agent": IPHONE}),
        ("unsupported", {"before": NO_PUSH + INSTALLED, "user_agent": IPHONE}),
        ("install-first", {"before": NO_PUSH + TOUCHED, "user_agent": IPAD}),
        ("unsupported", {"before": NO_PUSH, "user_agent": IPAD}),
        ("unsubscribed", {"before": SAFARI + TOUCHED + INSTALLED, "user_agent": IPAD}),
    ],
)
async def test_states(visit, shop, state, how):
    page = await visit(**how)
    assert await page.run("Pushmill.state()") == state
    if state not in {"default", "unsubscribed"}:
        assert await page.run(SUBSCRIBE) == state
    assert shop.service.told == []


async def test_safari_subscribes_and_unsubscribes(visit, shop):
    page = await visit(before=SAFARI, user_agent=IPAD)
    assert await page.run("'locks' in navigator") is False
    assert await page.run(SUBSCRIBE) == "subscribed"
    await page.go(shop.url + "/again")
    assert await page.run(BEGUN) == "subscribed"
    assert len(shop.service.told) == 1
    assert await page.run("Pushmill.unsubscribe()") == "unsubscribed"
    assert shop.service.farewells == [{"token": "token-1"}]


@pytest.mark.parametrize("answer", ["denied", "default"])
async def test_a_no_to_the_question_is_a_state(visit, shop, answer):
    asked = f"Notification.requestPermission = async () => '{answer}';"
    page = await visit(permission="prompt" if answer == "default" else "denied", before=asked)
    assert await page.run(SUBSCRIBE) == answer
    assert shop.service.told == []


# ── at each visit ─────────────────────────────────────────────────────────────────────────────────────────


async def test_what_has_not_changed_is_not_told_again(visit, shop):
    page = await subscribed(visit)
    await page.go(shop.url + "/again")
    assert await page.run(BEGUN) == "subscribed"
    assert len(shop.service.told) == 1


async def test_another_key_subscribes_anew_under_the_same_token(visit, shop):
    page = await subscribed(visit)
    shop.key = public_key()
    await page.go(shop.url)
    assert await page.run(BEGUN) == "subscribed"
    before, after = shop.service.told
    assert after["subscription"]["endpoint"] != before["subscription"]["endpoint"]
    assert after["token"] == "token-1"


@pytest.mark.parametrize(
    "change",
    [
        "localStorage.removeItem(name)",  # the browser has dropped it
        "localStorage.setItem(name, localStorage.getItem(name).replace('send/', 'send/new'))",
    ],
    ids=["gone", "another endpoint"],
)
async def test_what_the_browser_has_changed_is_told(visit, shop, change):
    page = await subscribed(visit)
    await page.run(f"(name => {change})('subscription of {shop.scope}')")
    await page.go(shop.url)
    assert await page.run(BEGUN) == "subscribed"
    before, after = shop.service.told
    assert after["subscription"]["endpoint"] != before["subscription"]["endpoint"]
    assert after["token"] == "token-1"


@pytest.mark.parametrize(("days", "told"), [(6, 1), (8, 2)])
async def test_it_is_confirmed_weekly(visit, shop, days, told):
    await subscribed(visit)
    page = await visit(before=LATER.replace("DAYS", str(days)))
    await page.run(BEGUN)
    assert len(shop.service.told) == told


async def test_a_token_that_the_service_has_forgotten_is_left_out(visit, shop):
    page = await subscribed(visit)
    shop.key = public_key()
    shop.service.refuses = lambda body: 404 if "token" in body else None
    await page.go(shop.url)
    assert await page.run(BEGUN) == "subscribed"
    assert "token" not in shop.service.told[-1]
    assert len(shop.service.told) == 2


async def test_what_could_not_be_told_is_told_at_the_next_visit(visit, shop):
    page = await visit()
    shop.service.refuses = lambda _: 503
    said = await page.run("Pushmill.subscribe().catch((error) => error.message)")
    assert said == f"{shop.service.url} answered 503: refused by the test"
    shop.service.refuses = lambda _: None
    await page.go(shop.url)
    assert await page.run(BEGUN) == "subscribed"
    assert len(shop.service.told) == 1


@pytest.mark.parametrize(("adopts", "state"), [("data-adopt", "subscribed"), ("", "unsubscribed")])
async def test_who_has_allowed_it_before_is_subscribed_only_where_the_site_says_so(
    visit, shop, adopts, state
):
    shop.attributes = adopts
    page = await visit()
    assert await page.run(BEGUN) == state


# ── scopes ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_scope_of_another_script_is_left_alone(visit, shop):
    shop.head = ""
    page = await visit()
    await page.run("navigator.serviceWorker.register('/foreign.js', {scope: '/pushmill/'})")
    shop.head = None
    await page.go(shop.url)
    said = await page.run("Pushmill.subscribe().catch((error) => error.message)")
    assert said == f"Another worker, {shop.url}/foreign.js, holds the scope /pushmill/."
    script = "navigator.serviceWorker.getRegistration('/pushmill/').then(({active}) => active.scriptURL)"
    assert await page.run(script) == f"{shop.url}/foreign.js"


async def test_a_worker_of_a_wider_scope_stays_beside_ours(visit, shop):
    shop.head = ""
    page = await visit()
    await page.run("navigator.serviceWorker.register('/foreign.js', {scope: '/'})")
    shop.head = None
    await page.go(shop.url)
    assert await page.run(SUBSCRIBE) == "subscribed"
    scopes = "navigator.serviceWorker.getRegistrations().then((all) => all.map(({scope}) => scope).sort())"
    assert await page.run(scopes) == [f"{shop.url}/", shop.scope]


# ── unsubscribing ─────────────────────────────────────────────────────────────────────────────────────────


async def test_unsubscribing_lasts(visit, shop):
    page = await subscribed(visit)
    assert await page.run("Pushmill.unsubscribe()") == "unsubscribed"
    assert shop.service.farewells == [{"token": "token-1"}]
    await page.go(shop.url)
    assert await page.run(BEGUN) == "unsubscribed"
    assert len(shop.service.told) == 1
    assert await page.run(SUBSCRIBE) == "subscribed"
    assert "token" not in shop.service.told[-1]


async def test_unsubscribing_while_the_service_is_away_is_told_later(visit, shop):
    page = await subscribed(visit)
    shop.service.away = True
    assert await page.run("Pushmill.unsubscribe()") == "unsubscribed"
    shop.service.away = False
    await page.go(shop.url)
    await page.run(BEGUN)
    assert shop.service.farewells == [{"token": "token-1"}]


# ── who it is ─────────────────────────────────────────────────────────────────────────────────────────────

PROFILE = """Promise.all([Pushmill.identify("ada", "proof"), Pushmill.setTags(["shoes"]),
    Pushmill.setAttributes({size: 38}), Pushmill.setAttributes({city: "Bern"})])"""


async def test_what_is_known_before_goes_along(visit, shop):
    page = await visit()
    await page.run(PROFILE)
    assert shop.service.told == []
    await page.run(SUBSCRIBE)
    [told] = shop.service.told
    assert (told["external_id"], told["proof"]) == ("ada", "proof")
    assert (told["tags"], told["attributes"]) == (["shoes"], {"size": 38, "city": "Bern"})


async def test_what_comes_together_is_told_once_and_only_if_it_is_new(visit, shop):
    page = await subscribed(visit)
    await page.run(PROFILE)
    await page.run(PROFILE)
    await page.run("Pushmill.setAttributes({size: 39})")
    attributes = [told.get("attributes") for told in shop.service.told]
    assert attributes == [None, {"size": 38, "city": "Bern"}, {"size": 39, "city": "Bern"}]


# ── clicks ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("?_pm=tok", ""),
        ("?_pm=tok&size=9", "?size=9"),
        ("?q=a%20b+c&_pm=tok#top", "?q=a%20b+c#top"),
        ("?a=1&_pm=tok&b=2#_pm=x", "?a=1&b=2#_pm=x"),
    ],
)
async def test_the_token_of_a_click_is_reported_and_removed(visit, shop, query, left):
    page = await visit("/sale" + query)
    assert await page.run("location.href") == f"{shop.url}/sale{left}"
    await until(lambda: shop.service.events)
    [event] = shop.service.events
    assert event["at"].endswith("Z")
    assert {**event, "at": 0} == {"t": "tok", "kind": "clicked", "button": None, "at": 0}


async def test_a_click_is_reported_by_the_worker_where_the_page_could_not(visit, shop, desktop):
    page = await visit()
    await page.run(BEGUN)
    shop.head = f'<script src="{shop.service.url}/sdk/site.js"></script>'
    await page.go(shop.url + "/?_pm=tok")
    shop.service.away = True
    await page.run(f"Pushmill.init({{site: '{SITE}', vapidPublicKey: '{shop.key}'}})")
    shop.service.away = False
    await page.deliver(shop.scope, "anything")  # the worker's next occasion
    await desktop.shown("localhost")
    await until(lambda: [event["t"] for event in shop.service.events] == ["tok"])
