"""A customer of the campaign service: asks its API over HTTP, and reports as browsers do."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec

EVENTS_A_REPORT = 50
POLL_SECONDS = 0.5

Found = TypeVar("Found")


class AnswerError(RuntimeError):
    """The service has refused something; the message is its answer."""


class Customer:
    """Asks with a key.

    Args:
        url: The service's.
        key: The credential; None as long as there is none.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url = url
        self._session = aiohttp.ClientSession()
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, path: str) -> Any:
        """Read something.

        Raises:
            AnswerError: The service refuses.
        """
        return await self._ask("GET", path, headers=self._headers)

    async def post(self, path: str, body: object = None) -> Any:
        """Make or do something.

        Raises:
            AnswerError: The service refuses.
        """
        return await self._ask("POST", path, json=body, headers=self._headers)

    async def delete(self, path: str) -> None:
        """Delete something.

        Raises:
            AnswerError: The service refuses.
        """
        await self._ask("DELETE", path, headers=self._headers)

    async def report(self, events: list[dict[str, Any]]) -> None:
        """Report what became of pushes, as service workers do: as plain text, and without the key.

        Raises:
            AnswerError: The service refuses.
        """
        for first in range(0, len(events), EVENTS_A_REPORT):
            body = msgspec.json.encode({"events": events[first : first + EVENTS_A_REPORT]})
            await self._ask("POST", "/v1/events", data=body, headers={"Content-Type": "text/plain"})

    async def _ask(self, method: str, path: str, **how: Any) -> Any:
        async with self._session.request(method, self._url + path, **how) as answer:
            if not answer.ok:
                raise AnswerError(f"{method} {path}: {answer.status}, {await answer.text()}")
            return None if answer.status == 204 else await answer.json()


async def until_settled(
    look: Callable[[], Awaitable[Found]], is_settled: Callable[[Found], bool], seconds: float
) -> Found:
    """Look until what is found is settled, or the time is over; return what was found last."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        found = await look()
        if is_settled(found) or loop.time() > deadline:
            return found
        await asyncio.sleep(POLL_SECONDS)
