"""Bodies and queries as they are really sent: PHP's arrays, and JSON where none belongs."""

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.adapters.forms import PAIRS_MAX, read_fields, read_form, read_query
from campaigns.adapters.messages import HttpRequest
from campaigns.adapters.refusals import Reason, RefusedError

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def request(body: bytes = b"", query: str = "", headers: dict[str, str] | None = None) -> HttpRequest:
    return HttpRequest("POST", "/", query, headers or {}, body)


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("", {}),
        ("a=1&b=x%20y&c=%2B+", {"a": "1", "b": "x y", "c": "+ "}),
        ("a=", {"a": ""}),
        ("a=1&a=2", {"a": "2"}),
        ("a[b]=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        ("a%5Bb%5D%5B0%5D%5Bc%5D=1&a%5Bb%5D%5B1%5D%5Bc%5D=2", {"a": {"b": [{"c": "1"}, {"c": "2"}]}}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[1]=x", {"a": {"1": "x"}}),
        ("[a]=1&b]=2", {"[a]": "1", "b]": "2"}),
    ],
)
def test_a_form_is_read_as_php_means_it(form, fields):
    assert read_form(form) == fields
    assert read_fields(request(form.encode(), headers=FORM)) == fields


@pytest.mark.parametrize(
    "form",
    ["a=1&a[b]=2", "a[b]=1&a[b][c]=2", "&".join(["a=1"] * (PAIRS_MAX + 1)), "a" + "[b]" * 20 + "=1", "a=%00"],
)
def test_a_form_that_cannot_be_meant_is_refused(form):
    with pytest.raises(RefusedError) as raised:
        read_fields(request(form.encode(), headers=FORM))
    assert raised.value.refusal.reason is Reason.MALFORMED


@given(st.text(alphabet="a[]0=&", max_size=40))
def test_whatever_a_form_is_it_is_read_or_refused(form):
    with suppress(RefusedError):
        assert isinstance(read_form(form), dict)


@pytest.mark.parametrize(
    ("body", "fields"), [(b"", {}), (b" ", {}), (b"{}", {}), (b"[]", {}), (b'{"a": [1]}', {"a": [1]})]
)
def test_json_is_read_whatever_it_is_called(body, fields):
    assert read_fields(request(body)) == fields
    assert read_fields(request(body, headers={"content-type": "text/plain"})) == fields


@pytest.mark.parametrize(
    "body", [b"x", b"7", b"[1]", b"\xff", b'{"a": "\\u0000"}', b'{"a": "\\ud800"}', b"[" * 99_999]
)
def test_what_is_no_object_is_refused(body):
    with pytest.raises(RefusedError) as raised:
        read_fields(request(body))
    assert raised.value.refusal.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("limit=10&offset=", {"limit": "10", "offset": ""}),
        ("%7B%7D", {}),
        (quote('{"limit": 10, "offset": 2}'), {"limit": 10, "offset": 2}),
        ("{%22from%22:%20%222026-11-21%2010:00:00%22}", {"from": "2026-11-21 10:00:00"}),
    ],
)
def test_a_query_is_parameters_or_one_object(query, fields):
    assert read_query(request(query=query)) == fields


@pytest.mark.parametrize("query", ["%7B", "{limit}", "%7B%22a%22:%22%5Cu0000%22%7D", "a=%00"])
def test_a_query_that_is_neither_is_refused(query):
    with pytest.raises(RefusedError):
        read_query(request(query=query))
