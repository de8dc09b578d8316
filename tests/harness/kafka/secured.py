"""Apache Kafka that lets nobody in without a login: over TLS, with passwords, tokens or certificates."""

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.harness.certificate_files import Files
from tests.harness.kafka.apache import ApacheKafka

USER, PASSWORD = "mill", "hunter2-secret"
AUDIENCE, ISSUER = "pushmill", "https://login.example.com"

_SECURITY = "org.apache.kafka.common.security"


class Issuer:
    """Signs access tokens (JWT, RS256), and publishes its key as a JWKS that Kafka reads."""

    def __init__(self, folder: Path) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        numbers = self._key.public_key().public_numbers()
        published = {
            "kty": "RSA",
            "kid": "tests",
            "alg": "RS256",
            "use": "sig",
            "n": _base64url(numbers.n.to_bytes(256, "big")),
            "e": _base64url(numbers.e.to_bytes(3, "big")),
        }
        self.jwks = folder / "jwks.json"
        self.jwks.write_text(json.dumps({"keys": [published]}))

    def token(self, lifetime: float, **claims: Any) -> str:
        """Return a token that lives this many seconds."""
        now = time.time()
        made = {
            "iss": ISSUER,
            "sub": USER,
            "aud": AUDIENCE,
            "iat": int(now),
            "exp": int(now + lifetime),
            "scope": "kafka",
        }
        parts = ({"alg": "RS256", "typ": "JWT", "kid": "tests"}, made | claims)
        text = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_base64url(signature)}"


class SecuredKafka(ApacheKafka):
    """A broker whose clients log in; brokers among themselves, and tests at `open_address`, do not.

    With `protocol` SASL_SSL, USER logs in by PLAIN, SCRAM-SHA-512 or a token of `issuer`; with SSL, by a
    certificate of `files.authority`.
    """

    def __init__(self, folder: Path, *, protocol: str = "SASL_SSL", advertised: str = "") -> None:
        folder.mkdir(exist_ok=True)
        self.files, self.issuer = Files(folder, host="127.0.0.1"), Issuer(folder)
        login = {"SASL_SSL": self._sasl, "SSL": self._client_certificates}[protocol]
        super().__init__(
            folder,
            protocol=protocol,
            properties=_on_client({**self._tls(), **login()}),
            # Kafka keeps SCRAM's credentials as data.
            formatting=["--add-scram", f"SCRAM-SHA-512=[name={USER},iterations=4096,password={PASSWORD}]"],
            jvm=[f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.issuer.jwks.as_uri()}"],
        )
        if advertised:
            self._properties["advertised.listeners"] = f"CLIENT://{advertised},INTERNAL://{self.open_address}"

    @property
    def open_address(self) -> str:
        """Where no login is asked for."""
        return f"127.0.0.1:{self.brokers[0].internal_port}"

    def _tls(self) -> dict[str, str]:
        key = s.load_pem_private_key(self.files.key.read_bytes(), None)
        pkcs8 = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
        store = self.files.write("broker.pem", pkcs8 + self.files.certificate.read_bytes())
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.files.ca),
        }

    def _sasl(self) -> dict[str, str]:
        return {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
            "plain.sasl.jaas.config": (
                f'{_SECURITY}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
            "scram-sha-512.sasl.jaas.config": f"{_SECURITY}.scram.ScramLoginModule required;",
            "oauthbearer.sasl.jaas.config": f"{_SECURITY}.oauthbearer.OAuthBearerLoginModule required;",
            "oauthbearer.sasl.server.callback.handler.class": (
                f"{_SECURITY}.oauthbearer.OAuthBearerValidatorCallbackHandler"
            ),
            "oauthbearer.sasl.oauthbearer.jwks.endpoint.url": self.issuer.jwks.as_uri(),
            "oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
            "oauthbearer.sasl.oauthbearer.expected.issuer": ISSUER,
        }

    @staticmethod
    def _client_certificates() -> dict[str, str]:
        return {"ssl.client.auth": "required"}


def _on_client(properties: Mapping[str, str]) -> dict[str, str]:
    return {f"listener.name.client.{name}": value for name, value in properties.items()}


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
