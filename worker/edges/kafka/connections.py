"""Connections to brokers, made in aiokafka's place: they log in again in time, and their failures are kept.

aiokafka 0.14 only logs why it cannot connect, does not see that a token was refused, and never logs in again
(KIP-368): brokers cut its connections whenever a token or `connections.max.reauth.ms` ends. Fetches back off
here, too, so that every consumer's do. Knows nothing else of what is sent.
"""

import asyncio
import logging
from collections.abc import Awaitable
from math import inf
from typing import Any

import aiokafka.client
import structlog
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.admin import SaslAuthenticateRequest, SaslHandShakeRequest
from aiokafka.protocol.fetch import FetchRequest

from worker.edges import clock
from worker.edges.kafka.failures import why
from worker.edges.kafka.fetch_backoff import FetchBackoff
from worker.edges.kafka.tokens import RETRY_SECONDS, SharedToken, TokenError

log = structlog.get_logger(__name__)

LOGIN_AFTER = 0.85
"""Share of a session after which the client logs in again; Apache Kafka's own wait for 85 to 95%."""

SOONEST_SECONDS = 1.5
"""Brokers refuse a second login within a second of the first."""

_MOST_FAILURES = 100

failures: dict[str, BaseException] = {}
"""Why the last attempt to connect to an address failed; nothing for those that were reached."""


class Connection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka ships no types
    """A connection that logs in again, on itself, before the broker ends its session.

    Fetches wait on it where the broker does not let them wait; no other request waits for them.
    """

    def __init__(self, *address: Any, **options: Any) -> None:
        super().__init__(*address, **options)
        self._login_at = inf
        self._login: asyncio.Task[None] | None = None
        self._backoff = FetchBackoff()

    def send(self, request: Any, expect_response: bool = True) -> Awaitable[Any]:
        """Write a request, after a new login if one is due; return an awaitable of the answer."""
        if isinstance(request, FetchRequest):
            return self._fetch(request)
        return self._send(request, expect_response=expect_response)

    async def _fetch(self, request: FetchRequest) -> Any:
        asked_at = clock.monotonic()
        answer = await self._send(request)
        held = self._backoff.hold(answer, clock.monotonic() - asked_at)
        if held:
            await asyncio.sleep(held)
        return answer

    def _send(self, request: Any, *, expect_response: bool = True) -> Awaitable[Any]:
        if isinstance(request, SaslAuthenticateRequest):
            return self._authenticate(request)
        between_logins = self._login is None and clock.monotonic() < self._login_at
        if between_logins or isinstance(request, SaslHandShakeRequest):
            answer: Awaitable[Any] = super().send(request, expect_response)
            return answer
        return self._send_after_login(request, expect_response=expect_response)

    async def _send_after_login(self, request: Any, *, expect_response: bool) -> Any:
        if self._login is None:
            self._login = asyncio.create_task(self._log_in_again())
        # One that is cancelled half-way would leave the broker waiting for the rest.
        await asyncio.shield(self._login)
        return await super().send(request, expect_response)

    async def _log_in_again(self) -> None:
        self._login_at = inf
        provider = self._sasl_oauth_token_provider
        try:
            if provider is not None:
                await provider.token()  # now: after the handshake, the broker takes nothing else
            await self._do_sasl_handshake()
        except TokenError:
            self._login_at = clock.monotonic() + RETRY_SECONDS  # the session is still good
        except Exception as error:  # noqa: BLE001 - whatever it was, aiokafka must connect anew
            log.warning("cannot log in to Kafka again; connecting anew", host=self.host, problem=why(error))
            self.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
        finally:
            self._login = None

    async def _authenticate(self, request: SaslAuthenticateRequest) -> Any:
        asked_at = clock.monotonic()
        answer = await super().send(request)
        provider = self._sasl_oauth_token_provider
        # A token is refused with a message in a successful answer (RFC 7628 section 3.2.2).
        refused = answer.error_code or (provider is not None and answer.sasl_auth_bytes)
        if refused and isinstance(provider, SharedToken):
            provider.refused()
        if refused and not answer.error_code:
            raise SaslAuthenticationFailed("the broker refuses the token")
        lifetime = getattr(answer, "session_lifetime_ms", 0) / 1000
        if lifetime > 0:
            self._login_at = asked_at + max(lifetime * LOGIN_AFTER, SOONEST_SECONDS)
        return answer


async def connect(host: str, port: int, **options: Any) -> Connection:
    """Connect and log in, as aiokafka's own `create_conn`.

    Raises:
        KafkaError: The broker does not take the connection or the login.
        OSError: It cannot be reached.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    connection = Connection(host, port, **options)
    try:
        await connection.connect()
    except (KafkaError, OSError) as error:
        _keep(address, error)
        raise
    except Exception as error:  # aiokafka does not expect a name that is none, or nonsense from a server
        _keep(address, error)
        raise KafkaConnectionError(f"{address}: {why(error)}") from error
    failures.pop(address, None)
    return connection


def _keep(address: str, error: BaseException) -> None:
    if len(failures) >= _MOST_FAILURES:
        failures.clear()
    failures[address] = error


def install() -> None:
    """Make every Kafka client of this process connect this way; aiokafka has no option for it."""
    aiokafka.client.create_conn = connect
    library = logging.getLogger("aiokafka")
    if not library.handlers:
        # Where no logs are configured, Python would write its lines between those of a command.
        library.addHandler(logging.NullHandler())
