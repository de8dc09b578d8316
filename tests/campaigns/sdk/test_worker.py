"""The service worker in a real Chromium: pushes by its own remote control, clicks by its desktop."""

import json

import pytest
import pytest_asyncio

from tests.harness.waiting import until, until_told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("chromium")]

BEGUN = "Pushmill.diagnose().then(() => true)"


def message(shop, *, t="token", query="?_pm=token", data=None, clicks=None, **more):
    """A push as the worker of this project sends it."""
    notification = {
        "title": "Sale",
        "navigate": f"{shop.url}/sale{query}",
        "data": {
            "pushmill": {"job_id": "j", "campaign_id": "c", "recipient_id": "r", "t": t},
            **(data or {}),
        },
    }
    if clicks:
        notification["data"]["pushmill"]["clicks"] = clicks
    return {"web_push": 8030, "notification": notification | more, "mutable": True}


@pytest_asyncio.fixture(loop_scope="module")
async def page(visit):
    page = await visit()
    await page.run(BEGUN)
    return page


async def notification(page, scope="/pushmill/"):
    """The one that is shown, as the worker sees it."""
    script = f"""navigator.serviceWorker.getRegistration('{scope}')
        .then((registration) => registration.getNotifications())
        .then((all) => all.map(({{title, body, icon, tag, lang, dir, silent, renotify, requireInteraction,
            timestamp, vibrate, actions, data}}) => ({{title, body, icon, tag, lang, dir, silent, renotify,
            requireInteraction, timestamp, vibrate, data,
            actions: actions.map(({{action, title}}) => ({{action, title}}))}})))"""
    [shown] = await page.run(script)
    return shown


# ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_push_is_shown_and_reported(page, shop, desktop):
    await page.deliver(shop.scope, message(shop, body="All shoes"))
    shown = await desktop.shown("Sale")
    assert "All shoes" in shown.body
    await until(lambda: shop.service.events)
    [event] = shop.service.events
    assert {**event, "at": 0} == {"t": "token", "kind": "shown", "button": None, "at": 0}
    assert event["at"].endswith("Z")


async def test_every_option_arrives(page, shop, desktop):
    buttons = [{"action": "buy", "title": "Buy", "navigate": f"{shop.url}/buy"}]
    options = {"tag": "s", "lang": "de", "dir": "rtl", "renotify": True, "requireInteraction": True}
    more = {"icon": f"{shop.url}/i.png", "timestamp": 1764547200000, "vibrate": [100, 50, 100]}
    sent = message(shop, body="All", actions=buttons, data={"mine": 1}, **options, **more)
    await page.deliver(shop.scope, sent)
    assert (await desktop.shown("Sale")).buttons["0"] == "Buy"
    shown = await notification(page)
    assert {name: shown[name] for name in options | more} == options | more
    assert shown["actions"] == [{"action": "buy", "title": "Buy"}]
    assert shown["data"]["mine"] == 1
    assert shown["data"]["pushmill"]["campaign_id"] == "c"


async def test_what_the_browser_refuses_does_not_cost_the_push(page, shop, desktop):
    await page.deliver(shop.scope, message(shop, body="All", silent=True, vibrate=[1]))  # a TypeError
    await desktop.shown("Sale")
    assert (await notification(page))["body"] == "All"
    await until(lambda: shop.service.kinds() == ["shown"])


async def test_a_push_without_a_token_is_shown_and_not_reported(page, shop, desktop):
    await page.deliver(shop.scope, message(shop, t=None))
    await desktop.shown("Sale")
    await page.deliver(shop.scope, message(shop, t="later", title="Later"))
    await desktop.shown("Later")
    await until(lambda: shop.service.events)
    assert [event["t"] for event in shop.service.events] == ["later"]


@pytest.mark.parametrize("data", ["", "no JSON", "[]", "null", '{"notification": 1}', '{"notification": {}}'])
async def test_what_cannot_be_read_is_shown_by_a_default(page, shop, desktop, data):
    await page.deliver(shop.scope, data)
    assert "There is news for you." in (await desktop.shown("localhost")).body


async def test_the_default_is_the_sites(shop, visit, desktop):
    shop.before_worker = "self.PUSHMILL = {title: 'Shoes', body: 'Etwas Neues'};"
    page = await visit()
    await page.run(BEGUN)
    await page.deliver(shop.scope, "no JSON")
    assert "Etwas Neues" in (await desktop.shown("Shoes")).body


# ── other people's pushes ─────────────────────────────────────────────────────────────────────────────────

