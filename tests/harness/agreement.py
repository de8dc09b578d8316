"""Key agreement for tests and benchmarks: with one receiver, and with the library where it can be used."""

import os
from functools import cache

from crypto.agreement.interface import Agreed, Agreement
from crypto.agreement.lanes import Library
from crypto.agreement.openssl import OpenSSL
from crypto.keys import SubscriptionKeys
from tests.harness import requirements
from worker.edges.agreement.choice import choose
from worker.edges.agreement.library import CryptoMb, LibraryError


def agreed_with(keys: SubscriptionKeys) -> Agreed:
    """Agree with a receiver, with a fresh key."""
    [agreed] = OpenSSL().agree([keys.p256dh])
    assert agreed is not None
    return agreed


@cache
def chosen_agreement() -> Agreement:
    """Return what PUSHMILL_AGREEMENT chooses in the environment of pytest, as it does for workers."""
    return choose(os.environ.get("PUSHMILL_AGREEMENT") or "auto").agreement


def crypto_mb() -> Library:
    """Return the library; skip the test where it is missing, or where the processor cannot run it."""
    requirements.require("multibuffer")
    library = _loaded()
    if isinstance(library, LibraryError):
        requirements.forgo("multibuffer", f"needs multibuffer: {library}")
    return library


@cache
def _loaded() -> Library | LibraryError:
    try:
        return CryptoMb()
    except LibraryError as error:
        return error
