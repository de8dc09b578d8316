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
@given(st.lists(st.binary(max_size=70), max_size=5))
def test_many_are_encoded_as_each_is_alone(values):
    assert base64url.encode_all(values) == [base64url.encode(value) for value in values]


@patient
@given(st.integers(0, 70).flatmap(lambda size: st.lists(st.binary(min_size=size, max_size=size), max_size=5)))
def test_many_of_one_length_are_encoded_as_each_is_alone(values):
    assert base64url.encode_all(values) == [base64url.encode(value) for value in values]


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


@patient
@given(
    st.binary(max_size=200), st.sampled_from([base64.b64encode, base64.encodebytes, base64.urlsafe_b64encode])
)
def test_any_form_that_servers_store_is_decoded(data, encode):
    text = encode(data).decode()
    for stored in (text, text.rstrip("=\n"), text.replace("\n", "\r\n")):
        assert base64url.decode_any(stored) == data


@pytest.mark.parametrize(
    "text", ["A", "AAAAA", "AA=", "AAA==", "AAAA=", "=", "A A", "AAAA\t", "éAAA", "AA*A"]
)
def test_neither_form_is_refused(text):
    with pytest.raises(ValueError):
        base64url.decode_any(text)


def test_error_does_not_repeat_the_text():
    with pytest.raises(ValueError) as caught:
        base64url.decode("c2VjcmV0c2VjcmV0é")
    assert "c2Vj" not in str(caught.value) + repr(vars(caught.value))
    assert caught.value.__context__ is None
