"""How a Kafka client of this process logs in: the settings as aiokafka's options.

Decides nothing about when; knows nothing of what is read or written.
"""

import ssl
from functools import lru_cache
from typing import Any

from aiokafka.abc import AbstractTokenProvider

from worker.broker_settings import WITH_PASSWORD, BrokerSettings
from worker.certificates import load_pair
from worker.edges.kafka.token_sources import AwsCredentials, ClientCredentials, TokenFile
from worker.edges.kafka.tokens import SharedToken


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
