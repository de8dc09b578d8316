import pytest

from campaigns.model.secrets import identity_proof
from tests.campaigns.adapters.own.support import SHOP, OwnApi, subscription
from tests.campaigns.api.support import Handled, said

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"


async def subscribe(api: OwnApi, site: str, body: object = None, **headers: str) -> Handled:
    """As a page of the shop does it: without a key."""
    return await api.ask(
        "POST",
        f"/v1/sites/{site}/subscribers",
        body or {"subscription": subscription()},
        token=None,
        **{"origin": SHOP, "user_agent": FIREFOX} | headers,
    )


async def test_a_browser_subscribes_and_a_customer_sees_it(api, site):
    handled = await subscribe(
        api,
        site,
        {
            "subscription": subscription(),
            "external_id": "user-7",
            "tags": ["news"],
            "attributes": {"plan": "gold", "age": 7},
            "language": "de-DE",
            "zone": "Europe/Berlin",
            "landing_url": f"{SHOP}/hello",
        },
    )
    assert handled.answer.status == 201
    assert handled.answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert said(handled).keys() == {"id", "token"}
    found = await api.get(f"/v1/subscribers/{said(handled)['id']}")
    assert {name: found[name] for name in found if not name.endswith("_at")} == {
        "id": said(handled)["id"],
        "site": site,
        "status": "active",
        "external_id": "user-7",
        "tags": ["news"],
        "attributes": {"plan": "gold", "age": 7},
        "browser": "firefox",
        "os": "linux",
        "platform": "desktop",
        "device": None,
        "language": "de-de",
        "country": "DE",
        "region": None,
        "city": None,
        "zone": "Europe/Berlin",
        "landing_url": f"{SHOP}/hello",
    }


@pytest.mark.parametrize(("header", "country"), [("nl", "NL"), ("XX", "DE"), ("T1", "DE"), ("", "DE")])
async def test_a_proxy_that_knows_the_country_is_believed_before_the_zone(
    database, api, site, header, country
):
    given = {"subscription": subscription(), "zone": "Europe/Berlin"}
    behind = OwnApi(database, country_header="cf-ipcountry")
    made = said(await subscribe(behind, site, given, cf_ipcountry=header))
    assert (await api.get(f"/v1/subscribers/{made['id']}"))["country"] == country


async def test_a_country_that_nobody_asked_for_is_not_believed(api, site):
    made = said(await subscribe(api, site, cf_ipcountry="NL"))
    assert (await api.get(f"/v1/subscribers/{made['id']}"))["country"] is None


async def test_what_is_secret_is_in_no_answer(api, site):
    given = subscription("a-secret-endpoint")
    made = await subscribe(api, site, {"subscription": given})
    answers = [
        await api.ask("GET", f"/v1/subscribers/{said(made)['id']}"),
        await api.ask("GET", f"/v1/sites/{site}/subscribers"),
    ]
    for secret in ("a-secret-endpoint", given["keys"]["auth"], given["keys"]["p256dh"], said(made)["token"]):
        assert all(secret not in handled.answer.body.decode() for handled in answers)


async def test_a_browser_that_comes_again_is_the_same(api, site):
    first = await subscribe(api, site)
    given = {"subscription": subscription("b"), "token": said(first)["token"]}
    assert said(await subscribe(api, site, given))["id"] == said(first)["id"]
    assert len((await api.get(f"/v1/sites/{site}/subscribers"))["data"]) == 1


async def test_a_page_of_elsewhere_subscribes_nobody(api, site):
    handled = await subscribe(api, site, origin="https://evil.example")
    assert handled.answer.status == 403
    assert "Access-Control-Allow-Origin" not in handled.answer.headers
    assert (await api.get(f"/v1/sites/{site}/subscribers"))["data"] == []


async def test_a_page_on_localhost_subscribes_where_that_is_wanted(database, api, site):
    local = {"origin": "http://localhost:8000"}
    assert (await subscribe(api, site, **local)).answer.status == 403
    assert (await subscribe(OwnApi(database, dev=True), site, **local)).answer.status == 201


async def test_a_browser_asks_first(api, site):
    handled = await api.ask(
        "OPTIONS",
        f"/v1/sites/{site}/subscribers",
        token=None,
        origin=SHOP,
        access_control_request_method="POST",
        access_control_request_headers="content-type",
    )
    assert handled.answer.status == 204
    assert handled.answer.headers["Access-Control-Allow-Origin"] == SHOP


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subscription": {}}, "subscription.endpoint"),
        ({"subscription": {"endpoint": "https://elsewhere.example/x"}}, "subscription.keys"),
        ({"tags": [str(number) for number in range(101)]}, "tags"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"attributes": {"a b": 1}}, "attributes.a b"),
        ({"hwidd": "x"}, "hwidd"),
    ],
)
async def test_what_cannot_be_is_told_by_field(api, site, change, field):
    handled = await subscribe(api, site, {"subscription": subscription(), **change})
    assert handled.answer.status == 400
    assert said(handled)["errors"][0]["field"] == field


async def test_who_says_it_is_a_user_proves_it(api):
    made = await api.make("/v1/sites", {"url": SHOP})
    given = {"subscription": subscription(), "external_id": "user-7"}
    assert (await subscribe(api, made["id"], given)).answer.status == 403
    proof = identity_proof(made["identity_secret"].encode(), "user-7")
    assert (await subscribe(api, made["id"], {**given, "proof": proof})).answer.status == 201


async def test_a_site_admits_so_many_at_once(api, site):
    statuses = [
        (await subscribe(api, site, {"subscription": {}}, x_forwarded_for="")).answer.status
        for _ in range(61)
    ]
    assert statuses.count(429) >= 1
    assert {*statuses} == {400, 429}


async def test_a_browser_unsubscribes(api, site):
    made = said(await subscribe(api, site))
    path = f"/v1/sites/{site}/subscribers/unsubscribe"
    for _ in range(2):
        handled = await api.ask("POST", path, {"token": made["token"]}, token=None, origin=SHOP)
        assert handled.answer.status == 204
    assert (await api.get(f"/v1/subscribers/{made['id']}"))["status"] == "unsubscribed"
    other = await api.ask("POST", path, {"token": "A" * 34}, token=None, origin=SHOP)
    assert other.answer.status == 404


async def test_a_customer_finds_changes_and_erases(api, site):
    numbers = []
    for name in ("a", "b", "c"):
        given = {"subscription": subscription(name), "external_id": name, "tags": [name, "all"]}
        numbers.append(said(await subscribe(api, site, given))["id"])
    path = f"/v1/sites/{site}/subscribers"

    async def found(query: str) -> set[str]:
        return {each["id"] for each in (await api.get(f"{path}?{query}"))["data"]}

    assert await found("tag=all") == {*numbers}
    assert await found("tag=b") == {numbers[1]}
    assert await found("external_id=c") == {numbers[2]}
    assert await found("status=expired") == set()

    changes = {"tags": [], "attributes": {"plan": "gold"}, "external_id": None}
    changed = await api.ask("PATCH", f"/v1/subscribers/{numbers[0]}", changes)
    assert changed.answer.status == 200
    assert (said(changed)["tags"], said(changed)["external_id"]) == ([], None)
    gone = await api.ask("PATCH", f"/v1/subscribers/{numbers[0]}", {"attributes": {"plan": None}})
    assert said(gone)["attributes"] == {}

    assert (await api.ask("DELETE", f"/v1/subscribers/{numbers[1]}")).answer.status == 204
    assert (await api.ask("GET", f"/v1/subscribers/{numbers[1]}")).answer.status == 404
    assert await found("tag=all") == {numbers[2]}
