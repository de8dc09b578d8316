"""Certificates for loopback: an authority and a server certificate. The worker never uses it."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme


class Certificates:
    """A temporary authority, with a server certificate for the given host names and IP addresses.

    Raises:
        ModuleNotFoundError: The extra ``demo`` is not installed.
    """

    def __init__(self, *hosts: str) -> None:
        self._authority = _authority()
        self._server = self._authority.issue_cert(*(hosts or ("localhost", "127.0.0.1", "::1")))

    def server_context(self) -> ssl.SSLContext:
        """Return the context for a server on one of the hosts; it speaks HTTP/1.1 only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server.configure_cert(context)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a context for clients, which trusts the server."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context

    def write(self, folder: Path) -> Path:
        """Write ``ca.pem``, the authority's certificate, into ``folder`` and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(path))
        return path


def _authority() -> "trustme.CA":
    try:
        import trustme  # noqa: PLC0415 - part of the extra `demo`
    except ModuleNotFoundError as error:
        message = "certificates for loopback need trustme: pip install 'pushmill[demo]'"
        raise ModuleNotFoundError(message) from error
    return trustme.CA(organization_name="Pushmill demo")
