"""Nothing secret leaves a noisy run: every role at its most talkative, bad requests and records, outages."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp
import pytest

from campaigns.api.routes import routes
from campaigns.config import ROLES
from campaigns.store.database import connect
from tests.campaigns.collect.records import batch, event, expired, outcome
from tests.harness.campaigns_process import CampaignsProcess
from tests.harness.kafka.proxy import KafkaProxy
from tests.harness.postgresql import Servers
from tests.harness.waiting import until_seen, until_told
from tests.harness.world import World
from tests.integration.campaigns.conftest import Start
from tests.integration.campaigns.noise import FORGED, SHOP, Client, Secrets, Shop
from worker.records.topics import EVENTS, EXPIRED, LAUNCHES, OUTCOMES

pytestmark = pytest.mark.timeout(400)


def with_password(url: str, password: str) -> str:
    """Put a password into a database's URL, unless one is needed there already."""
    parts = urlsplit(url)
    if parts.password:
        return url
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{password}{at}{host}"))


@pytest.fixture
def secrets(key: str) -> Secrets:
    return Secrets(key)


@pytest.fixture
async def service(
    world: World, start: Start, database_url: str, tmp_path: Path, secrets: Secrets
) -> CampaignsProcess:
    """A service of all roles that says all it can say."""
    url = with_password(database_url, secrets.make("password"))
    made = start(
        ROLES=",".join(ROLES),
        SECRET=secrets.signing,
        DATABASE_URL=url,
        TRUSTED_PROXIES="127.0.0.1",
        PUBLIC_URL="https://push.example",
    )
    made.environment |= {
        "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS": world.broker,
        "PUSHMILL_TOPIC_PREFIX": world.prefix,
        "PUSHMILL_LOG_LEVEL": "debug",
        "PUSHMILL_VAPID_DIR": str(tmp_path / "mirrored"),
    }
    return made


Away = Callable[[], AbstractAsyncContextManager[None]]
"""Takes something away until its block ends."""


@pytest.fixture
def database_away(postgresql_servers: Servers, database_url: str) -> Away:
    """Breaks every connection to the database, and lets nobody in until the block ends."""
    name = unquote(urlsplit(database_url).path.removeprefix("/"))

    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        connection = await connect(postgresql_servers.databases().url_of("postgres"))
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
        try:
            await connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
            await connection.execute(ending, name)
            yield
        finally:
            await connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
            await connection.close()

    return away


async def test_no_secret_leaves_a_noisy_run(
    world: World, kafka: KafkaProxy, service: CampaignsProcess, secrets: Secrets, database_away: Away
) -> None:
    await misread_markers(world, secrets)
    await service.start()
    await until_seen(lambda: "events can be taken" in service.log.read_text(), "Kafka is reached")
    async with aiohttp.ClientSession() as session:
        shop = await Shop.make(Client(session, service.api, secrets))
        await ask_for_what_is_not_there(shop)
        await ask_every_route(shop)
        await subscribe_badly(shop)
        await report_badly(shop)
        await garble(shop)
        await write_bad_records(world, shop)
        passed_over = "pushmill_campaigns_foreign_total"
        await until_seen(lambda: service.metric(passed_over) >= 4, "the records are passed over")
        async with kafka.down():
            await do_without_kafka(shop)
        async with database_away():
            said = [await do_without_the_database(service, shop)]
        await until_seen(lambda: service.status("/readyz") == 200, "the service is ready again")
    said += [service.get("/metrics")[1], service.get("/readyz")[1]]
    assert await service.terminate() == 0
    log = service.log.read_text()
    assert log.count('"event": "request"') > 60, "nothing was noisy"
    assert secrets.found_in("\n".join([log, *said])) == []
    assert "a request failed" not in log


async def misread_markers(world: World, secrets: Secrets) -> None:
    """Write what only looks like a marker, where launchers look for theirs."""
    foreign = b'{"v": 1, "launch": "%s"' % secrets.make("marker").encode()
    for partition in range(world.partitions):
        await world.produce(foreign, topic=LAUNCHES, key=b"launch_999_abcdefgh", partition=partition)