OTHERS = """self.addEventListener("push", (event) =>
    event.waitUntil(self.registration.showNotification("Theirs", {body: event.data.text()})));
  self.addEventListener("notificationclick", (event) => event.waitUntil(fetch("/theirs-clicked")));
  self.addEventListener("notificationclose", (event) => event.waitUntil(fetch("/theirs-closed")));"""


@pytest_asyncio.fixture(loop_scope="module")
async def shared(shop, visit):
    """A page whose worker holds somebody else's listeners, too, in a scope that is not the SDK's."""
    shop.attributes = 'data-scope="/"'
    shop.more_worker = OTHERS
    page = await visit()
    await page.run(BEGUN)
    return page


@pytest.mark.parametrize("data", ["no JSON", '{"notification": {"title": "T", "data": {"a": 1}}}'])
async def test_others_keep_their_pushes(shared, shop, desktop, data):
    await shared.deliver(shop.url + "/", data)
    theirs = await desktop.shown("Theirs")
    desktop.click(theirs)
    await until(lambda: {"/theirs-clicked", "/theirs-closed"} <= {*shop.paths})
    assert desktop.is_empty()
    assert shop.service.events == []


async def test_others_do_not_get_ours(shared, shop, desktop):
    await shared.deliver(shop.url + "/", message(shop))
    desktop.click(await desktop.shown("Sale"))
    await until(lambda: shop.service.kinds() == ["shown", "clicked"])
    assert desktop.is_empty()
    assert not [path for path in shop.paths if path.startswith("/theirs")]


# ── clicks ────────────────────────────────────────────────────────────────────────────────────────────────


async def has_tab(browser, url):
    return url in await browser.addresses()


async def test_a_click_opens_the_page_and_is_counted_once(page, shop, desktop, chromium):
    await page.deliver(shop.scope, message(shop, query="?size=9&_pm=token#top"))
    desktop.click(await desktop.shown("Sale"))
    await until(lambda: "/sale" in shop.paths)
    await until(lambda: shop.service.kinds() == ["shown", "clicked"])
    await until_told(lambda: has_tab(chromium, f"{shop.url}/sale?size=9#top"))
    assert shop.service.events[1]["button"] is None
    # Both the desktop's word that it has closed and the page's own report would have come before this.
    await page.deliver(shop.scope, message(shop, t="later", title="Later"))
    await desktop.shown("Later")
    await until(lambda: shop.service.kinds() == ["shown", "clicked", "shown"])


async def test_a_click_is_reported_though_its_page_is_not_told_of_it(page, shop, desktop):
    await page.deliver(shop.scope, message(shop, query=""))
    desktop.click(await desktop.shown("Sale"))
    await until(lambda: shop.service.kinds() == ["shown", "clicked"])


async def test_a_button_opens_its_own_page(page, shop, desktop):
    buttons = [
        {"action": "look", "title": "Look", "navigate": f"{shop.url}/look"},
        {"action": "buy", "title": "Buy", "navigate": f"{shop.url}/buy?_pm=token"},
    ]
    await page.deliver(shop.scope, message(shop, actions=buttons))
    shown = await desktop.shown("Sale")
    desktop.click(shown, next(action for action, text in shown.buttons.items() if text == "Buy"))
    await until(lambda: "/buy" in shop.paths)
    await until(lambda: shop.service.kinds() == ["shown", "clicked"])
    assert shop.service.events[1]["button"] == 1


async def test_a_tab_that_shows_the_page_is_taken_to_the_front(page, shop, desktop, chromium):
    await page.go(f"{shop.url}/sale")
    tabs = len(await chromium.addresses())
    await page.deliver(shop.scope, message(shop))
    desktop.click(await desktop.shown("Sale"))
    await until(lambda: shop.service.kinds() == ["shown", "clicked"])
    await page.run("new Promise((done) => setInterval(() => document.hasFocus() && done(), 20))")
    assert len(await chromium.addresses()) == tabs


async def test_a_dismissal_is_reported(page, shop, desktop):
    await page.deliver(shop.scope, message(shop))
    desktop.dismiss(await desktop.shown("Sale"))
    await until(lambda: shop.service.kinds() == ["shown", "dismissed"])


@pytest.mark.parametrize("clicks", ["redirect", "none"])
async def test_a_click_that_is_not_the_workers_to_count_is_not_reported(page, shop, desktop, clicks):
    await page.deliver(shop.scope, message(shop, query="", clicks=clicks))
    desktop.click(await desktop.shown("Sale"))
    await until(lambda: "/sale" in shop.paths)
    await page.deliver(shop.scope, message(shop, t="later", title="Later"))
    await desktop.shown("Later")
    await until(lambda: len(shop.service.events) > 1)
    assert shop.service.kinds() == ["shown", "shown"]


