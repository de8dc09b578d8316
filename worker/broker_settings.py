"""The settings that say how to reach Kafka's brokers and how to log in, and which of them go together.

Reads the files that they name, to check that they can be used. Knows nothing of the client that uses them.
"""

import re
import ssl
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationInfo, field_validator
from pydantic.config import JsonDict
from pydantic_settings import BaseSettings

from worker.bearer_token import MAX_CHARS, TokenTextError, parse_token
from worker.certificates import CertificateError, KeyFileError, load_authorities, load_pair

PREFIX = "PUSHMILL_"
WITH_PASSWORD = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
"""Mechanisms that need a user name and a password."""

_BROKER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_MAX_PORT = 65_535
_SIGNER = "aws_msk_iam_sasl_signer"
_OAUTH = "kafka_sasl_oauth_"


def variable(field: str) -> str:
    """Return the name of a setting's environment variable."""
    return "AWS_REGION" if field == "aws_region" else PREFIX + field.upper()


def setting(meaning: str, default: Any = ..., *, shown: str | None = None, **limits: Any) -> Any:
    """Declare a field; `shown` stands in for its default in the settings table."""
    extra: JsonDict = {"shown": shown} if shown else {}
    return Field(default, description=meaning, json_schema_extra=extra, validate_default=True, **limits)


def _brokers(value: str) -> str:
    servers = [server.strip() for server in value.split(",")]
    if not all(_BROKER.fullmatch(server) and _port(server) <= _MAX_PORT for server in servers):
        raise ValueError("should be host:port, or several with commas between (kafka-0:9092,kafka-1:9092)")
    return ",".join(servers)


def _port(server: str) -> int:
    _, _, port = server.rpartition("]" if server.startswith("[") else ":")
    return int(port.removeprefix(":")) if ":" in server and port.removeprefix(":").isdecimal() else 0


def _authorities(path: Path) -> Path:
    load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)
    return path


def _token_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("should be a URL such as https://login.example.com/oauth2/token") from None
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError(
            "should have neither user name nor password nor fragment; there is "
            f"{variable(_OAUTH + 'client_secret')} for the secret"
        )
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError("should be a URL such as https://login.example.com/oauth2/token")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("should begin with https://: the client secret is sent there")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_token_file(path: Path) -> str:
    """Return the token in a file.

    Raises:
        ValueError: It cannot be read, or holds no bearer token; the message is the end of a sentence.
    """
    try:
        with path.open("rb") as file:
            return parse_token(file.read(MAX_CHARS + 100).decode())
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror or type(error).__name__})") from None
    except (UnicodeDecodeError, TokenTextError) as error:
        wrong = error if isinstance(error, TokenTextError) else "is not text"
        raise ValueError(f"{wrong}; the file should hold one bearer token and nothing else") from None


def _token_file(path: Path) -> Path:
    read_token_file(path)
    return path


Certificates = Annotated[FilePath, AfterValidator(_authorities)]