async def ask_for_what_is_not_there(shop: Shop) -> None:
    """Guess credentials and paths, and show secrets where none belongs."""
    ask, make = shop.client.ask, shop.client.secrets.make
    for wrong in (f"pm_{make('guess')}", make("guess") * 300, f"{make('user')}:{make('guess')}"):
        await ask("GET", "/v1/sites", want=401, Authorization=f"Bearer {wrong}")
    await ask("GET", f"/v1/sites?key={make('query')}", want=400)
    await ask("GET", f"/v1/sites?cursor=c_{'7' * 5_000}{make('cursor')}", want=400)
    await ask("GET", f"/v1/sites?cursor=c_{'7' * 5_000}", want=400)
    await ask("GET", f"/v1/sites/{make('path')}", want=404)
    await ask("GET", f"/{make('path')}/{make('path')}?q={make('query')}", want=404)
    await ask("PUT", f"/v1/subscribers/{shop.subscriber}?q={make('query')}", want=405)
    await ask("GET", "/v1/subscribers/sub_9007199254740991", want=404)
    await ask("GET", f"/c/{FORGED}/body", want=404)
    await ask("GET", f"/c/{shop.token}/7", want=404)
    await ask("OPTIONS", f"/v1/sites/{shop.site}/subscribers", want=204, **preflight(make("origin")))


async def ask_every_route(shop: Shop) -> None:
    """Ask each route of every API, with words where it expects something; nothing may be our own mistake."""
    make, keep = shop.client.secrets.make, shop.client.secrets.keep
    for number, route in enumerate(routes("https://push.example")):
        visitor = f"198.51.{number // 250}.{number % 250}"  # another one, or it would soon be kept out
        keep(visitor)
        path = re.sub(r"\{\w+\}", lambda _: make("part"), route.path)
        body = {make("field"): make("text"), "name": make("name"), "request": {"auth": make("token")}}
        for key in (shop.client.secrets.key, make("key")):
            status, text = await shop.client.try_out(
                *(route.method, f"{path}?{make('query')}={make('value')}", body),
                Authorization=f"Bearer {key}",
                X_Forwarded_For=visitor,
            )
            assert status < 500, f"{route.method} {route.path}: {status} {text}"


def preflight(origin: str) -> dict[str, str]:
    return {"Origin": f"https://{origin}.example", "Access_Control_Request_Method": "POST"}


async def subscribe_badly(shop: Shop) -> None:
    """Subscribe as broken and as hostile pages do."""
    ask, make = shop.client.ask, shop.client.secrets.make
    path = f"/v1/sites/{shop.site}/subscribers"
    good = shop.subscription()
    for change in (
        {"external_id": shop.person, "proof": make("proof")},
        {"external_id": f"{make('eve')}@mail.example"},
    ):
        await ask("POST", path, {"subscription": good, **change}, want=403, Origin=SHOP)
    await ask("POST", path, {"subscription": good, "token": make("token")}, want=201)  # it proves nothing
    await ask("POST", path, {"subscription": good}, want=403, Origin=f"https://{make('origin')}.example")
    theirs = {**good, "endpoint": shop.endpoint}
    await ask("POST", path, {"subscription": theirs}, want=409)
    for wrong in (
        {**good, "endpoint": f"https://{make('user')}:{make('word')}@fcm.googleapis.com/{make('path')}"},
        {**good, "endpoint": f"http://10.0.0.1/{make('path')}"},
        {**good, "keys": {"p256dh": good["keys"]["p256dh"] + "AA", "auth": make("auth")}},
        {**good, "keys": make("keys")},
        make("subscription"),
    ):
        await ask("POST", path, {"subscription": wrong}, want=400)
    for field, value in (
        ("hwid", make("hwid") * 40),
        ("zone", make("zone")),
        ("tags", [make("tag") * 40]),
        ("tags", make("tags")),
        ("attributes", {make("attribute"): {"deep": make("deep")}}),
        ("attributes", {"age": 10**30, "name": "\ud800"}),
        (make("field"), make("value")),
    ):
        body = loose_json({"subscription": good, field: value})
        await ask("POST", path, body, want=400)
    await ask("POST", path, b'{"hwid": "%s\\u0000"}' % make("nul").encode(), want=400)
    await ask("POST", path, b'{"hwid": "%s' % make("cut").encode(), want=400)
    await ask("POST", path, make("large").encode() * 100_000, want=413)
    await ask("POST", f"{path}/unsubscribe", {"token": make("token")}, want=404)


def loose_json(value: object) -> bytes:
    """Write JSON that no strict encoder writes: halves of surrogate pairs, numbers of any size."""
    return json.dumps(value).encode()


