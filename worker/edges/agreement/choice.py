"""Which way of agreeing on keys `PUSHMILL_AGREEMENT` means on this machine."""

from typing import Literal, NamedTuple

from crypto.agreement import self_test
from crypto.agreement.interface import Agreement
from crypto.agreement.multibuffer import Multibuffer
from crypto.agreement.openssl import OpenSSL
from worker.edges.agreement.library import CryptoMb, LibraryError, getrandom


class AgreementError(Exception):
    """What was asked for cannot be used here; the text is one line for the operator, with the way out."""


class Choice(NamedTuple):
    """What was chosen.

    Attributes:
        agreement: the way to agree on keys.
        problem: why the library that is installed is not used; None if it is, or if it is not even installed.
    """

    agreement: Agreement
    problem: str | None = None


def choose(wanted: Literal["auto", "openssl", "multibuffer"]) -> Choice:
    """Choose as `PUSHMILL_AGREEMENT` says; `auto` takes the library if it works.

    Raises:
        AgreementError: `multibuffer` is wanted and does not work.
    """
    if wanted == "openssl":
        return Choice(OpenSSL())
    try:
        return Choice(_multibuffer())
    except LibraryError as error:
        if wanted == "multibuffer":
            raise AgreementError(
                f"PUSHMILL_AGREEMENT is multibuffer: {error}; otherwise set PUSHMILL_AGREEMENT=auto"
            ) from None
        return Choice(OpenSSL(), str(error) if error.installed else None)


def _multibuffer() -> Multibuffer:
    library = CryptoMb()
    try:
        failed = self_test.failure(library, getrandom)
    except OSError as error:
        raise LibraryError(
            f"the library cannot be tested: {error}; allow madvise(2) and getrandom(2)"
        ) from None
    if failed:
        raise LibraryError(f"the library fails its test with {failed}; install another version of it")
    return Multibuffer(library, getrandom)
