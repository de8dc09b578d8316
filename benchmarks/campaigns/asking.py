"""What customers ask for in small: reads, and sends to a few, in the words of each API.

Decides the requests of each; knows nothing of how often they are made, nor of what is measured.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

from benchmarks.campaigns.audiences import number_of
from campaigns.model.credential import CredentialKind
from campaigns.model.ids import Kind, spell
from campaigns.model.platforms import platform_spelling

LINK = "https://shop.example/"
HELLO = {"title": "Hello {{name|you}}", "url": LINK}
TITLE, TEXT = "Hello", "It is autumn."
TAG, LANGUAGE, COUNTRY = "few", "lb", "LU"
"""What a few subscribers have, and nobody else has: a platform's small send is by one of these."""

MARKED = 3
DONE = b'"status_code":200'
"""What is in every answer that is none of a refusal, where HTTP's status does not tell."""


class Customer(Protocol):
    """Asks a service; raises where it refuses."""

    async def post(self, path: str, body: object = None, authorization: str = "") -> Any:
        """Ask, with the own API's key unless another header Authorization is given."""

    async def patch(self, path: str, body: object) -> Any:
        """Change something by the own API."""


class Ask(NamedTuple):
    """A request.

    Attributes:
        method: HTTP's.
        path: With its query.
        body: As JSON; None for none.
        authorization: The header; empty: the own API's key.
        holds: What is in the body of every answer that is no refusal.
    """

    method: str
    path: str
    body: object = None
    authorization: str = ""
    holds: bytes = b""


class Shop(NamedTuple):
    """Whom requests are about: a site, its number of subscribers, and its account's credentials."""

    site: int
    size: int
    customer: Customer
    tokens: Mapping[CredentialKind, str]

    def subscriber(self, place: int) -> str:
        return spell(Kind.SUBSCRIBER, number_of(self.site, self.size, place % self.size))

    def user(self, place: int) -> str:
        return f"user-{place % MARKED}"

    def spelled(self, platform: CredentialKind) -> str:
        """Return what a platform calls the site."""
        return platform_spelling(platform, Kind.SITE, self.site)


async def mark_a_few(shop: Shop) -> None:
    """Give a few subscribers what platforms send by."""
    for place in range(MARKED):
        marks = {"tags": [TAG], "language": LANGUAGE, "country": COUNTRY, "external_id": shop.user(place)}
        await shop.customer.patch(f"/v1/subscribers/{shop.subscriber(place)}", marks)


Requests = Callable[[Shop], Awaitable[Iterator[Ask]]]
"""Prepares what requests need, and returns an endless row of them, in an API's words: four reads, a send."""


async def own(shop: Shop) -> Iterator[Ask]:
    """Return requests of the own API; a send is to up to three."""
    path = f"/v1/sites/{spell(Kind.SITE, shop.site)}"
    draft = {"name": "Sale", "content": HELLO, "target": {"all": True}}
    campaign = (await shop.customer.post(f"{path}/campaigns", draft))["id"]
    target = {"subscribers": [shop.subscriber(0)]}
    launch = (await shop.customer.post(f"{path}/send", {"content": HELLO, "target": target}))["launch"]

    def requests() -> Iterator[Ask]:
        for turn in itertools.count():
            few = [shop.subscriber(turn + place) for place in range(1 + turn % 3)]
            yield Ask("GET", f"/v1/campaigns/{campaign}/statistics")
            yield Ask("GET", f"/v1/subscribers/{shop.subscriber(turn)}")
            yield Ask("GET", f"/v1/launches/{launch}/statistics")
            yield Ask("GET", f"{path}/subscribers?limit=20")
            yield Ask("POST", f"{path}/send", {"content": HELLO, "target": {"subscribers": few}})

    return requests()


async def pushary(shop: Shop) -> Iterator[Ask]:
    """Return requests of Pushary's API; a send is to one user, or two."""
    base, key = "/api/v1/server", f"Bearer {shop.tokens[CredentialKind.PUSHARY]}"
    shown = {"title": TITLE, "body": TEXT, "url": LINK}
    sent = await shop.customer.post(f"{base}/send", {**shown, "externalIds": [shop.user(0)]}, key)
    campaign = f"{base}/campaigns/{sent['campaignId']}"
    ask = partial(Ask, authorization=key)

    def requests() -> Iterator[Ask]:
        for turn in itertools.count():
            users = [shop.user(turn + place) for place in range(1 + turn % 2)]
            yield ask("GET", f"{campaign}/stats")
            yield ask("GET", f"{base}/subscribers/{shop.subscriber(turn)}")
            yield ask("GET", campaign)
            yield ask("GET", f"{base}/subscribers?limit=20")
            yield ask("POST", f"{base}/send", {**shown, "externalIds": users})

    return requests()