async def report_badly(shop: Shop) -> None:
    """Report and create what is forged, or cannot be read."""
    ask, make = shop.client.ask, shop.client.secrets.make
    await shop.client.report(FORGED, shop.token[:-1] + "_", make("token"), want=204)
    for body in (make("text").encode(), b'{"events": [{"t": "%s"}]}' % make("token").encode()):
        await ask("POST", "/v1/events", body, want=400, Content_Type="text/plain")
    campaign = {"name": "Sale", "target": {"external_ids": [make("nobody")]}}
    path = f"/v1/sites/{shop.site}/campaigns"
    for content in (
        {"title": make("title"), "url": f"javascript:{make('script')}"},
        {"title": f"{{{{{make('open')}", "url": SHOP},
        {"title": make("title") * 1_000, "url": SHOP},
        {"title": make("title"), make("field"): 1},
    ):
        await ask("POST", path, {**campaign, "content": content}, want=400)
    wrong = {"field": make("field"), "op": "eq", "value": make("value")}
    await ask("POST", f"/v1/sites/{shop.site}/segments/preview", {"condition": wrong}, want=400)
    no_number = {"field": "attribute.name", "op": "gt", "value": make("value")}
    await ask("POST", f"/v1/sites/{shop.site}/segments/preview", {"condition": no_number}, want=200)


async def garble(shop: Shop) -> None:
    """Send what is no HTTP, or breaks off, with secrets in it."""
    make = shop.client.secrets.make
    path = f"/v1/sites/{shop.site}/subscribers"
    for request in (
        f"GET /{make('target')} {make('target')} HTTP/1.1\r\n\r\n",
        f"{make('method').upper()} / HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /c/{shop.token}/body HTTP/1.1\r\nAuthorization: Bearer {make('key')}\x01\r\n\r\n",
        f"GET / HTTP/1.1\r\n{make('header')} : x\r\n\r\n",
        f"GET / HTTP/9.9\r\nX: {make('version')}\r\n\r\n",
        f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{make('chunk')}\r\n",
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {make('length')}\r\n\r\n",
        f"POST {path} HTTP/1.0\r\nContent-Encoding: gzip\r\nContent-Length: 13\r\n\r\n{make('gzip')}",
    ):
        await shop.client.garble(request)


async def write_bad_records(world: World, shop: Shop) -> None:
    """Write records that nobody of ours has written, and one that is right."""
    make = shop.client.secrets.make
    await world.produce(
        batch(outcome(0, recipient_id=make("stranger")), launch=f"launch_1_{'a' * 8}", site_id=shop.site),
        batch(outcome(0, make("status"))),
        make("junk").encode(),
        topic=OUTCOMES,
    )
    gone = expired(int(shop.subscriber.removeprefix("sub_")), shop.endpoint, shop.site)
    strange = expired(1, shop.endpoint + "x", shop.site)
    await world.produce(make("junk").encode(), strange, gone, topic=EXPIRED, key=b"any")
    await world.produce(event(0, make("kind"), launch_id=make("launch")), make("junk").encode(), topic=EVENTS)

    async def is_gone() -> bool:
        known = await shop.client.ask("GET", f"/v1/subscribers/{shop.subscriber}", want=200)
        return bool(known["status"] == "expired")

    await until_told(is_gone, "the subscription is gone")


async def do_without_kafka(shop: Shop) -> None:
    """Report, which must wait for Kafka, and send, which need not."""
    await shop.client.report(shop.token, want=503)
    content = {"title": shop.client.secrets.make("title"), "url": SHOP}
    send = {"content": content, "target": {"all": True}}
    await shop.client.ask("POST", f"/v1/sites/{shop.site}/send", send, want=200)


async def do_without_the_database(service: CampaignsProcess, shop: Shop) -> str:
    """Ask what needs it, until every role has missed it; return what is said of that to operators."""
    await until_seen(lambda: service.status("/readyz") == 503, "the service is not ready")
    said = service.get("/readyz")[1]
    path = f"/v1/sites/{shop.site}/subscribers"
    await shop.client.ask("GET", f"{path}?external_id={shop.person}", want=503)
    await shop.client.ask("POST", path, {"subscription": shop.subscription()}, want=503)
    for role in ROLES:
        await until_seen(partial(has_warned, service, role), f"{role} says that the database is away")
    return said


def has_warned(service: CampaignsProcess, role: str) -> bool:
    """Whether a role has complained of the database."""
    lines = service.log.read_text().splitlines()
    return any(f'"role": "{role}"' in line and '"level": "warning"' in line for line in lines)
