"""Other senders for Python: `pywebpush`, and `webpush-rs`, which is Rust's `web-push` behind a function.

    python -m benchmarks.peers.python NAME < task.json

The task is that of `benchmarks.senders`.
"""

import asyncio
import base64
import os
import ssl
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import aiohttp
import requests
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from py_vapid import Vapid02
from pywebpush import webpush, webpush_async

from benchmarks.senders import SUBJECT, Task, main, timed
from tests.harness.simulator import Subscriptions


async def pywebpush_async(task: Task) -> float:
    """Send with `webpush_async` on one shared aiohttp session, as many at once as the others."""
    vapid = Vapid02()
    vapid.generate_keys()
    connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=task.ca))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def some_of(items: Iterator[dict[str, Any]]) -> None:
            for each in items:
                answer = await webpush_async(
                    each,
                    task.text.decode(),
                    vapid,
                    {"sub": SUBJECT},
                    ttl=60,
                    aiohttp_session=session,
                    timeout=aiohttp.ClientTimeout(total=30),  # type: ignore[arg-type]
                )
                assert answer.status == 201  # type: ignore[union-attr]

        async def send(some: Subscriptions) -> None:
            items = iter(some)
            await asyncio.gather(*(some_of(items) for _ in range(task.in_flight)))

        return await timed(task, task.subscriptions, send)


async def pywebpush_sync(task: Task) -> float:
    """`webpush` on a requests session for each of 8 threads: more of them only fight for the interpreter."""
    vapid = Vapid02()
    vapid.generate_keys()

    def some_of(items: Subscriptions) -> None:
        with requests.Session() as session:
            session.trust_env = False  # or its CA file would take the place of ours
            session.verify = str(task.ca)
            for each in items:
                webpush(
                    each,
                    task.text.decode(),
                    vapid,
                    {"sub": SUBJECT},
                    ttl=60,
                    timeout=30,
                    requests_session=session,
                )

    return await _in_threads(task, some_of, threads=8)


async def webpush_rs(task: Task) -> float:
    """`send_one` in as many threads as the others have requests at once: it blocks, without the lock.

    It takes no CA, so OpenSSL is told by its variable; nor does it take a TTL, an urgency or a token.
    """
    from webpush_rs import send_one  # noqa: PLC0415 - from an extra, and only used here

    os.environ["SSL_CERT_FILE"] = str(task.ca)
    number = generate_private_key(SECP256R1()).private_numbers().private_value
    vapid = base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()

    def some_of(items: Subscriptions) -> None:
        for each in items:
            keys = each["keys"]
            status = send_one(each["endpoint"], keys["p256dh"], keys["auth"], vapid, SUBJECT, task.text)
            assert status == 201, status

    return await _in_threads(task, some_of, threads=task.in_flight)


async def _in_threads(task: Task, some_of: Callable[[Subscriptions], None], threads: int) -> float:
    async def send(some: Subscriptions) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(some_of, [list(islice(some, n, None, threads)) for n in range(threads)]))

    return await timed(task, task.subscriptions, send)


SENDERS: dict[str, Callable[[Task], Awaitable[float]]] = {
    "pywebpush async": pywebpush_async,
    "pywebpush sync": pywebpush_sync,
    "webpush-rs": webpush_rs,
}

if __name__ == "__main__":
    main(SENDERS)
