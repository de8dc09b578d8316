"""The private key that a site's browsers are subscribed with, from a file in whatever form it is kept."""

import sys
from pathlib import Path

import typer

from crypto.errors import VapidKeyError, VapidPasswordError
from crypto.key_forms import MAX_BYTES, parse_public_key, read_vapid_key
from worker.commands import MISUSED, end


def read_key_file(file: str, *, public: str | None, password_file: Path | None) -> bytes:
    """Read a key, and return it as PEM.

    Args:
        file: Its name; - is standard input.
        public: The public key that pages subscribe with: another one is refused.
        password_file: Where the password of an encrypted key is; else it is asked for on a terminal.
    """
    data = _read_bytes(file)
    password = None if password_file is None else _read_bytes(str(password_file)).rstrip(b"\r\n")
    expected = _public_key(public)
    try:
        return read_vapid_key(data, public=expected, password=password).to_pem()
    except VapidPasswordError as error:
        if password is not None or file == "-" or not sys.stdin.isatty():
            end(f"{file} {error}; give it with --password-file", MISUSED)
    except VapidKeyError as error:
        end(f"{file} {error}", MISUSED)
    try:
        return read_vapid_key(data, public=expected, password=_asked(file)).to_pem()
    except VapidKeyError as error:
        end(f"{file} {error}", MISUSED)


def _asked(file: str) -> bytes:
    try:
        asked: str = typer.prompt(f"Password of {file}", hide_input=True, err=True)
    except typer.Abort:  # Ctrl-C, or the end of the input
        raise KeyboardInterrupt from None
    return asked.encode()


def _public_key(text: str | None) -> bytes | None:
    try:
        return None if text is None else parse_public_key(text)
    except VapidKeyError as error:
        end(f"--public {error}", MISUSED)


def _read_bytes(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        end(f"{file} cannot be read: {error.strerror or error}", MISUSED)
