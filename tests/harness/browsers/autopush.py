"""A push service for a real Firefox: the side of Mozilla's that browsers talk to, over a WebSocket.

Source: https://mozilla-push-service.readthedocs.io/en/latest/design/, with `use_webpush`.
"""

import uuid
from collections.abc import Callable
from typing import Any, Final, Self

from aiohttp import WSMsgType, web

from crypto import base64url
from tests.harness.waiting import until

ENDPOINT: Final = "https://updates.push.services.mozilla.com/wpush/v2/"
ACCEPTED: Final = 100
"""The code with which a browser acknowledges a message that it could decrypt."""


class Autopush:
    """Serves one browser within its `async with` block."""

    def __init__(self) -> None:
        self.url = ""
        """For the preference `dom.push.serverURL`."""
        self.channels: dict[str, str | None] = {}
        """Open subscriptions: the public key of the sender by channel."""
        self.acknowledged: dict[str, int] = {}
        """What the browser has answered, by message."""
        self._socket: web.WebSocketResponse | None = None
        application = web.Application()
        application.router.add_get("/", self._connected)
        self._runner = web.AppRunner(application, shutdown_timeout=1)
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
            "hello": self._hello,
            "register": self._register,
            "unregister": self._unregister,
            "ack": self._acknowledge,
        }

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def push(self, endpoint: str, body: bytes) -> None:
        """Deliver an encrypted message (RFC 8291), and wait until the browser has taken it."""
        assert endpoint.startswith(ENDPOINT)
        message = uuid.uuid4().hex
        assert self._socket is not None
        await self._socket.send_json(
            {
                "messageType": "notification",
                "channelID": endpoint.removeprefix(ENDPOINT),
                "version": message,
                "data": base64url.encode(body),
                "headers": {"encoding": "aes128gcm"},
            }
        )
        await until(lambda: message in self.acknowledged, "the browser has taken the message")
        assert self.acknowledged[message] == ACCEPTED

    async def _connected(self, request: web.Request) -> web.WebSocketResponse:
        self._socket = socket = web.WebSocketResponse(protocols=("push-notification",))
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(socket, message.json())
        return socket

    async def _answer(self, socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
        if not message:
            await socket.send_str("{}")  # a ping
        elif take := self._answers.get(message["messageType"]):
            answer = take(message)
            if answer is not None:
                await socket.send_json({"messageType": message["messageType"], "status": 200, **answer})

    def _hello(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"uaid": message.get("uaid") or uuid.uuid4().hex, "use_webpush": True, "broadcasts": {}}

    def _register(self, message: dict[str, Any]) -> dict[str, Any]:
        channel = message["channelID"]
        self.channels[channel] = message.get("key")
        return {"channelID": channel, "pushEndpoint": ENDPOINT + channel}

    def _unregister(self, message: dict[str, Any]) -> dict[str, Any]:
        self.channels.pop(message["channelID"], None)
        return {"channelID": message["channelID"]}

    def _acknowledge(self, message: dict[str, Any]) -> None:
        self.acknowledged.update({each["version"]: each["code"] for each in message["updates"]})
