"""A shop whose pages hold the SDK, and a stand-in for the service that notes what browsers tell it."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

from campaigns.sdk.files import HEADERS, sdk_file
from campaigns.sdk.snippet import WORKER_PATH, snippet
from crypto import base64url
from crypto.keys import generate_receiver_keys

SITE = "site_7"


def public_key() -> str:
    return base64url.encode(generate_receiver_keys().public)


class Service:
    """The paths that browsers use; each list holds what came, in order."""

    def __init__(self) -> None:
        self.url = ""
        self.told: list[dict[str, Any]] = []
        self.farewells: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.batches: list[int] = []
        """How many events came at once."""
        self.paths: list[str] = []
        self.away = False
        self.refuses: Callable[[dict[str, Any]], int | None] = lambda _: None
        """The status with which to refuse to subscribe somebody; None to do it."""
        self.events_status = 204
        self.allows_origin = True
        self.application = web.Application(middlewares=[self._all])
        self.application.add_routes(
            [
                web.get("/sdk/{name}", self._sdk),
                web.post("/v1/events", self._events),
                web.post("/v1/sites/{site}/subscribers", self._subscribe),
                web.post("/v1/sites/{site}/subscribers/unsubscribe", self._unsubscribe),
                web.options("/v1/{rest:.*}", self._preflight),
            ]
        )

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events]

    @web.middleware
    async def _all(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.paths.append(request.path)
        if self.away:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        answer: web.StreamResponse = await handler(request)
        if self.allows_origin or not request.path.startswith("/v1/sites"):
            answer.headers["Access-Control-Allow-Origin"] = "*"
        return answer

    async def _sdk(self, request: web.Request) -> web.Response:
        file = sdk_file(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.body, headers=HEADERS | {"Content-Type": file.media_type})

    async def _preflight(self, _: web.Request) -> web.Response:
        return web.Response(
            headers={"Access-Control-Allow-Headers": "content-type", "Access-Control-Allow-Methods": "POST"}
        )

    async def _subscribe(self, request: web.Request) -> web.Response:
        body = await request.json()
        if refused := self.refuses(body):
            return web.json_response({"title": "refused by the test"}, status=refused)
        if request.match_info["site"] != SITE:
            return web.json_response({"title": "no such site"}, status=404)
        if "subscription" not in body:
            problem = {"errors": [{"field": "subscription", "problem": "is required"}]}
            return web.json_response(problem, status=400)
        self.told.append(body)
        token = body.get("token") or f"token-{len(self.told)}"
        return web.json_response({"id": "sub_1", "token": token})

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        self.farewells.append(await request.json())
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.Response:
        assert request.content_type == "text/plain"
        assert "Cookie" not in request.headers
        if self.events_status == 204:
            batch = (await request.json())["events"]
            self.events += batch
            self.batches.append(len(batch))
        return web.Response(status=self.events_status)


class Shop:
    """A site of one page, and its worker file."""

    def __init__(self, service: Service) -> None:
        self.url = ""
        self.site = SITE
        self.key = public_key()
        self.service = service
        self.head: str | None = None
        """In the page's head, in place of the snippet."""
        self.attributes = ""
        """More of the snippet's element."""
        self.headers: dict[str, str] = {}
        self.worker_status = 200
        self.before_worker = self.more_worker = ""
        """Around the one line of the worker file."""
        self.paths: list[str] = []
        self.application = web.Application()
        self.application.add_routes(
            [
                web.get(WORKER_PATH, self._worker),
                web.get("/foreign.js", self._foreign),
                web.get("/{rest:.*}", self._page),
            ]
        )

    @property
    def scope(self) -> str:
        return f"{self.url}/pushmill/"

    async def _page(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        given = snippet(self.service.url, self.site, self.key)
        head = (
            given.page.replace("<script ", f"<script {self.attributes} ") if self.head is None else self.head
        )
        html = (
            f"<!doctype html><html lang=en><head><title>Shop</title>{head}</head><body>A shop.</body></html>"
        )
        return web.Response(text=html, content_type="text/html", headers=self.headers)

    async def _worker(self, _: web.Request) -> web.Response:
        self.paths.append(WORKER_PATH)
        worker = snippet(self.service.url, self.site, self.key).worker
        text = (
            f"{self.before_worker}\n{worker}\n{self.more_worker}" if self.worker_status == 200 else "not here"
        )
        return web.Response(text=text, content_type="text/javascript", status=self.worker_status)

    async def _foreign(self, _: web.Request) -> web.Response:
        return web.Response(text="// somebody else's\n" + self.more_worker, content_type="text/javascript")


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Shop]:
    """A shop at http://localhost and its service at http://127.0.0.1: two origins, both secure."""
    service = Service()
    shop = Shop(service)
    async with contextlib.AsyncExitStack() as stack:
        service.url = await stack.enter_async_context(served(service.application, "127.0.0.1"))
        shop.url = await stack.enter_async_context(served(shop.application, "localhost"))
        yield shop


@contextlib.asynccontextmanager
async def served(application: web.Application, host: str) -> AsyncIterator[str]:
    """Serve on loopback, under this name of it; yields the origin."""
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
