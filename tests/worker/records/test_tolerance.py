import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct

from tests.harness.cost import growth
from worker.records.tolerance import repaired, tolerated

patient = settings(deadline=None)  # a busy machine is no failure
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Inner(Struct):
    must: int
    may: int | None = None


class Outer(Struct):
    v: Literal[1]
    must: int
    number: Annotated[int, Meta(ge=0)] = 7
    share: float = 0.5
    text: str | None = None
    either: str | dict[str, Any] | None = None
    free: dict[str, Any] | None = None
    values: dict[str, str | int | None] | None = None
    inner: Inner | None = None
    inners: list[Inner] | None = None


def read(value, **fields):
    """Decode what is tolerated of a record, strictly."""
    raw = value if isinstance(value, bytes) else json.dumps({"v": 1, "must": 1} | value | fields).encode()
    return msgspec.json.decode(tolerated(raw, Outer), type=Outer)


# ── text that is not Unicode ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"Zo\ud83d", f"Zo{REPLACEMENT}"),
        (rb"\udc00x", f"{REPLACEMENT}x"),
        (rb"\uD83D\u0041\uDC00", f"{REPLACEMENT}A{REPLACEMENT}"),
        (rb"\ud83d\ud83d\ude00", f"{REPLACEMENT}😀"),
        (rb"\ud83d\ude00\ude00", f"😀{REPLACEMENT}"),
        (rb"\ude00\ud83d", REPLACEMENT * 2),
        (rb"\ud83d\n\\\"", f'{REPLACEMENT}\n\\"'),
        (rb"\\ud83d", r"\ud83d"),  # a backslash, and letters
        (rb"\\\ud83d", f"\\{REPLACEMENT}"),
        (rb"\\\\ud83d \\n\u00e9", "\\\\ud83d \\né"),
        (b"\xed\xa0\xbd", REPLACEMENT),
        (b"\xed\xa0\xbd\xed\xb8\x80", "😀"),  # CESU-8, and Java's modified UTF-8
        (b"\xed\xb8\x80\xed\xa0\xbd!", f"{REPLACEMENT * 2}!"),
        (b"Zo\xeb", f"Zo{REPLACEMENT}"),  # Latin-1
        (b"\xf0\x9f\x98", REPLACEMENT),  # cut in the middle
        (b"\xed\x9f\xbf\xee\x80\x80\xf0\x9f\x98\x80", "\ud7ff\ue000😀"),  # beside them, and valid
    ],
)
def test_what_is_not_unicode_becomes_u_fffd(raw, text):
    for value in (b'{"v":1,"must":1,"text":"%b"}', b'{"v":1,"must":1,"free":{"%b":1}}'):
        found = read(value % raw)
        assert text in {found.text, *(found.free or ())}


def test_a_byte_order_mark_is_dropped():
    assert read(b'\xef\xbb\xbf{"v":1,"must":1}') == Outer(1, 1)


@patient
@given(st.text(max_size=30), st.booleans())
def test_what_is_unicode_stays_as_it_is(text, ascii_only):
    raw = json.dumps(text, ensure_ascii=ascii_only).encode()
    assert repaired(raw) == raw


halves = st.characters(categories=["Cs"])


