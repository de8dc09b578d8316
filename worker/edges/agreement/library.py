"""Intel's `libcrypto_mb`, from the package `ipp-crypto`: where it is, and whether it can be used here.

Functions and status are those of `crypto_mb/ec_nistp256.h` and `crypto_mb/status.h`.
"""

import ctypes
import os
from importlib.metadata import PackageNotFoundError, distribution

from crypto.agreement.lanes import Numbers, Pointers
from worker.edges.agreement import stand_in

PACKAGE = "ipp-crypto"
FILE = "libcrypto_mb.so.13"

_NEEDED_BY_NAME = ("libsvml.so", "libirng.so", "libimf.so", "libintlc.so.5")
"""Libraries of Intel's compiler, 130 MB in `intel-cmplr-lib-rt`: listed as needed, but no symbol of theirs is
used. That is certain, because the library is loaded with all of its symbols resolved (RTLD_NOW)."""

_LIBC = ctypes.CDLL(None)


class LibraryError(Exception):
    """The library cannot be used here; the text says why, and what would help.

    Attributes:
        installed: whether the package is there.
    """

    def __init__(self, problem: str, *, installed: bool = True) -> None:
        super().__init__(problem)
        self.installed = installed


class CryptoMb:
    """The library's functions for eight P-256 keys at a time; see `Library`.

    Raises:
        LibraryError: the package is missing or another one, the library cannot be loaded, or the processor
            lacks the instructions.
    """

    def __init__(self) -> None:
        library = _load()
        try:
            is_applicable = library.mbx_is_crypto_mb_applicable
            self._public_keys = library.mbx_nistp256_ecpublic_key_mb8
            self._secrets = library.mbx_nistp256_ecdh_mb8
        except AttributeError:
            raise LibraryError(f"{FILE} lacks a function; install {PACKAGE} again") from None
        self._public_keys.restype = self._secrets.restype = ctypes.c_uint32
        is_applicable.argtypes = (ctypes.c_uint64,)
        if not is_applicable(0):
            raise LibraryError("this processor has neither AVX-512 IFMA nor AVX-IFMA; use another")

    def public_keys(self, x: Pointers, y: Pointers, scalars: Pointers) -> int:
        """See `Library.public_keys`."""
        status: int = self._public_keys(x, y, None, scalars, None)
        return status

    def secrets(self, secrets: Pointers, scalars: Pointers, x: Pointers, y: Pointers) -> int:
        """See `Library.secrets`."""
        status: int = self._secrets(secrets, scalars, x, y, None, None)
        return status


def getrandom(numbers: Numbers) -> None:
    """Fill memory of up to 256 bytes from the system's randomness, which leaves no copy behind.

    Raises:
        OSError: there is none, for example because the system is too old; so few bytes come all or not at all
            (getrandom(2)).
    """
    if _LIBC.getrandom(numbers, len(numbers), 0) != len(numbers):
        raise OSError("getrandom(2) gives no randomness")


def _load() -> ctypes.CDLL:
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        raise LibraryError(
            f"{PACKAGE} is not installed; on Linux on x86-64, install pushmill[multibuffer]", installed=False
        ) from None
    path = next((os.path.realpath(file.locate()) for file in files if file.name == FILE), None)
    if path is None:
        raise LibraryError(f"{PACKAGE} has no {FILE}; install the version of pushmill[multibuffer]")
    try:
        stand_in.provide(_NEEDED_BY_NAME)
        return ctypes.CDLL(path, mode=os.RTLD_NOW)
    except OSError as error:
        raise LibraryError(f"{FILE} cannot be loaded: {error}; install what is missing") from None
