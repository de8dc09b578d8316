import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.secrets import (
    Purpose,
    SealError,
    SecretsError,
    identity_proof,
    parse_secrets,
    proves_identity,
    seal,
    unseal,
)

OLD, NEW = "o" * 32, "n" * 40
NONCE = bytes(range(12))


def seals(text):
    return parse_secrets(text).keys(Purpose.SEAL)


def rfc_5869(secret, info):
    """HKDF-SHA256 for one block, from RFC 5869 alone."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def test_each_purpose_has_a_key_of_its_own_by_hkdf():
    secrets = parse_secrets(NEW)
    assert len({secrets.keys(purpose).signing.bytes for purpose in Purpose}) == len(Purpose)
    signing = secrets.keys(Purpose.RECIPIENT_TOKEN).signing
    assert signing.bytes == rfc_5869(NEW.encode(), b"pushmill campaigns recipient token")
    assert signing.id == hashlib.sha256(NEW.encode()).digest()[0]


def test_the_first_signs_and_all_verify():
    both = seals(f" {NEW} , {OLD}")
    assert both.signing == seals(NEW).signing
    assert both.get(seals(OLD).signing.id) == seals(OLD).signing.bytes
    assert seals(NEW).get(seals(OLD).signing.id) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" , ", "is empty"),
        ("x" * 31, "below 32"),
        (f"{NEW},{'x' * 31}", "below 32"),
        (f"{NEW},{OLD},{NEW}", "twice"),
    ],
)
def test_what_is_no_list_of_secrets_is_refused(text, problem):
    with pytest.raises(SecretsError, match=problem) as raised:
        parse_secrets(text)
    assert "x" * 31 not in str(raised.value)


def test_two_secrets_that_cannot_be_told_apart_are_refused():
    wanted = hashlib.sha256(NEW.encode()).digest()[0]
    twin = next(
        text
        for text in map("{:032}".format, range(10_000))
        if hashlib.sha256(text.encode()).digest()[0] == wanted
    )
    with pytest.raises(SecretsError, match="same key id"):
        parse_secrets(f"{NEW},{twin}")


@given(st.binary(max_size=200), st.text(st.characters(codec="utf-8"), max_size=50))
def test_what_is_sealed_opens_under_its_name(secret, name):
    sealed = seal(seals(OLD), name, secret, NONCE)
    assert unseal(seals(f"{NEW},{OLD}"), name, sealed) == secret
    assert len(sealed) == 1 + 12 + len(secret) + 16


def test_what_is_sealed_opens_under_no_other_name_nor_secret_nor_when_damaged():
    sealed = seal(seals(OLD), "vapid_key:a", b"private", NONCE)
    with pytest.raises(SealError, match="another name"):
        unseal(seals(OLD), "vapid_key:b", sealed)
    with pytest.raises(SealError, match="not in PUSHMILL_CAMPAIGNS_SECRET"):
        unseal(seals(NEW), "vapid_key:a", sealed)
    for damaged in (b"", sealed[:1], sealed[:20], sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(SealError):
            unseal(seals(OLD), "vapid_key:a", damaged)


def test_a_nonce_of_another_length_is_a_bug():
    with pytest.raises(ValueError, match="12 bytes"):
        seal(seals(OLD), "a", b"", b"short")


def test_a_proof_of_identity_is_an_hmac_in_hex():
    proof = identity_proof(b"key", "The quick brown fox jumps over the lazy dog")
    assert proof == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"  # Wikipedia: HMAC
    assert proves_identity(b"key", "The quick brown fox jumps over the lazy dog", proof.upper())


@pytest.mark.parametrize("proof", ["", "0" * 64, "é", "\ud800"])
def test_any_other_proof_is_wrong(proof):
    assert not proves_identity(b"key", "u-1", proof)


def test_no_secret_is_shown():
    secrets = parse_secrets(NEW)
    shown = repr(secrets) + repr(secrets.keys(Purpose.SEAL)) + repr(secrets.keys(Purpose.SEAL).signing)
    assert NEW not in shown
    assert repr(secrets.keys(Purpose.SEAL).signing.bytes) not in shown