@patient
@given(st.text(st.characters() | halves, max_size=12), st.booleans())
def test_every_half_becomes_one_character_and_the_rest_stays(text, ascii_only):
    raw = json.dumps(text, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    expected = "".join(REPLACEMENT if "\ud800" <= each <= "\udfff" else each for each in joined)
    assert json.loads(repaired(raw)) == expected


# ── fields that say nothing ─────────────────────────────────────────────────────────────────────────────────


def test_null_is_an_optional_field_that_is_left_out():
    given_null = dict.fromkeys(("number", "share", "text", "either", "free", "values", "inner", "inners"))
    assert read(given_null) == Outer(1, 1)
    assert read({"inner": {"must": 1, "may": None}}).inner == Inner(1)
    assert read({"inners": [{"must": 1, "may": None}]}).inners == [Inner(1)]


def test_null_in_what_is_upstream_s_own_stays():
    assert read({"free": {"a": None}, "values": {"a": None}, "number": None}) == Outer(
        1, 1, free={"a": None}, values={"a": None}
    )


@pytest.mark.parametrize("field", ["free", "values", "inner", "inners"])
def test_an_empty_container_of_the_wrong_kind_is_a_field_left_out(field):
    assert read({field: {} if field == "inners" else []}) == Outer(1, 1)


@pytest.mark.parametrize(
    ("field", "number"),
    [("must", 5.0), ("number", 86400.0), ("v", 1.0), ("must", -0.0), ("number", 1e3)],
)
def test_a_whole_number_is_an_integer_however_it_is_written(field, number):
    found = getattr(read({field: number}), field)
    assert (found, type(found)) == (number, int)


def test_numbers_elsewhere_stay_as_they_are():
    found = read({"share": 3.0, "free": {"a": 3.0}, "number": None})
    assert [type(each) for each in (found.share, found.free["a"])] == [float, float]
    assert read({"values": {"a": 10**30}, "number": None}).values == {"a": 10**30}


def test_what_is_no_number_is_null():
    for name in (b"NaN", b"Infinity", b"-Infinity"):
        assert read(b'{"v":1,"must":1,"number":%b,"values":{"a":%b}}' % (name, name)).values == {"a": None}


# ── what is not harmless ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"must": None}, "$.must"),
        ({"must": 1.5}, "$.must"),
        ({"must": "1"}, "$.must"),
        ({"v": 2.0}, "$.v"),
        ({"number": -1.0}, "$.number"),
        ({"number": "86400"}, "$.number"),
        ({"number": True}, "$.number"),
        ({"number": ""}, "$.number"),
        ({"text": []}, "$.text"),
        ({"text": {}}, "$.text"),
        ({"either": []}, "$.either"),
        ({"free": [1]}, "$.free"),
        ({"inner": {}}, "$.inner"),
        ({"inner": {"must": None}}, "$.inner.must"),
        ({"inners": [None]}, "$.inners[0]"),
        ({"inners": [{"must": []}]}, "$.inners[0].must"),
        ({"values": {"a": []}}, "$.values[...]"),
    ],
)
def test_what_is_not_harmless_is_still_there_for_the_decoder_to_name(fields, where):
    with pytest.raises(msgspec.ValidationError) as caught:
        read({"share": None} | fields)
    assert f"`{where}`" in str(caught.value) or where == "$.inner"


@pytest.mark.parametrize(
    ("text", "field"), [(b"1e999", "number"), (b"9" * 5000, "number"), (b"1e999", "values")]
)
def test_a_number_out_of_range_is_named_and_hides_nothing_else(text, field):
    raw = b'{"v":1,"must":1,"%b":%b,"text":null}' % (field.encode(), text)
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{field}"):
        read(raw)


def test_unknown_fields_stay():
    raw = json.dumps({"v": 1, "must": 1, "number": None, "new": {"a": None, "b": [], "c": 1.0}}).encode()
    assert json.loads(tolerated(raw, Outer)) == {"v": 1, "must": 1, "new": {"a": None, "b": [], "c": 1.0}}


@pytest.mark.parametrize(
    "value", [b"", b"{", b"nul", b"'a'", b"[" * 10**5, b'{"v":1,,}', b"\xff\xfe{\x00}\x00"]
)
def test_what_is_not_json_stays_that(value):
    with pytest.raises(msgspec.DecodeError):
        read(value)


@patient
@given(st.binary(max_size=60))
def test_any_bytes_are_rewritten_without_an_error(value):
    assert isinstance(tolerated(value, Outer), bytes)


@pytest.mark.parametrize(
    "text",
    [
        lambda size: b'"' + rb"\ud83d" * (size // 6) + b'"',
        lambda size: b'"' + b"\\" * size + b'"',
        lambda size: b"\xed\xa0\xbd" * (size // 3),
        lambda size: b'{"values":{' + b",".join(b'"%d":null' % n for n in range(size // 10)) + b"}}",
    ],
    ids=["halves", "backslashes", "CESU-8", "nulls"],
)
def test_hostile_records_cost_linear_time(text):
    small, large = text(8_192), text(262_144)
    assert growth(lambda: tolerated(small, Outer), lambda: tolerated(large, Outer)) < 4 * 32
