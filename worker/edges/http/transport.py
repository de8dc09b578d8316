"""The interface of a transport, and what all transports have in common.

Keep-alive connections, bounded time, bounded answers, no redirects, no cookies. A transport connects only to
addresses that have been checked (decision 10); only a proxy set by the operator looks names up again.
"""

import ssl
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from worker.push.answers import Answer
from worker.push.request import PushRequest

ANSWER_MAX_BYTES = 4096
"""Limit of an answer's body: the rest is not read, and the connection is closed."""

IDLE_SECONDS = 55.0
"""Below the 60 seconds after which load balancers commonly drop a connection silently."""

USER_AGENT = f"pushmill/{version('pushmill')}"

OnAnswer = Callable[[Answer], None]
"""Takes the answer of a request that has landed."""

MayGo = Callable[[], bool]
"""Says whether a request that had to wait may still be sent."""


def always() -> bool:
    """Let every request go."""
    return True


class Transport(Protocol):
    """Sends requests, and gives back exactly one answer for each that was not recalled."""

    def post(self, request: PushRequest, on_answer: OnAnswer, may_go: MayGo = always) -> None:
        """Send a request; `on_answer` is called once, later, from the event loop.

        If the request cannot be written at once, `may_go` is called right before it is: while the request
        waited for a connection, the process may have been frozen. If it returns False, the request is
        recalled: nothing of it is sent, and it never lands.
        """

    async def close(self) -> None:
        """Close all connections; requests in flight land as `reset`."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the system's CAs and, if given, those of `ca_file`."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
