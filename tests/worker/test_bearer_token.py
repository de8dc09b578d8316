import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.bearer_token import MAX_CHARS, TokenTextError, jwt_expiry, parse_token

CHARACTERS = "ABCXYZabcxyz0189-._~+/"


def jwt(claims: object) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"signature"))


@given(st.text(CHARACTERS, min_size=1), st.text("=", max_size=2), st.text(" \t\r\n"), st.text(" \t\r\n"))
def test_a_token_is_taken_without_the_white_space_around_it(token, padding, before, behind):
    assert parse_token(before + token + padding + behind) == token + padding


@pytest.mark.parametrize(
    "text", ["", " \n", "a b", "a\nb", "a\x01b", "=", "é", '"token"', "x" * (MAX_CHARS + 1)]
)
def test_what_is_no_token_is_refused_and_not_repeated(text):
    with pytest.raises(TokenTextError) as caught:
        parse_token(text)
    assert len(str(caught.value)) < 100
    assert not text.strip() or text not in str(caught.value)


@given(st.integers(0, 2**40) | st.floats(0, 2**40))
def test_a_jwt_says_when_it_ends(expiry):
    assert jwt_expiry(jwt({"exp": expiry, "sub": "mill"})) == expiry


@pytest.mark.parametrize(
    "token",
    [
        *("opaque", "a.b", "a.b.c", "a.b.c.d", "..", "a.!!.c"),
        *(jwt({}), jwt([]), jwt(None), jwt({"exp": None}), jwt({"exp": "soon"}), jwt({"exp": float("inf")})),
    ],
)
def test_any_other_token_does_not(token):
    assert jwt_expiry(token) is None


@given(st.text(CHARACTERS + "="))
def test_no_text_breaks_the_reading_of_a_jwt(text):
    assert jwt_expiry(text) is None or "." in text
