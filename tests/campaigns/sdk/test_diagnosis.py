"""What the SDK finds wrong, in a real Chromium."""

import pytest

from tests.campaigns.sdk.visits import IPHONE, NO_PUSH, subscribed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("chromium")]

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
