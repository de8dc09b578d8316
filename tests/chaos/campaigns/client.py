"""A client of the own API that asks again until it is answered, with one idempotency key for each request."""

import asyncio
import uuid
from typing import Any, Self

import aiohttp

LIMIT = 180.0
PAUSE = 0.25
AGAIN = {409, 429, 503}
"""Answers after which a request is made again: still under way, or the database or Kafka away."""


class NotAnsweredError(RuntimeError):
    """A request was refused, or not answered in time; the message is the last answer."""


class PatientClient:
    """Asks with a key.

    Args:
        url: Of the service.
        key: The credential.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._key}"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str) -> Any:
        return await self._until_answered("GET", path)

    async def post(self, path: str, body: object = None) -> Any:
        """Make or do something, exactly once."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return await self._until_answered("POST", path, json=body, headers=headers)

    async def _until_answered(self, method: str, path: str, **how: Any) -> Any:
        said = "nothing"
        try:
            async with asyncio.timeout(LIMIT):
                while True:
                    try:
                        async with self._session.request(method, self._url + path, **how) as answer:
                            if answer.ok:
                                return await answer.json()
                            said = f"{answer.status}, {await answer.text()}"
                            if answer.status not in AGAIN:
                                break
                    except aiohttp.ClientError as error:
                        said = repr(error)
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            pass
        raise NotAnsweredError(f"{method} {path}: {said}")
