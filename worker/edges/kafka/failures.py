"""Why a connection could not be made, and what to check, in a few words: a table of exceptions.

Never repeats what the other side wrote, which could tell secrets.
"""

import socket
import ssl

from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnrecognizedBrokerVersion,
    UnsupportedSaslMechanismError,
    UnsupportedVersionError,
)

from worker.edges.kafka.tokens import TokenError

_LOGIN = (
    SaslAuthenticationFailed,
    AuthenticationFailedError,
    IllegalSaslStateError,
    UnsupportedSaslMechanismError,
)
_VERSION = (IncompatibleBrokerVersion, UnrecognizedBrokerVersion, UnsupportedVersionError)
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "its name does not resolve"),
    (UnicodeError, "its name is none that can be resolved"),
    (ConnectionRefusedError, "it refuses connections"),
    (ConnectionResetError, "it closes the connection"),
    (EOFError, "it closes the connection"),
    (TimeoutError, "it does not answer in time"),
    (SaslAuthenticationFailed, "it refuses the login"),
    (AuthenticationFailedError, "it refuses the login"),
    (IllegalSaslStateError, "it refuses the login"),
    (UnsupportedSaslMechanismError, "it does not offer this SASL mechanism"),
    *((kind, "its version does not know a request that is needed") for kind in _VERSION),
)


def why(error: BaseException) -> str:
    """Return the reason for a failure to connect, as the end of a sentence."""
    chain = _chain(error)
    for each in chain:
        if isinstance(each, TokenError):
            return str(each.args[0])
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate cannot be trusted ({each.verify_message})"
        if isinstance(each, ssl.SSLError):
            return f"TLS fails ({getattr(each, 'reason', None) or type(each).__name__})"
        for kind, words in _WORDS:
            if isinstance(each, kind):
                return words
        if isinstance(each, OSError):
            return each.strerror or type(each).__name__
    return "it closes the connection" if isinstance(chain[0], KafkaConnectionError) else _name(chain[0])


def remedy(*errors: BaseException, advertised: bool) -> str:
    """Return what to check after such failures."""
    kinds = {type(each) for error in errors for each in _chain(error)}
    if any(issubclass(kind, TokenError) for kind in kinds):
        return "without a token there is no login"
    if any(issubclass(kind, _LOGIN) for kind in kinds):
        return "is PUSHMILL_KAFKA_SASL_MECHANISM right, and what goes with it?"
    if any(issubclass(kind, ssl.SSLError) for kind in kinds):
        return "are PUSHMILL_KAFKA_SECURITY_PROTOCOL and PUSHMILL_KAFKA_SSL_CAFILE right?"
    if any(issubclass(kind, _VERSION) for kind in kinds):
        return "is it older than Kafka 3.9, the oldest that Pushmill is tested with?"
    if advertised:
        return "can this machine reach what the brokers' advertised.listeners says?"
    return (
        "is it running, and are PUSHMILL_KAFKA_BOOTSTRAP_SERVERS and PUSHMILL_KAFKA_SECURITY_PROTOCOL right?"
    )


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what caused it, innermost first: aiokafka and aiohttp hide the reason."""
    chain: list[BaseException] = []
    left: BaseException | None = error
    while left is not None and left not in chain:
        chain.append(left)
        left = getattr(left, "certificate_error", None) or getattr(left, "os_error", None) or left.__cause__
    return chain[::-1]


def _name(error: BaseException) -> str:
    return type(error).__name__ if isinstance(error, KafkaError) else f"unexpected {type(error).__name__}"
