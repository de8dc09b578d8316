import pytest

from tests.harness.agreement import crypto_mb
from worker.edges.agreement import choice
from worker.edges.agreement.choice import AgreementError, choose
from worker.edges.agreement.library import LibraryError


def failing(error):
    def fail(*_):
        raise error

    return fail


def test_openssl_asks_for_nothing_else(monkeypatch):
    monkeypatch.setattr(choice, "CryptoMb", failing(AssertionError("is not looked for")))
    assert choose("openssl").agreement.name == "openssl"


@pytest.mark.parametrize("wanted", ["auto", "multibuffer"])
def test_the_library_where_it_works(wanted):
    crypto_mb()
    agreement, problem = choose(wanted)
    assert (agreement.name, problem) == ("multibuffer", None)


@pytest.mark.parametrize(
    ("error", "problem"),
    [(LibraryError("broken"), "broken"), (LibraryError("not there", installed=False), None)],
)
def test_openssl_where_it_does_not(monkeypatch, error, problem):
    monkeypatch.setattr(choice, "CryptoMb", failing(error))
    assert (choose("auto").agreement.name, choose("auto").problem) == ("openssl", problem)
    with pytest.raises(AgreementError) as caught:
        choose("multibuffer")
    assert str(caught.value) == (
        f"PUSHMILL_AGREEMENT is multibuffer: {error}; otherwise set PUSHMILL_AGREEMENT=auto"
    )


def test_a_library_that_computes_something_else_is_not_used(monkeypatch):
    monkeypatch.setattr(choice, "CryptoMb", object)
    monkeypatch.setattr(choice.self_test, "failure", lambda library, fill: "random keys")
    agreement, problem = choose("auto")
    assert agreement.name == "openssl"
    assert problem == "the library fails its test with random keys; install another version of it"
    with pytest.raises(AgreementError, match="fails its test"):
        choose("multibuffer")


def test_a_system_that_refuses_what_the_library_is_used_with(monkeypatch):
    """As a sandbox may: the start goes on with OpenSSL, or ends with one line."""
    monkeypatch.setattr(choice, "CryptoMb", object)
    monkeypatch.setattr(choice.self_test, "failure", failing(OSError("no randomness")))
    agreement, problem = choose("auto")
    assert agreement.name == "openssl"
    assert problem == "the library cannot be tested: no randomness; allow madvise(2) and getrandom(2)"
    with pytest.raises(AgreementError, match="cannot be tested: no randomness"):
        choose("multibuffer")
