"""Certificates and keys as files, right ones and such as people really have."""

from datetime import UTC, datetime
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PASSWORD = "hunter2"

PKCS8, TRADITIONAL = s.PrivateFormat.PKCS8, s.PrivateFormat.TraditionalOpenSSL


class Files:
    """A folder with files of an authority of its own."""

    def __init__(self, folder: Path, host: str = "mill.example") -> None:
        self.folder = folder
        self.authority = trustme.CA()
        issued = self.authority.issue_cert(host)
        self._key = s.load_pem_private_key(issued.private_key_pem.bytes(), None)
        self.ca = self.write("ca.pem", self.authority.cert_pem.bytes())
        self.certificate = self.write("cert.pem", b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        self.key = self.write("key.pem", issued.private_key_pem.bytes())

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def encrypted(self, form: s.PrivateFormat = PKCS8, encoding: s.Encoding = s.Encoding.PEM) -> Path:
        """The certificate's key, encrypted with PASSWORD."""
        cipher = s.BestAvailableEncryption(PASSWORD.encode())
        return self.write("encrypted.pem", self._key.private_bytes(encoding, form, cipher))

    def der(self) -> Path:
        return self.write("key.der", self._key.private_bytes(s.Encoding.DER, PKCS8, s.NoEncryption()))

    def anothers(self, key: PrivateKeyTypes | None = None) -> Path:
        """A key that belongs to no certificate here: of the same kind unless it is given."""
        if key is None:
            return self.write("other.pem", self.authority.issue_cert("x.example").private_key_pem.bytes())
        return self.write("other.pem", key.private_bytes(s.Encoding.PEM, PKCS8, s.NoEncryption()))

    def rsa(self) -> Path:
        return self.anothers(rsa.generate_private_key(65537, 2048))

    def expired(self) -> Path:
        issued = self.authority.issue_cert("mill.example", not_after=datetime(2020, 1, 2, tzinfo=UTC))
        self.expired_key = self.write("expired-key.pem", issued.private_key_pem.bytes())
        return self.write("expired.pem", issued.cert_chain_pems[0].bytes())
