"""Certificates and keys from files: loads them, and says in a few words what is wrong with one.

Knows nothing of settings or of who uses the files. The text of an error follows a file's name in a message.
"""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

_PASSWORD_MAX_BYTES = 1023  # OpenSSL's buffer; Python refuses more
_OF_ANOTHER = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}


class CertificateError(ValueError):
    """A file of certificates cannot be used."""


class KeyFileError(ValueError):
    """A private key cannot be used, alone or with its certificate.

    Attributes:
        password: Whether a password is what is missing or wrong.
    """

    def __init__(self, text: str, *, password: bool = False) -> None:
        super().__init__(text)
        self.password = password


def load_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Make a context trust the certificates of a PEM file as well.

    Raises:
        CertificateError: It cannot be read, or has none.
    """
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise CertificateError("has no certificates; use a file of PEM certificates") from None
    except OSError as error:
        raise CertificateError(_unreadable(error)) from None


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path, password: str | None) -> None:
    """Make a context identify itself by a certificate (PEM, with its chain) and its private key (PEM).

    Raises:
        CertificateError: The certificate cannot be read, or is none.
        KeyFileError: The key cannot be read or decrypted, is none, or is another certificate's.
    """
    load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
    secret = (password or "").encode()
    if len(secret) > _PASSWORD_MAX_BYTES:
        raise KeyFileError(f"has a password of more than {_PASSWORD_MAX_BYTES} bytes", password=True)
    asked = False

    def answer() -> bytes:
        nonlocal asked
        asked = True
        return secret

    try:
        context.load_cert_chain(certificate, key, answer)  # without a callback OpenSSL asks on the terminal
    except ssl.SSLError as error:
        raise _key_error(error, encrypted=asked, with_password=bool(secret)) from None
    except OSError as error:
        raise KeyFileError(_unreadable(error)) from None


def expiry(path: Path) -> datetime:
    """Return when the first certificate of a PEM file ends.

    Raises:
        CertificateError: There is none that can be read.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc.astimezone(UTC)
    except OSError as error:
        raise CertificateError(_unreadable(error)) from None
    except ValueError:
        raise CertificateError("has no certificates; use a file of PEM certificates") from None


def _key_error(error: ssl.SSLError, *, encrypted: bool, with_password: bool) -> KeyFileError:
    if error.reason in _OF_ANOTHER:
        return KeyFileError("is the key of another certificate")
    if encrypted and with_password:
        return KeyFileError("cannot be decrypted with the password", password=True)
    if encrypted:
        return KeyFileError("is encrypted, and there is no password", password=True)
    if not error.reason:
        return KeyFileError("has no private key; use a PEM file")
    return KeyFileError(f"or its certificate cannot be used ({error.reason})")


def _unreadable(error: OSError) -> str:
    return f"cannot be read ({error.strerror or type(error).__name__})"
