"""How a Kafka client of this process logs in: the settings as aiokafka's options.

Decides what about them deserves a warning. Knows nothing of what is read or written.
"""

import ssl
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import structlog
from aiokafka.abc import AbstractTokenProvider

from worker.broker_settings import WITH_PASSWORD, BrokerSettings, ignored
from worker.certificates import expiry, load_pair
from worker.edges import clock
from worker.edges.kafka.token_sources import AwsCredentials, ClientCredentials, TokenFile
from worker.edges.kafka.tokens import SharedToken

log = structlog.get_logger(__name__)

_CERTFILE = "PUSHMILL_KAFKA_SSL_CERTFILE"


def login(settings: BrokerSettings) -> dict[str, Any]:
    """Return the options for the security protocol, for TLS and for SASL.

    Raises:
        ValueError: A certificate or key has become unusable since the settings were checked.
    """
    protocol, mechanism = settings.kafka_security_protocol, settings.kafka_sasl_mechanism
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings)
    if protocol.startswith("SASL") and mechanism in WITH_PASSWORD:
        password = settings.kafka_sasl_password
        options |= {
            "sasl_mechanism": mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    elif protocol.startswith("SASL"):
        # Amazon MSK takes its tokens in the form of OAUTHBEARER.
        options |= {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": _tokens(settings)}
    return options


def warn_of_oddities(settings: BrokerSettings) -> None:
    """Log settings that are not used, a certificate that has ended, and a token that anybody can read."""
    protocol, mechanism = settings.kafka_security_protocol, settings.kafka_sasl_mechanism
    unused = ignored(settings)
    if unused:
        event = "settings for the login to Kafka are not used"
        log.warning(event, settings=unused, protocol=protocol, mechanism=mechanism)
    if protocol.endswith("SSL") and settings.kafka_ssl_certfile is not None:
        ends = expiry(settings.kafka_ssl_certfile)
        if ends <= datetime.fromtimestamp(clock.now(), UTC):
            log.warning(
                "the client certificate for Kafka has expired", setting=_CERTFILE, at=ends.isoformat()
            )
    if protocol == "SASL_PLAINTEXT" and mechanism not in WITH_PASSWORD:
        log.warning("the token for Kafka is sent unencrypted; use SASL_SSL", mechanism=mechanism)


@lru_cache(maxsize=4)
def _tls(settings: BrokerSettings) -> ssl.SSLContext:
    """Return the process's one context: a file that is replaced meanwhile can fail nobody half-way."""
    context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
    if settings.kafka_ssl_certfile and settings.kafka_ssl_keyfile:
        password = settings.kafka_ssl_key_password
        secret = password.get_secret_value() if password else None
        load_pair(context, settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile, secret)
    return context


@lru_cache(maxsize=4)
def _tokens(settings: BrokerSettings) -> AbstractTokenProvider:
    """Return the process's one source of tokens, so that its clients share them."""
    if settings.kafka_sasl_mechanism == "AWS_MSK_IAM":
        return SharedToken(AwsCredentials(settings.aws_region or "").fetch)
    if settings.kafka_sasl_oauth_token_file is not None:
        return TokenFile(settings.kafka_sasl_oauth_token_file)
    return SharedToken(ClientCredentials(settings).fetch)
