"""A customer, a browser and strangers for `test_secrets`: what they ask, and the secrets that they use."""

import asyncio
import json
import os
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from campaigns.model.ids import read_launch
from campaigns.model.secrets import Purpose, identity_proof, parse_secrets
from campaigns.model.tokens import recipient_token
from crypto.keys import generate_receiver_keys
from crypto.vapid import generate_vapid_key
from worker.records.values import encode_json

SHOP = "https://shop.example"
VISITOR = "203.0.113.77"
"""The address that a trusted proxy names."""

FORGED = "AQAAAAABAAAAAAAAB" + "x" * 17
"""A recipient's token, as long as a real one."""


class Secrets:
    """What is used in a run and must not be seen outside of it.

    Attributes:
        key: Of the own API, for everything.
        signing: The service's own secret.
    """

    def __init__(self, key: str) -> None:
        self.words: list[str] = [VISITOR, FORGED, key]
        self.key = key
        self.signing = f"{self.make('signing')}{'0' * 32}"

    def make(self, name: str) -> str:
        """Make one that no redaction knows: short, and in no URL unless it is put into one."""
        word = f"{name}-{os.urandom(4).hex()}"
        self.words.append(word)
        return word

    def keep(self, *words: str) -> None:
        self.words += words

    def found_in(self, text: str) -> list[str]:
        """Return those that a text shows, whatever their case."""
        shown = text.casefold()
        return [word for word in self.words if word.casefold() in shown]


class Client:
    """Everybody who asks the service something, good or bad."""

    def __init__(self, session: aiohttp.ClientSession, api: str, secrets: Secrets) -> None:
        self._session = session
        self._api = api
        self.secrets = secrets

    async def ask(self, method: str, path: str, body: object = None, *, want: int, **headers: str) -> Any:
        """Ask, and return the JSON that is answered with the status `want`; headers are named with `_`."""
        status, text = await self.try_out(method, path, body, **headers)
        assert status == want, f"{method} {path.partition('?')[0]}: {status} {text}"
        return json.loads(text) if text.startswith("{") else None

    async def try_out(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Ask, and return status and text of whatever is answered."""
        said = {
            "User-Agent": f"Mozilla/5.0 {self.secrets.make('agent')}",
            "X-Forwarded-For": VISITOR,
            "Authorization": f"Bearer {self.secrets.key}",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        data = None if body is None else BytesIO(body if isinstance(body, bytes) else encode_json(body))
        said.setdefault("Content-Type", "application/json")
        async with self._session.request(method, self._api + path, data=data, headers=said) as answer:
            return answer.status, await answer.text()

    async def report(self, *tokens: str, want: int) -> None:
        """Report as a service worker does."""
        shown = [{"t": each, "kind": "shown", "button": None, "at": datetime.now(UTC)} for each in tokens]
        await self.ask("POST", "/v1/events", {"events": shown}, want=want, Content_Type="text/plain")

    async def garble(self, request: str) -> None:
        """Send what is no HTTP, and wait until the service hangs up."""
        url = urlsplit(self._api)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(request.encode("latin-1"))
        await reader.read()
        writer.close()


class Shop:
    """A site of a customer, with a subscriber of whom much is known; `make` is the only way to have one."""

    client: Client
    site: str
    proof: str
    person: str
    subscriber: str
    endpoint: str
    own_token: str
    campaign: str
    token: str

    @classmethod
    async def make(cls, client: Client) -> Self:
        """Do all that a customer and a browser do, with secrets wherever there is room for one."""
        shop = cls()
        shop.client = client
        await shop._open()
        await shop._subscribe()
        await shop._send()
        return shop

    def subscription(self) -> dict[str, Any]:
        """Make what a new browser gives; all of it is secret."""
        keys, word = generate_receiver_keys(), self.client.secrets.make("endpoint")
        self.client.secrets.keep(keys.p256dh, keys.auth_text)
        return {
            "endpoint": f"https://fcm.googleapis.com/fcm/send/{word}",
            "keys": {"p256dh": keys.p256dh, "auth": keys.auth_text},
        }

    async def _open(self) -> None:
        secrets, ask = self.client.secrets, self.client.ask
        pem = generate_vapid_key().to_pem().decode()
        secrets.keep(pem.splitlines()[1])
        added = await ask("POST", "/v1/sites", {"url": SHOP, "private_key": pem}, want=201)
        self.site = added["id"]
        secrets.keep(added["identity_secret"])
        self.person = f"{secrets.make('ada')}@mail.example"
        self.proof = identity_proof(added["identity_secret"].encode(), self.person)
        secrets.keep(self.proof)
        made = await ask("POST", "/v1/credentials", {"scopes": ["read"], "name": "for a report"}, want=201)
        secrets.keep(made["secret"])
        await ask("DELETE", f"/v1/credentials/{made['id']}", want=204)

    async def _subscribe(self) -> None:
        secrets, ask = self.client.secrets, self.client.ask
        browser = self.subscription()
        self.endpoint = browser["endpoint"]
        said = {
            "subscription": browser,
            "external_id": self.person,
            "proof": self.proof,
            "hwid": secrets.make("hwid"),
            "tags": [secrets.make("tag")],
            "attributes": {"email": self.person, "name": secrets.make("name")},
            "landing_url": f"{SHOP}/{secrets.make('landing')}?utm={secrets.make('utm')}",
        }
        path = f"/v1/sites/{self.site}/subscribers"
        known = await ask("POST", path, said, want=201, Origin=SHOP)
        self.subscriber, self.own_token = known["id"], known["token"]
        secrets.keep(self.subscriber, self.own_token)
        await ask("GET", f"{path}?external_id={self.person}&tag={said['tags'][0]}", want=200)
        changed = {"attributes": {"name": secrets.make("name")}}
        await ask("PATCH", f"/v1/subscribers/{self.subscriber}", changed, want=200)

    async def _send(self) -> None:
        secrets, ask = self.client.secrets, self.client.ask
        content = {
            "title": f"Hello {{{{name}}}}, {secrets.make('title')}",
            "body": secrets.make("body"),
            "url": f"{SHOP}/{secrets.make('page')}?offer={secrets.make('offer')}",
        }
        is_ada = {"field": "attribute.email", "op": "eq", "value": self.person}
        segment = {"name": secrets.make("segment"), "condition": is_ada}
        made = await ask("POST", f"/v1/sites/{self.site}/segments", segment, want=201)
        template = {"name": secrets.make("template"), "content": content}
        await ask("POST", f"/v1/sites/{self.site}/templates", template, want=201)
        campaign = {"name": secrets.make("campaign"), "content": content, "target": {"segment": made["id"]}}
        path = f"/v1/sites/{self.site}/campaigns"
        repeat = {"Idempotency_Key": secrets.make("repeat")}
        self.campaign = (await ask("POST", path, campaign, want=201, **repeat))["id"]
        await ask("POST", path, {**campaign, "name": "another"}, want=422, **repeat)
        await ask("POST", f"/v1/campaigns/{self.campaign}/launch", want=200)
        send = {
            "content": content,
            "target": {"external_ids": [self.person]},
            "track_clicks": "redirect",
        }
        sent = await ask("POST", f"/v1/sites/{self.site}/send", send, want=200)
        launch = read_launch(sent["launch"])
        assert launch is not None
        key = parse_secrets(secrets.signing).keys(Purpose.RECIPIENT_TOKEN).signing
        self.token = recipient_token(key, launch.number, int(self.subscriber.removeprefix("sub_")))
        secrets.keep(self.token)
        await self.client.report(self.token, self.token, want=204)
