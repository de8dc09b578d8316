"""The SDK in a real Chromium, whose push manager alone is made up."""

import pytest

from tests.campaigns.sdk.world import SITE, public_key
from tests.harness.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("chromium")]

SUBSCRIBE = "Pushmill.subscribe()"
BEGUN = "Pushmill.diagnose().then(() => Pushmill.state())"
"""Waits until everything has settled that the page began."""


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

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Version/18.4 Safari/604.1"
)
NO_PUSH = "delete window.PushManager;"


@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("default", {"permission": "prompt"}),
        ("denied", {"permission": "denied"}),
        ("unsubscribed", {}),
        ("unsupported", {"before": NO_PUSH}),
        ("install-first", {"before": NO_PUSH, "user_agent": IPHONE}),
        ("unsupported", {"before": NO_PUSH + "navigator.standalone = true;", "user_agent": IPHONE}),
    ],
)
async def test_states(visit, shop, state, how):
    page = await visit(**how)
    assert await page.run("Pushmill.state()") == state
    if state not in {"default", "unsubscribed"}:
        assert await page.run(SUBSCRIBE) == state
    assert shop.service.told == []


@pytest.mark.parametrize("answer", ["denied", "default"])
async def test_a_no_to_the_question_is_a_state(visit, shop, answer):
    asked = f"Notification.requestPermission = async () => '{answer}';"
    page = await visit(permission="prompt" if answer == "default" else "denied", before=asked)
    assert await page.run(SUBSCRIBE) == answer
    assert shop.service.told == []


# ── at each visit ─────────────────────────────────────────────────────────────────────────────────────────


async def subscribed(visit):
    page = await visit()
    assert await page.run(SUBSCRIBE) == "subscribed"
    return page


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


LATER = "{const now = Date.now; Date.now = () => now() + DAYS * 24 * 3600 * 1000;}"


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


# ── the soft prompt ───────────────────────────────────────────────────────────────────────────────────────

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


# ── diagnosis ─────────────────────────────────────────────────────────────────────────────────────────────

PROBLEMS = """Pushmill.diagnose().then((all) =>
    Object.fromEntries(all.filter(({ok}) => !ok).map(({check, say}) => [check, say])))"""


async def test_nothing_is_wrong(visit):
    page = await subscribed(visit)
    found = await page.run("Pushmill.diagnose()")
    assert {finding["say"] for finding in found} == {"fine"}
    checks = ["browser", "permission", "worker", "scope", "service", "key", "subscription"]
    assert [finding["check"] for finding in found] == checks


async def test_diagnosis_of_a_page_without_init(visit, shop):
    shop.head = f'<script src="{shop.service.url}/sdk/site.js"></script>'
    page = await visit()
    assert await page.run(PROBLEMS) == {"init": "Pushmill.init was not called in this page."}


@pytest.mark.parametrize(
    ("how", "check", "words"),
    [
        ({"permission": "prompt"}, "permission", "Nobody has been asked yet"),
        ({"permission": "denied"}, "permission", "Notifications of this site are blocked"),
        ({"before": NO_PUSH}, "browser", "This browser has no notifications"),
        ({"before": NO_PUSH, "user_agent": IPHONE}, "browser", "must be on the home screen first"),
    ],
)
async def test_diagnosis_of_the_browser(visit, how, check, words):
    page = await visit(**how)
    assert words in (await page.run(PROBLEMS))[check]


async def test_diagnosis_of_a_missing_worker_file(visit, shop):
    shop.worker_status = 404
    page = await visit()
    problems = await page.run(PROBLEMS)
    assert problems["worker"] == f"{shop.url}/pm-worker.js answers 404: put the worker file there."
    assert problems["scope"].startswith(f"The worker file {shop.url}/pm-worker.js cannot be used: ")


@pytest.mark.parametrize(
    ("policy", "directive"),
    [
        ("connect-src 'self'", "connect-src"),
        ("script-src SERVICE/sdk/site.js; connect-src SERVICE", "script-src-elem"),
    ],
)
async def test_diagnosis_of_a_policy(visit, shop, policy, directive):
    shop.headers = {"Content-Security-Policy": policy.replace("SERVICE", shop.service.url)}
    page = await visit()
    problems = await page.run(PROBLEMS)
    said = f"The page's Content-Security-Policy is in the way: add {shop.service.url} to its {directive}."
    assert problems["service"] == said


async def test_diagnosis_of_an_origin_that_the_site_does_not_list(visit, shop):
    shop.service.allows_origin = False
    page = await visit()
    problems = await page.run(PROBLEMS)
    assert problems["service"] == f"{shop.url} is not among the origins of site_7: add it to the site."


async def test_diagnosis_of_an_unknown_site(visit, shop):
    shop.head = (
        f'<script src="{shop.service.url}/sdk/site.js" data-site="site_8" data-key="{shop.key}"></script>'
    )
    page = await visit()
    assert (await page.run(PROBLEMS))["service"] == f"{shop.service.url} knows no site_8."


async def test_diagnosis_of_a_service_that_is_down(visit, shop):
    page = await visit()
    shop.service.away = True
    down = f"{shop.service.url} cannot be reached: it is down, or a blocker is in the way."
    assert await page.run(PROBLEMS) == {"service": down}


async def test_diagnosis_of_a_push_service_out_of_reach(visit, shop):
    page = await visit()
    await page.run("localStorage.setItem('refuses', 'yes')")
    code = await page.run("Pushmill.subscribe().catch((error) => error.code)")
    assert code == "out-of-reach"
    assert "could not reach its own push service" in (await page.run(PROBLEMS))["subscription"]
    assert shop.service.told == []


async def test_diagnosis_of_two_workers_with_one_key(visit, shop):
    page = await subscribed(visit)
    script = "navigator.serviceWorker.register('/foreign.js', {scope: '/'}).then((other) => other.pushManager"
    key = f"Uint8Array.from(atob('{shop.key}'.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))"
    await page.run(
        f"{script}.subscribe({{userVisibleOnly: true, applicationServerKey: {key}}}).then(() => 0))"
    )
    said = f"{shop.url}/foreign.js is subscribed with the same key: people may be notified twice."
    assert await page.run(PROBLEMS) == {"key": said}