class BrokerSettings(BaseSettings):
    """How to reach the brokers and log in."""

    kafka_bootstrap_servers: Annotated[str, AfterValidator(_brokers)] = setting(
        "brokers, `host:port` with commas between", "localhost:9092"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = setting(
        "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`", "PLAINTEXT"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] = (
        setting(
            "with `SASL_PLAINTEXT` and `SASL_SSL`: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER` "
            "or `AWS_MSK_IAM`",
            "PLAIN",
        )
    )
    kafka_sasl_username: str | None = setting("with `PLAIN` and `SCRAM-SHA-…`", None)
    kafka_sasl_password: SecretStr | None = setting("with `PLAIN` and `SCRAM-SHA-…`", None)
    kafka_sasl_oauth_token_url: Annotated[str, AfterValidator(_token_url)] | None = setting(
        "with `OAUTHBEARER`: where tokens are fetched with the client's credentials, `https:`", None
    )
    kafka_sasl_oauth_client_id: str | None = setting("the client that fetches tokens", None)
    kafka_sasl_oauth_client_secret: SecretStr | None = setting("its secret", None)
    kafka_sasl_oauth_scope: str | None = setting(
        "the scope that it asks for, if the authorization server wants one", None
    )
    kafka_sasl_oauth_token_file: Annotated[FilePath, AfterValidator(_token_file)] | None = setting(
        "with `OAUTHBEARER`, instead of a URL: a file with a token, read again for each login", None
    )
    aws_region: str | None = setting("with `AWS_MSK_IAM`: the region of the cluster", None)
    kafka_ssl_cafile: Certificates | None = setting("CA certificates of the brokers", None, shown="system")
    kafka_ssl_certfile: Certificates | None = setting(
        "this client's certificate, where brokers ask for it", None
    )
    kafka_ssl_key_password: SecretStr | None = setting("what its key is encrypted with, if it is", None)
    kafka_ssl_keyfile: FilePath | None = setting("the key of `PUSHMILL_KAFKA_SSL_CERTFILE`", None)

    @field_validator("kafka_sasl_mechanism")
    @classmethod
    def _check_extra(cls, mechanism: str, others: ValidationInfo) -> str:
        if mechanism == "AWS_MSK_IAM" and _uses_sasl(others.data) and find_spec(_SIGNER) is None:
            raise ValueError("needs the extra `aws`; install it with pip install 'pushmill[aws]'")
        return mechanism

    @field_validator("aws_region")
    @classmethod
    def _check_region(cls, region: str | None, others: ValidationInfo) -> str | None:
        if _mechanism(others.data) == "AWS_MSK_IAM" and not _REGION.fullmatch(region or ""):
            raise ValueError(
                "is required if PUSHMILL_KAFKA_SASL_MECHANISM is AWS_MSK_IAM: set it to the cluster's region"
                if region is None
                else "should be the cluster's region, such as eu-central-1"
            )
        return region

    @field_validator("kafka_sasl_username", "kafka_sasl_password")
    @classmethod
    def _check_password(cls, value: object, others: ValidationInfo) -> object:
        if value is None and _mechanism(others.data) in WITH_PASSWORD:
            protocol, mechanism = others.data["kafka_security_protocol"], _mechanism(others.data)
            raise ValueError(
                f"is required if PUSHMILL_KAFKA_SECURITY_PROTOCOL is {protocol} "
                f"and PUSHMILL_KAFKA_SASL_MECHANISM {mechanism}"
            )
        return value

    @field_validator("kafka_sasl_oauth_client_id", "kafka_sasl_oauth_client_secret", "kafka_sasl_oauth_scope")
    @classmethod
    def _check_client(cls, value: object, others: ValidationInfo) -> object:
        url_field = _OAUTH + "token_url"
        if _mechanism(others.data) != "OAUTHBEARER" or url_field not in others.data:
            return value
        has_url = others.data[url_field] is not None
        if has_url and value is None and others.field_name != _OAUTH + "scope":
            raise ValueError(f"is required together with {variable(url_field)}")
        if value is not None and not has_url:
            raise ValueError(f"needs {variable(url_field)}; set that, or remove this")
        return value

    @field_validator("kafka_sasl_oauth_token_file")
    @classmethod
    def _check_source(cls, file: Path | None, others: ValidationInfo) -> Path | None:
        url_field = _OAUTH + "token_url"
        if _mechanism(others.data) != "OAUTHBEARER" or url_field not in others.data:
            return file
        if file is None and others.data[url_field] is None:
            raise ValueError(f"or {variable(url_field)} is required with OAUTHBEARER; set one of them")
        if file is not None and others.data[url_field] is not None:
            raise ValueError(f"cannot be combined with {variable(url_field)}; remove one of them")
        return file

    @field_validator("kafka_ssl_keyfile")
    @classmethod
    def _check_pair(cls, key: Path | None, others: ValidationInfo) -> Path | None:
        if "kafka_ssl_certfile" not in others.data:
            return key  # which has a problem of its own
        certificate = others.data["kafka_ssl_certfile"]
        if (key is None) != (certificate is None):
            raise ValueError("must be set together with PUSHMILL_KAFKA_SSL_CERTFILE; set both or neither")
        if key is not None and "kafka_ssl_key_password" in others.data:
            _check_key(certificate, key, others.data["kafka_ssl_key_password"])
        return key


def _check_key(certificate: Path, key: Path, password: SecretStr | None) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        load_pair(context, certificate, key, password.get_secret_value() if password else None)
    except KeyFileError as error:
        field = "kafka_ssl_key_password" if error.password else "kafka_ssl_certfile"
        raise ValueError(f"{error}; correct it, or {variable(field)}") from None
    except CertificateError as error:
        raise ValueError(f"belongs to PUSHMILL_KAFKA_SSL_CERTFILE, which {error}") from None


def _uses_sasl(values: Mapping[str, Any]) -> bool:
    return str(values.get("kafka_security_protocol")).startswith("SASL")


def _mechanism(values: Mapping[str, Any]) -> str | None:
    """Return the mechanism that the brokers are asked for, or None."""
    return values.get("kafka_sasl_mechanism") if _uses_sasl(values) else None


def ignored(settings: BrokerSettings) -> list[str]:
    """Return the variables that are set, although protocol and mechanism make no use of them."""
    values = {field: getattr(settings, field) for field in BrokerSettings.model_fields}
    mechanism, uses_tls = _mechanism(values), values["kafka_security_protocol"].endswith("SSL")
    used = {
        "kafka_sasl_mechanism": _uses_sasl(values),
        "kafka_sasl_username": mechanism in WITH_PASSWORD,
        "kafka_sasl_password": mechanism in WITH_PASSWORD,
        # Token endpoints may have a certificate of the same authority.
        "kafka_ssl_cafile": uses_tls or mechanism == "OAUTHBEARER",
    }
    return [
        variable(field)
        for field in BrokerSettings.model_fields
        if field in settings.model_fields_set
        and (
            (field in used and not used[field])
            or (field.startswith(_OAUTH) and mechanism != "OAUTHBEARER")
            or (field.startswith("kafka_ssl_") and field not in used and not uses_tls)
        )
    ]