# ── reports that wait ─────────────────────────────────────────────────────────────────────────────────────


KEPT = """new Promise((resolve) => {
  const opening = indexedDB.open("pushmill");
  opening.onsuccess = () => {
    const all = opening.result.transaction("events").objectStore("events").getAll();
    all.onsuccess = () => (opening.result.close(), resolve(all.result));
  };
})"""


async def kept(page, number):
    """The events that wait in the browser, once they are this many and nobody is sending any."""
    return await page.run(
        f"""(async () => {{
          for (;;) {{
            const {{ held, pending }} = await navigator.locks.query();
            const events = await {KEPT};
            if (events.length === {number} && !held.length && !pending.length) return events;
            await new Promise((resolve) => setTimeout(resolve, 10));
          }}
        }})()"""
    )


async def keep(page, number, age="0"):
    """Put events there, so many milliseconds old."""
    await page.run(
        f"""new Promise((resolve) => {{
          const opening = indexedDB.open("pushmill");
          opening.onsuccess = () => {{
            const writing = opening.result.transaction("events", "readwrite");
            for (let number = 0; number < {number}; number++) {{
              const at = new Date(Date.now() - ({age})).toISOString();
              writing.objectStore("events").add({{t: "kept" + number, kind: "shown", button: null, at}});
            }}
            writing.oncomplete = () => (opening.result.close(), resolve());
          }};
        }})"""
    )


async def test_reports_wait_while_the_service_is_away(page, shop, desktop):
    shop.service.away = True
    await page.deliver(shop.scope, message(shop, t="first"))
    desktop.click(await desktop.shown("Sale"))
    assert [event["t"] for event in await kept(page, 2)] == ["first", "first"]
    shop.service.away = False
    await page.deliver(shop.scope, message(shop, t="second", title="Later"))
    await desktop.shown("Later")
    await until(lambda: len(shop.service.events) == 3)
    reported = [(event["t"], event["kind"]) for event in shop.service.events]
    assert reported == [("first", "shown"), ("first", "clicked"), ("second", "shown")]
    assert await kept(page, 0) == []


@pytest.mark.parametrize(("status", "waits"), [(503, 1), (429, 1), (400, 0)])
async def test_what_will_never_be_taken_is_dropped(page, shop, desktop, status, waits):
    shop.service.events_status = status
    await page.deliver(shop.scope, message(shop))
    await desktop.shown("Sale")
    await until(lambda: "/v1/events" in shop.service.paths)
    await kept(page, waits)
    shop.service.events_status = 204
    await page.deliver(shop.scope, message(shop, t="later", title="Later"))
    await desktop.shown("Later")
    await until(lambda: len(shop.service.events) == waits + 1)
    assert [event["t"] for event in shop.service.events] == ["token", "later"][1 - waits :]


async def test_a_hundred_wait_at_most_and_the_oldest_go_first(page, shop, desktop):
    await keep(page, 100)
    shop.service.away = True
    await page.deliver(shop.scope, message(shop, t="newest"))
    await desktop.shown("Sale")
    await until(lambda: "/v1/events" in shop.service.paths)
    events = await kept(page, 100)
    assert (events[0]["t"], events[-1]["t"]) == ("kept1", "newest")
    shop.service.away = False
    await page.deliver(shop.scope, message(shop, t="last", title="Later"))
    await desktop.shown("Later")
    await until(lambda: shop.service.events and shop.service.events[-1]["t"] == "last")
    assert shop.service.batches == [50, 50]


async def test_what_is_older_than_a_week_is_dropped(page, shop, desktop):
    week = "7 * 24 * 3600 * 1000"
    await keep(page, 2, f"{week} - 60000")
    await keep(page, 3, f"{week} + 60000")
    await page.deliver(shop.scope, message(shop, t="now"))
    await desktop.shown("Sale")
    await until(lambda: shop.service.events)
    assert [event["t"] for event in shop.service.events] == ["kept0", "kept1", "now"]


# ── Safari ────────────────────────────────────────────────────────────────────────────────────────────────

SAFARI = """
  self.badges = [];
  Object.defineProperty(Notification, "maxActions", {value: undefined, configurable: true});
  Object.defineProperty(navigator, "locks", {value: undefined, configurable: true});
  navigator.setAppBadge = async (count) => void self.badges.push(count);
  navigator.clearAppBadge = async () => void self.badges.push("none");
"""
"""What Safari's workers lack and have: no buttons, no locks, a badge."""