async def pushwoosh(shop: Shop) -> Iterator[Ask]:
    """Return requests of Pushwoosh's API; a send is to one user."""
    platform = CredentialKind.PUSHWOOSH
    login = {"auth": shop.tokens[platform]}
    shown = {"send_date": "now", "title": TITLE, "content": TEXT, "link": LINK}

    def of(method: str, **request: Any) -> Ask:
        return Ask("POST", f"/json/1.3/{method}", {"request": {**login, **request}}, holds=DONE)

    def to(*users: str) -> Ask:
        message = {**shown, "users": users}
        return of("createMessage", application=shop.spelled(platform), notifications=[message])

    first = to(shop.user(0))
    [code] = (await shop.customer.post(first.path, first.body))["response"]["Messages"]
    asked = of("getMsgStats", message=code)
    results = (await shop.customer.post(asked.path, asked.body))["response"]
    newer, header = "/api/v2/statistics/messages/totalsByIntervals", f"Token {login['auth']}"

    def requests() -> Iterator[Ask]:
        for turn in itertools.count():
            yield of("getMessageDetails", message=code)
            yield asked
            yield of("getResults", **results)
            yield Ask("POST", newer, {"message_code": code}, header)
            yield to(shop.user(turn))

    return requests()


async def truepush(shop: Shop) -> Iterator[Ask]:
    """Return requests of Truepush's API; a send is to those with a tag."""
    base, key = "/api/v1", shop.tokens[CredentialKind.TRUEPUSH]
    shown = {"title": TITLE, "message": TEXT, "link": LINK}
    body = {**shown, "scheduled": False, "tags": [TAG]}
    made = await shop.customer.post(f"{base}/createCampaign", body, key)
    await shop.customer.post(f"{base}/createTemplate", {**shown, "name": "Hello"}, key)
    campaign = made["message"].rpartition("id:")[2]
    ask = partial(Ask, authorization=key, holds=DONE)

    def requests() -> Iterator[Ask]:
        while True:
            yield ask("GET", f"{base}/campaignStats/{campaign}")
            yield ask("GET", f"{base}/listCampaign/1")
            yield ask("GET", f"{base}/campaignStats/{campaign}")
            yield ask("GET", f"{base}/listTemplate/1")
            yield ask("POST", f"{base}/createCampaign", body)

    return requests()


async def sendpulse(shop: Shop) -> Iterator[Ask]:
    """Return requests of SendPulse's API; a send is to those who speak a language."""
    platform = CredentialKind.SENDPULSE
    name, _, secret = shop.tokens[platform].partition(":")
    login = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    token = f"Bearer {(await shop.customer.post('/oauth/access_token', login))['access_token']}"
    task = {"title": TITLE, "body": TEXT, "ttl": 3600, "stretch_time": 0, "filter_lang": LANGUAGE}
    body = {**task, "website_id": shop.spelled(platform)}
    number = (await shop.customer.post("/push/tasks", body, token))["id"]
    website = f"/push/websites/{shop.spelled(platform)}"
    ask = partial(Ask, authorization=token)

    def requests() -> Iterator[Ask]:
        while True:
            yield ask("GET", f"/push/tasks/{number}")
            yield ask("GET", f"{website}/subscriptions?limit=20")
            yield ask("GET", "/push/tasks?limit=20")
            yield ask("GET", f"{website}/subscriptions/total")
            yield ask("POST", "/push/tasks", body)

    return requests()


async def pushpilot(shop: Shop) -> Iterator[Ask]:
    """Return requests of PushPilot's API; it has no send of one call, so what is written is a draft."""
    platform = CredentialKind.PUSHPILOT
    base, key = "/pushpilot/campaigns", f"Bearer {shop.tokens[platform]}"
    shown = {"title": TITLE, "body": TEXT, "url": LINK}
    options = {"filters": {"countries": [COUNTRY.lower()]}}
    site = shop.spelled(platform)
    body = {"websiteId": site, "name": "Sale", "notification": shown, "options": options}
    made = (await shop.customer.post(base, body, key))["data"]["campaign"]["id"]
    await shop.customer.post(f"{base}/{made}/launch", authorization=key)
    ask = partial(Ask, authorization=key)

    def requests() -> Iterator[Ask]:
        while True:
            yield ask("GET", f"{base}/{made}")
            yield ask("GET", "/pushpilot/websites")
            yield ask("GET", f"{base}/{made}")
            yield ask("GET", f"{base}?perPage=20")
            yield ask("POST", base, body)

    return requests()


ADAPTERS: Mapping[CredentialKind, Requests] = {
    CredentialKind.OWN: own,
    CredentialKind.PUSHPILOT: pushpilot,
    CredentialKind.PUSHARY: pushary,
    CredentialKind.PUSHWOOSH: pushwoosh,
    CredentialKind.TRUEPUSH: truepush,
    CredentialKind.SENDPULSE: sendpulse,
}
"""The APIs whose requests are mixed; each new one gets a row here."""


async def mixed(shop: Shop) -> Iterator[Ask]:
    """Return requests of all of them in turns."""
    await mark_a_few(shop)
    rows = [await prepare(shop) for prepare in ADAPTERS.values()]
    return (next(row) for row in itertools.cycle(rows))
