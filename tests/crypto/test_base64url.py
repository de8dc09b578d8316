import base64
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import base64url

patient = settings(deadline=None)  # a busy machine is no failure
WELL_FORMED = re.compile(r"([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2}(==)?|[A-Za-z0-9_-]{3}=?)?")


@patient
@given(st.binary(max_size=200))
def test_agrees_with_the_standard_library(data):
    padded = base64.urlsafe_b64encode(data).decode()
    assert base64url.encode(data) == padded.rstrip("=")
    assert base64url.decode(padded) == base64url.decode(padded.rstrip("=")) == data


@patient
@given(st.text(alphabet="AQ-_+/= \n", max_size=12) | st.text(max_size=12))
def test_takes_well_formed_text_and_nothing_else(text):
    if WELL_FORMED.fullmatch(text):
        assert isinstance(base64url.decode(text), bytes)
    else:
        with pytest.raises(ValueError):
            base64url.decode(text)


@pytest.mark.parametrize(
    "text",
    ["AA+A", "AA/A", "A", "AAAAA", "AA=", "AAA==", "AAAA=", "AAAA====", "=", "====", "A A", "AAAA\n", "éAAA"],
)
def test_refuses(text):
    with pytest.raises(ValueError):
        base64url.decode(text)


def test_error_does_not_repeat_the_text():
    with pytest.raises(ValueError) as caught:
        base64url.decode("c2VjcmV0c2VjcmV0é")
    assert "c2Vj" not in str(caught.value) + repr(vars(caught.value))
    assert caught.value.__context__ is None
