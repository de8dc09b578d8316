import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.attribute import length_of, name_problem
from campaigns.model.formats import (
    FORMATS,
    GROWTH_BYTES,
    GROWTH_FACTOR,
    attributes_shown,
    formatted,
    formatted_name,
    read_formatted,
    written,
)

FORMS = st.sampled_from([*FORMATS])


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("plain", "as is", "as is"),
        ("first", "ada lovelace", "Ada lovelace"),
        ("words", "ada  lovelace", "Ada  Lovelace"),
        ("upper", "ada", "ADA"),
        ("lower", "ADA", "ada"),
        ("grouped", 1234567, "1,234,567"),
        ("grouped", 1234.5, "1,234.50"),
        ("cents", 1299, "$12.99"),
        ("cents", -5, "-$0.05"),
        ("dollars", 1200, "$1,200"),
        ("dollars", -3.5, "-$3.50"),
        ("euros", "7", "€7"),
        ("yen", 100, "¥100"),
        ("lira", 100, "₤100"),
        ("shortdate", "2026-01-21", "Jan-21-26"),
        ("numdate", "2026-01-21 00:00", "01-21-26"),
        ("spacedate", "2026-01-21", "Jan 21 26"),
        ("yeardate", "2026-01-21T10:00:00Z", "Jan 21 2026"),
        ("weekday", "2026-01-21", "Wednesday"),
        ("monthday", 1768953600, "Jan 21"),
        ("clock", "2026-01-21 17:05", "17:05"),
        ("datetime", "2026-01-21 17:05", "01-21-26 17:05"),
        ("upper", ["a", "b"], "A, B"),
    ],
)
def test_a_value_in_a_format(form, value, text):
    assert written(form, value) == text


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_format_is_not_made_for_stays_readable(form):
    assert written(form, "never").lower() == "never"


@given(FORMS, st.from_regex(r"\A[A-Za-z0-9_]{1,64}\Z"))
def test_a_variable_tells_its_format_and_attribute(form, attribute):
    name = formatted_name(form, attribute)
    assert read_formatted(name) == (form, attribute)
    assert name_problem(name) is not None, "no attribute may have the name of a formatted variable"


@pytest.mark.parametrize("name", ["city", "__city", "__shout__city", "__upper__", "___upper__city"])
def test_another_name_is_a_plain_variable(name):
    assert read_formatted(name) is None


@given(FORMS, st.text(max_size=50) | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False))
def test_a_format_never_fails_and_its_bound_holds(form, value):
    text = written(form, value)
    assert len(text.encode("utf-8", "surrogatepass")) <= (
        GROWTH_FACTOR * max(length_of(value) if not _odd(value) else 200, 1) + GROWTH_BYTES
    )


def _odd(value):
    return isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)


def test_only_what_is_known_gets_a_value():
    names = ["__upper__city", "city", "__lower__street"]
    assert formatted(names, {"city": "Ulm", "street": None}) == {"__upper__city": "ULM"}
    assert attributes_shown(names) == {"city", "street"}
