"""A browser's remote control: JSON commands and events over one WebSocket.

Chrome's DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/) and WebDriver BiDi
(https://www.w3.org/TR/webdriver-bidi/) frame them alike; only their names differ.
"""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.harness.waiting import GENEROUS


class CommandError(Exception):
    """The browser has refused a command."""


class Commands:
    """An open WebSocket to a browser, within its `async with` block."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: list[Callable[[str, dict[str, Any]], object]] = []

    async def __aenter__(self) -> Self:
        self._session = ClientSession()
        self._socket: ClientWebSocketResponse = await self._session.ws_connect(self._url, max_msg_size=0)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._reading
        await self._session.close()

    async def call(self, command: str, /, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Have a command done and return its result; `session` is the DevTools Protocol's, of one target.

        Raises:
            CommandError: The browser has refused it, or has gone.
        """
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": command, "params": parameters}
        await self._socket.send_json(message | ({"sessionId": session} if session else {}))
        done = await asyncio.wait_for(answer, GENEROUS)
        if "error" in done:
            raise CommandError(f"{command}: {done.get('message') or done['error']}")
        result: dict[str, Any] = done["result"]
        return result

    def listen(self, listener: Callable[[str, dict[str, Any]], object]) -> None:
        """Have every event's name and parameters told to `listener`."""
        self._listeners.append(listener)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self._take(message.json())
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result({"error": "the browser has gone"})

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            answer = self._answers.pop(message["id"])
            if not answer.done():
                answer.set_result(message)
        else:
            for listener in self._listeners:
                listener(message["method"], message["params"])
