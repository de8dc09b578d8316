"""Where access tokens for Kafka come from: an authorization server, a file, or AWS credentials.

Decides what counts as an answer with a token. Knows nothing of renewal. No error repeats a secret, or text
that somebody else wrote.
"""

import asyncio
import base64
import ssl
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

import aiohttp
import msgspec
from aiokafka.abc import AbstractTokenProvider

from worker.bearer_token import TokenTextError, jwt_expiry, parse_token
from worker.broker_settings import BrokerSettings, read_token_file
from worker.certificates import load_authorities
from worker.edges import clock
from worker.edges.kafka.failures import why
from worker.edges.kafka.tokens import Token, TokenError

FETCH_SECONDS = 10.0
UNKNOWN_LIFETIME = 60.0
"""Seconds that a token counts as good if neither the answer nor the token says how long it is."""

LONGEST_LIFETIME = 86_400.0
"""A token that says to live longer is renewed every day all the same."""

_ANSWER_MAX_BYTES = 256 << 10
# RFC 6749 section 5.2, and what servers add to it; no other text of theirs is shown.
_ERRORS = {
    *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope"),
    *("unsupported_grant_type", "access_denied", "server_error", "temporarily_unavailable"),
}
_URL, _FILE = "PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_URL", "PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_FILE"


class _Answer(msgspec.Struct):
    """RFC 6749 sections 5.1 and 5.2, and nothing more than is needed."""

    access_token: str | None = None
    expires_in: int | float | str | None = None
    error: str | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


class ClientCredentials:
    """Fetches tokens from an authorization server (RFC 6749 section 4.4).

    The credentials go into the header (section 2.3.1), or, if the server does not take them there, into the
    body; which of the two it takes is remembered.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        secret = settings.kafka_sasl_oauth_client_secret
        self._url = settings.kafka_sasl_oauth_token_url or ""
        self._id = settings.kafka_sasl_oauth_client_id or ""
        self._secret = secret.get_secret_value() if secret else ""
        self._scope = settings.kafka_sasl_oauth_scope
        self._tls = ssl.create_default_context()
        if settings.kafka_ssl_cafile:
            load_authorities(self._tls, settings.kafka_ssl_cafile)
        self._in_body = False

    async def fetch(self) -> Token:
        """Ask for a token.

        Raises:
            TokenError: The server does not answer in time, or not with a token.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS), aiohttp.ClientSession() as session:
                status, answer = await self._ask(session)
                if status in {400, 401} and answer.error in {None, "invalid_client", "invalid_request"}:
                    self._in_body = not self._in_body
                    status, answer = await self._ask(session)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._error(f"cannot be asked: {why(error)}") from None
        if status != 200 or answer.access_token is None:
            word = f", {answer.error}" if answer.error in _ERRORS else ""
            raise self._error(f"gives no token (HTTP {status}{word}); check client, secret and scope")
        return self._token(answer)

    async def _ask(self, session: aiohttp.ClientSession) -> tuple[int, _Answer]:
        form = {"grant_type": "client_credentials"}
        headers = {"Accept": "application/json"}
        if self._scope:
            form["scope"] = self._scope
        if self._in_body:
            form |= {"client_id": self._id, "client_secret": self._secret}
        else:
            pair = f"{quote_plus(self._id)}:{quote_plus(self._secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        async with session.post(
            self._url, data=form, headers=headers, ssl=self._tls, allow_redirects=False
        ) as response:
            body = await response.content.read(_ANSWER_MAX_BYTES)
            while not response.content.at_eof() and len(body) < _ANSWER_MAX_BYTES:
                body += await response.content.read(_ANSWER_MAX_BYTES)
            return response.status, _read(body)

    def _token(self, answer: _Answer) -> Token:
        try:
            value = parse_token(answer.access_token or "")
            lifetime = _left(value) if answer.expires_in is None else float(answer.expires_in)
        except TokenTextError as error:
            raise self._error(f"gives a token that {error}") from None
        except ValueError:
            raise self._error("gives a token with an `expires_in` that is not a number") from None
        if not lifetime > 0:
            raise self._error("gives a token that has ended; compare the clocks")
        return Token(value, min(lifetime, LONGEST_LIFETIME))

    def _error(self, problem: str) -> TokenError:
        parts = urlsplit(self._url)  # a path may name a tenant
        return TokenError(f"{_URL}: {parts.scheme}://{parts.netloc} {problem}")


class TokenFile(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka ships no types
    """Reads the token for each login: whoever writes the file renews it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        """Return the token that is in the file now.

        Raises:
            TokenError: There is none, or it has ended.
        """
        try:
            value = await asyncio.to_thread(read_token_file, self._path)
        except ValueError as error:
            raise TokenError(f"{_FILE}: {self._path} {error}") from None
        if not _left(value) > 0:
            raise TokenError(f"{_FILE}: the token in {self._path} has ended; does anything renew it?")
        return value


class AwsCredentials:
    """Signs tokens for Amazon MSK with whatever AWS credentials the process has."""

    def __init__(self, region: str) -> None:
        self._region = region

    async def fetch(self) -> Token:
        """Sign a token, in a thread: finding the credentials may take requests of its own.

        Raises:
            TokenError: There are no credentials, or they cannot be used.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                value, ends_at = await asyncio.to_thread(_sign, self._region)
        except TimeoutError:
            raise TokenError(f"AWS credentials were not found within {FETCH_SECONDS:g} s") from None
        except Exception as error:  # noqa: BLE001 - botocore's errors have no common class, and may tell secrets
            raise TokenError(
                f"AWS credentials cannot be used ({type(error).__name__}): PUSHMILL_KAFKA_SASL_MECHANISM is "
                "AWS_MSK_IAM; give the process a role or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from None
        return Token(value, ends_at / 1000 - clock.now())


def _sign(region: str) -> tuple[str, float]:
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415 - an extra, and slow to import

    signed: tuple[str, float] = MSKAuthTokenProvider.generate_auth_token(region)
    return signed


def _read(body: bytes) -> _Answer:
    """Return what an answer says; nothing if it is not JSON as RFC 6749 has it."""
    try:
        return _decode_answer(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _Answer()


def _left(token: str) -> float:
    expiry = jwt_expiry(token)
    return UNKNOWN_LIFETIME if expiry is None else expiry - clock.now()
