"""An authorization server on loopback: gives out tokens for client credentials (RFC 6749 section 4.4)."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import unquote_plus

from aiohttp import web

CLIENT, SECRET = "mill & co", "hunter2+/=é"


class AuthorizationServer:
    """Takes the credentials in the header, in the body, or both; `make` makes an answer's fields."""

    def __init__(
        self,
        make: Callable[[int], dict[str, Any]],
        *,
        header: bool = True,
        body: bool = False,
        tls: Any = None,
    ) -> None:
        self.make = make
        self.asked: list[dict[str, str]] = []
        self.answer: Callable[[], web.StreamResponse] | None = None
        self.open = asyncio.Event()
        self.open.set()
        self._header, self._body, self._tls = header, body, tls

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes([web.post("/tenant-7/token", self._token)])
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open.set()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}/tenant-7/token"

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        await self.open.wait()
        if self.answer is not None:
            return self.answer()
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        if not self._knows(request.headers.get("Authorization", ""), form):
            return web.json_response(
                {"error": "invalid_client", "error_description": f"not {SECRET}"}, status=401
            )
        return web.json_response(self.make(len(self.asked)))

    def _knows(self, authorization: str, form: dict[str, str]) -> bool:
        if self._body and (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET):
            return True
        kind, _, pair = authorization.partition(" ")
        if not (self._header and kind == "Basic"):
            return False
        given = base64.b64decode(pair).decode().split(":")
        return [unquote_plus(each) for each in given] == [CLIENT, SECRET]
