"""The seam to the wire, and what every transport has in common, whatever it is made of.

Keep-alive connections, bounded time, bounded answers, no redirects, no cookies; connected to no address that
has not been checked (decision 10), but by a proxy that the operator has set, which looks names up again.
"""

import ssl
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from worker.push.answers import Answer
from worker.push.request import PushRequest

ANSWER_MAX_BYTES = 4096
"""Of an answer's body: more is not read, and its connection is closed."""

IDLE_SECONDS = 55.0
"""Below the 60 seconds after which load balancers commonly drop a connection without a word."""

USER_AGENT = f"pushmill/{version('pushmill')}"

OnAnswer = Callable[[Answer], None]
MayGo = Callable[[], bool]


def always() -> bool:
    """Let go whatever has had to wait."""
    return True


class Transport(Protocol):
    """Brings requests out, and exactly one answer back for each that was not called back itself."""

    def post(self, request: PushRequest, on_answer: OnAnswer, may_go: MayGo = always) -> None:
        """Send a request; `on_answer` is called once, later, from the event loop.

        Unless it is written at once, `may_go` is asked right before it is: while it waited for a connection,
        the process may have been frozen. After a no, nothing of it has gone out, and it never lands.
        """

    async def close(self) -> None:
        """Let go of all connections; requests that are under way land as `reset`."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verify push services against the system's CAs, and those of `ca_file` besides."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
