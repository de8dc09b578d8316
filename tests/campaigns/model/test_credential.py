import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.credential import (
    OWN_RANDOM_BYTES,
    TOKEN_RANDOM_BYTES,
    Credential,
    CredentialKind,
    access_token,
    credential_problems,
    digest_of,
    new_token,
    own_token,
)
from campaigns.model.scope import Permission, Scope

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@given(st.binary(min_size=OWN_RANDOM_BYTES, max_size=OWN_RANDOM_BYTES))
def test_a_token_has_forty_characters_after_its_prefix(random):
    assert re.fullmatch(r"pm_[0-9A-Za-z]{40}", own_token(random))


@given(st.lists(st.binary(min_size=OWN_RANDOM_BYTES, max_size=OWN_RANDOM_BYTES), unique=True, max_size=5))
def test_other_random_bytes_make_another_token(randoms):
    assert len({own_token(each) for each in randoms}) == len(randoms)


def test_a_token_is_looked_up_by_the_digest_of_all_of_it():
    assert digest_of("pm_abc") == hashlib.sha256(b"pm_abc").digest()
    assert digest_of("\ud800")  # what no client can have been given, but one can send


def credential(**fields):
    return Credential(
        id=3,
        account=1,
        site=7,
        kind=CredentialKind.OWN,
        name="",
        scopes=frozenset({Permission.READ}),
        created_at=NOW,
        **fields,
    )


def test_a_credential_makes_a_scope():
    assert credential().scope == Scope(1, 3, 7, frozenset({Permission.READ}))


def test_a_credential_ends_at_its_time():
    assert credential().is_valid(NOW)
    assert credential(expires_at=NOW + timedelta(seconds=1)).is_valid(NOW)
    assert not credential(expires_at=NOW).is_valid(NOW)


def test_an_access_token_ends_after_an_hour_or_with_its_credential():
    assert credential().access_ends_at(NOW) == NOW + timedelta(hours=1)
    soon = NOW + timedelta(minutes=1)
    assert credential(expires_at=soon).access_ends_at(NOW) == soon
    assert (credential().root, credential(parent=2).root) == (3, 2)


@given(st.binary(min_size=OWN_RANDOM_BYTES, max_size=OWN_RANDOM_BYTES))
def test_an_access_token_has_forty_characters(random):
    assert re.fullmatch(r"[0-9A-Za-z]{40}", access_token(random))


@pytest.mark.parametrize(
    ("name", "scopes", "rate", "fields"),
    [
        ("", ["read"], None, []),
        ("ci", ["read", "admin"], 600, []),
        ("x" * 256, ["read"], None, ["name"]),
        ("", [], None, ["scopes"]),
        ("", ["read", "write"], None, ["scopes[1]"]),
        ("", ["read"], 0, ["rate"]),
    ],
)
def test_what_is_wrong_with_a_credential_is_named(name, scopes, rate, fields):
    assert [each.field for each in credential_problems(name, scopes, rate)] == fields


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (CredentialKind.SENDPULSE, r"[0-9a-f]{32}:[0-9a-f]{32}"),
        (CredentialKind.PUSHARY, r"pk_[0-9a-f]{32}\.sk_[0-9a-f]{32}"),
        (CredentialKind.PUSHWOOSH, r"pm_[0-9A-Za-z]{40}"),
    ],
)
def test_a_token_looks_as_its_platform_s_do(kind, form):
    assert re.fullmatch(form, new_token(kind, bytes(range(TOKEN_RANDOM_BYTES))))