READ_BY_SAFARI = """(async () => {
  // As a mutable Declarative Web Push comes: a Notification, whose properties are its class's.
  class Shown {
    get title() { return GIVEN.title; }
    get body() { return GIVEN.body ?? ""; }
    get data() { return GIVEN.data; }
    get navigate() { return GIVEN.navigate; }
    get actions() { return []; }
    get icon() { return ""; }
    get tag() { return ""; }
    get lang() { return ""; }
    get dir() { return "auto"; }
    get silent() { return null; }
  }
  const event = Object.assign(new ExtendableEvent("push"), {
    data: null,
    notification: new Shown(),
    appBadge: BADGE,
    waitUntil: (promise) => (event.done = promise),
    stopImmediatePropagation: () => (event.taken = true),
  });
  self.dispatchEvent(event);
  await event.done;
  if (!event.taken) throw new Error("nobody has taken it");
  if (String(self.badges) !== String(EXPECTED)) throw new Error(`badges: ${self.badges}`);
})()"""


async def read_by_safari(chromium, shop, given, badge, expected):
    worker = f"{shop.url}/pm-worker.js"
    await chromium.run_in_worker(worker, f"(async () => {{{SAFARI}}})()")
    script = READ_BY_SAFARI.replace("GIVEN", f"({json.dumps(given)})")
    script = script.replace("BADGE", json.dumps(badge)).replace("EXPECTED", json.dumps(expected))
    await chromium.run_in_worker(worker, script)


@pytest.mark.parametrize("badge", [(3, [3]), (0, ["none"]), (None, [])])
async def test_what_safari_has_read_already_is_shown_and_reported(page, shop, desktop, chromium, badge):
    given = message(shop, body="All shoes")["notification"]
    await read_by_safari(chromium, shop, given, *badge)
    shown = await desktop.shown("Sale")
    assert "All shoes" in shown.body
    await until(lambda: shop.service.kinds() == ["shown"])
    desktop.click(shown)
    await until(lambda: "/sale" in shop.paths)
    await until(lambda: shop.service.kinds() == ["shown", "clicked"])


async def test_buttons_that_safari_does_not_show_are_left_out(page, shop, desktop, chromium):
    await chromium.run_in_worker(f"{shop.url}/pm-worker.js", f"(async () => {{{SAFARI}}})()")
    buttons = [{"action": "buy", "title": "Buy", "navigate": f"{shop.url}/buy"}]
    await page.deliver(shop.scope, message(shop, actions=buttons))
    shown = await desktop.shown("Sale")
    assert "Buy" not in shown.buttons.values()
    assert (await notification(page))["actions"] == []
    desktop.click(shown)
    await until(lambda: "/sale" in shop.paths)


# ── a subscription that the browser has changed ───────────────────────────────────────────────────────────

CHANGED = """(async () => {
  const event = Object.assign(new ExtendableEvent("pushsubscriptionchange"), {
    newSubscription: {toJSON: () => ({endpoint: "https://fcm.googleapis.com/fcm/send/new", keys: {}})},
    waitUntil: (promise) => (event.done = promise),
  });
  self.dispatchEvent(event);
  await event.done;
})()"""


async def test_a_changed_subscription_is_told_with_its_token(page, shop, chromium):
    assert await page.run("Pushmill.subscribe()") == "subscribed"
    await chromium.run_in_worker(f"{shop.url}/pm-worker.js", CHANGED)
    told = shop.service.told[-1]
    assert told["subscription"]["endpoint"].endswith("/new")
    assert told["token"] == "token-1"


@pytest.mark.parametrize("change", ["scope: 'elsewhere'", "token: null"])
async def test_a_changed_subscription_that_is_not_the_sdks_is_left_alone(page, shop, chromium, change):
    await page.run("Pushmill.subscribe()")
    await page.run(
        f"""new Promise((resolve) => {{
          const opening = indexedDB.open("pushmill");
          opening.onsuccess = () => {{
            const store = opening.result.transaction("settings", "readwrite").objectStore("settings");
            const known = store.get("browser");
            known.onsuccess = () => store.put({{ ...known.result, {change} }}, "browser");
            store.transaction.oncomplete = () => (opening.result.close(), resolve());
          }};
        }})"""
    )
    await chromium.run_in_worker(f"{shop.url}/pm-worker.js", CHANGED)
    assert len(shop.service.told) == 1


async def test_the_desktop_has_shown_nothing_else(desktop):
    assert desktop.is_empty()
