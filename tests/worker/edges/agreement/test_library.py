import ctypes
from collections import Counter
from types import SimpleNamespace

import pytest

from tests.harness.agreement import crypto_mb
from worker.edges.agreement import library
from worker.edges.agreement.library import CryptoMb, LibraryError, getrandom


def refusal():
    with pytest.raises(LibraryError) as caught:
        CryptoMb()
    return caught.value


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Pretends that the package is installed with a file of the given name and content."""

    def install(name, content=b""):
        (tmp_path / name).write_bytes(content)
        file = SimpleNamespace(name=name, locate=lambda: tmp_path / name)
        monkeypatch.setattr(library, "distribution", lambda package: SimpleNamespace(files=[file]))

    return install


def test_it_is_found_and_fits():
    assert isinstance(crypto_mb(), CryptoMb)


def test_no_package(monkeypatch):
    monkeypatch.setattr(library, "PACKAGE", "pushmill-no-such-package")
    error = refusal()
    assert not error.installed
    assert "install pushmill[multibuffer]" in str(error)


def test_another_version(installed):
    installed("libcrypto_mb.so.12")
    assert refusal().installed
    assert "has no libcrypto_mb.so.13" in str(refusal())


def test_what_is_no_library(installed):
    installed(library.FILE, b"\x7fELF")
    assert "cannot be loaded" in str(refusal())
    assert refusal().installed


def test_a_library_that_it_needs_is_missing(installed, monkeypatch):
    """As where OpenSSL 3 is not installed: the loader's words name what is missing."""

    def refuse(path, mode=0):
        raise OSError("libcrypto.so.3: cannot open shared object file: No such file or directory")

    installed(library.FILE)
    monkeypatch.setattr(library.ctypes, "CDLL", refuse)
    monkeypatch.setattr(library.stand_in, "provide", lambda names: None)
    assert "cannot be loaded: libcrypto.so.3: cannot open" in str(refusal())


def test_another_library(installed):
    installed(library.FILE, library.stand_in.empty_object("libpushmill-other.so"))
    assert "lacks a function" in str(refusal())


def test_a_processor_without_the_instructions(installed, monkeypatch):
    installed(library.FILE)
    functions = dict.fromkeys(["mbx_nistp256_ecpublic_key_mb8", "mbx_nistp256_ecdh_mb8"], SimpleNamespace())

    class Applicable:
        def __call__(self, algorithm):
            return 0

    loaded = SimpleNamespace(mbx_is_crypto_mb_applicable=Applicable(), **functions)
    monkeypatch.setattr(library, "_load", lambda: loaded)
    assert "AVX-512 IFMA" in str(refusal())


def test_randomness():
    numbers = (ctypes.c_char * 256)()
    seen = Counter()
    for _ in range(40):
        getrandom(numbers)
        seen.update(numbers.raw)
    assert len(seen) == 256
    assert max(seen.values()) < 120  # of 40 on average


def test_no_randomness(monkeypatch):
    monkeypatch.setattr(library, "_LIBC", SimpleNamespace(getrandom=lambda *_: -1))
    with pytest.raises(OSError, match="gives no randomness"):
        getrandom((ctypes.c_char * 256)())
