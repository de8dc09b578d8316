import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.attribute import Seen, Type, as_variable, attribute_problems, seen, type_of
from tests.campaigns.anything import json_values


@pytest.mark.parametrize(
    ("value", "kind", "longest"),
    [
        ("gold", Type.TEXT, 4),
        ("Köln", Type.TEXT, 5),
        ("2026-11-21", Type.DATE, 10),
        ("2026-11-21T09:00:00Z", Type.DATE, 20),
        ("2026-11-21 or so", Type.TEXT, 16),
        (True, Type.BOOLEAN, 4),
        (12.5, Type.NUMBER, 4),
        (-3, Type.NUMBER, 2),
        (["m", "xl", 3], Type.LIST, 8),
    ],
)
def test_what_a_value_tells_the_registry(value, kind, longest):
    assert type_of(value) is kind
    assert seen({"x": value}) == {"x": Seen(kind, longest)}


def test_a_list_becomes_a_text_in_a_variable():
    assert as_variable(["m", 3, True]) == "m, 3, true"
    assert as_variable(7) == 7


def problems(attributes):
    return [(each.field, each.problem) for each in attribute_problems(attributes)]


def test_scalars_and_lists_of_them_are_attributes():
    assert problems({"plan": "gold", "orders": 3, "vip": False, "ratio": 0.5, "sizes": ["m", 1, True]}) == []


@pytest.mark.parametrize(
    ("attributes", "field", "problem"),
    [
        ({"a b": 1}, "attributes.a b", "A-Z"),
        ({"x" * 65: 1}, "attributes." + "x" * 64, "at most 64"),
        ({"t": "x"}, "attributes.t", "every push has"),
        ({"recipient_id": "x"}, "attributes.recipient_id", "every push has"),
        ({"x": {"y": 1}}, "attributes.x", "must be"),
        ({"x": None}, "attributes.x", "must be"),
        ({"x": [[1]]}, "attributes.x", "list within a list"),
        ({"x": [None]}, "attributes.x", "must be"),
        ({"x": [1] * 101}, "attributes.x", "more than 100"),
        ({"x": "a\0"}, "attributes.x", "NUL"),
        ({"x": 2**63}, "attributes.x", "out of range"),
        ({"x": float("inf")}, "attributes.x", "out of range"),
        ({"x": "a" * 4100, "y": "b" * 4100}, "attributes", "8,192"),
    ],
)
def test_anything_else_is_told(attributes, field, problem):
    [(at, text)] = problems(attributes)
    assert at == field
    assert problem in text


NAMES = st.sampled_from(["a", "b", "t", "", "x y", "a" * 65])


@given(st.dictionaries(NAMES, json_values(NAMES), max_size=4))
def test_whatever_they_are_they_can_be_kept_or_have_a_problem(attributes):
    if not problems(attributes):
        assert seen(attributes).keys() == attributes.keys()
