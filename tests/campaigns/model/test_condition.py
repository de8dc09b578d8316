from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model import condition as subject
from campaigns.model.condition import (
    And,
    Comparison,
    Kind,
    Not,
    Op,
    Or,
    attribute_names,
    condition_tree,
    parse_condition,
)
from campaigns.model.problems import InvalidError
from tests.campaigns.anything import attempt, json_values
from tests.campaigns.conditions import conditions, holds

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

ADA = {
    "tags": ["news", "vip"],
    "browser": "firefox",
    "os": "linux",
    "platform": "desktop",
    "language": "de",
    "country": "DE",
    "region": None,
    "city": "Köln",
    "landing_url": "https://shop.example/a?b=1",
    "created_at": NOON,
    "seen_at": NOON,
    "attributes": {"plan": "gold", "orders": 3, "vip": True, "sizes": ["m", "xl"]},
}


def one(field, op, value=None):
    tree = {"field": field, "op": op}
    return tree if value is None else {**tree, "value": value}


EXAMPLES = [
    (one("tag", "eq", "news"), True),
    (one("tag", "eq", "new"), False),
    (one("tag", "ne", "news"), False),
    (one("tag", "in", ["a", "vip"]), True),
    (one("tag", "not_in", ["a", "vip"]), False),
    (one("tag", "starts", "ne"), True),
    (one("tag", "not_contains", "ew"), False),
    (one("tag", "set"), True),
    (one("browser", "eq", "Firefox"), True),
    (one("country", "in", ["de", "at"]), True),
    (one("region", "set"), False),
    (one("region", "ne", "x"), True),
    (one("region", "starts", ""), False),
    (one("city", "ends", "öln"), True),
    (one("city", "contains", "%"), False),
    (one("landing_url", "contains", "a?b"), True),
    (one("created_at", "eq", "2026-11-21T13:00:00+01:00"), True),
    (one("created_at", "gt", "2026-11-21T12:00:00Z"), False),
    (one("seen_at", "between", ["2026-11-21T11:00:00Z", "2026-11-21T12:00:00Z"]), True),
    (one("attribute.plan", "eq", "gold"), True),
    (one("attribute.plan", "gt", "bronze"), True),
    (one("attribute.orders", "ge", 3), True),
    (one("attribute.orders", "eq", "3"), False),
    (one("attribute.orders", "between", [1, 2.5]), False),
    (one("attribute.orders", "gt", "2"), False),
    (one("attribute.vip", "eq", True), True),
    (one("attribute.vip", "eq", 1), False),
    (one("attribute.sizes", "eq", "xl"), True),
    (one("attribute.sizes", "not_in", ["s", "l"]), True),
    (one("attribute.sizes", "contains", "x"), True),
    ({**one("attribute.plan", "eq", "GOLD"), "ignore_case": True}, True),
    ({**one("attribute.plan", "not_in", ["Silver", "Gold"]), "ignore_case": True}, False),
    ({**one("attribute.plan", "between", ["GO", "Gz"]), "ignore_case": True}, True),
    ({**one("attribute.orders", "eq", "3"), "ignore_case": True}, True),
    ({**one("attribute.vip", "starts", "T"), "ignore_case": True}, True),
    ({**one("attribute.sizes", "ends", "XL"), "ignore_case": True}, True),
    ({**one("attribute.gone", "ne", "X"), "ignore_case": True}, True),
    (one("attribute.gone", "ne", "x"), True),
    (one("attribute.gone", "not_set"), True),
    (one("attribute.a.b c", "not_set"), True),
    ({"and": [one("tag", "eq", "news"), one("os", "eq", "linux")]}, True),
    ({"or": [one("tag", "eq", "x"), one("os", "eq", "x")]}, False),
    ({"not": {"or": [one("tag", "eq", "x"), one("os", "eq", "x")]}}, True),
]


@pytest.mark.parametrize(("tree", "expected"), EXAMPLES)
def test_examples_of_what_holds_for_a_subscriber(tree, expected):
    assert holds(condition_tree(parse_condition(tree)), ADA) is expected


def test_a_tree_becomes_types():
    tree = {"and": [one("country", "eq", "de"), {"not": one("seen_at", "lt", "2026-11-21T12:00:00Z")}]}
    assert parse_condition(tree) == And(
        (Comparison("country", Op.EQ, "DE"), Not(Comparison("seen_at", Op.LT, NOON)))
    )


@given(conditions())
def test_what_is_printed_is_read_as_the_same(tree):
    condition = parse_condition(tree)
    printed = condition_tree(condition)
    assert parse_condition(msgspec.json.decode(msgspec.json.encode(printed))) == condition
    assert holds(printed, ADA) is holds(tree, ADA)


@given(conditions())
def test_opposites_hold_for_everyone_else(tree):
    for op, other in subject.OPPOSITES.items():
        if tree.get("op") == op:
            assert holds(tree, ADA) is not holds({**tree, "op": str(other)}, ADA)


ALL_KINDS = {Kind.TAGS: "tag", Kind.TEXT: "city", Kind.TIME: "seen_at", Kind.ANY: "attribute.x"}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("op", Op)
def test_each_kind_of_field_takes_its_operators_alone(kind, op):
    text = "2026-11-21T12:00:00Z"
    value = {Op.IN: [text], Op.NOT_IN: [text], Op.BETWEEN: [text, text], Op.SET: None, Op.NOT_SET: None}
    tree = one(ALL_KINDS[kind], str(op), value.get(op, text))
    if op in subject.OPS[kind]:
        assert isinstance(parse_condition(tree), Comparison)
    else:
        assert problems(tree)[0][0] == "condition.op"


def test_the_fields_and_operators_of_the_contract():
    assert " ".join(Op) == (
        "eq ne in not_in gt ge lt le between starts ends contains not_contains set not_set"
    )
    assert " ".join(subject.FIELDS) == (
        "tag browser os platform language country region city landing_url created_at seen_at"
    )


def problems(tree, field="condition"):
    with pytest.raises(InvalidError) as raised:
        parse_condition(tree, field)
    return [(each.field, each.problem) for each in raised.value.problems]


@pytest.mark.parametrize(
    ("tree", "field", "problem"),
    [
        (None, "condition", "must be"),
        ([], "condition", "must be"),
        ({}, "condition", "must be"),
        ({"and": [], "or": []}, "condition", "must be"),
        ({"and": []}, "condition.and", "at least one"),
        ({"or": {}}, "condition.or", "at least one"),
        ({"and": [one("tag", "eq", "a"), 7]}, "condition.and[1]", "must be"),
        ({"not": {"and": [one("tag", "eq", 7)]}}, "condition.not.and[0].value", "must be a text"),
        (one("colour", "eq", "a"), "condition.field", "attribute.NAME"),
        (one("attribute.", "eq", "a"), "condition.field", "attribute.NAME"),
        (one("tag", "gt", "a"), "condition.op", "eq, ne, in"),
        (one("tag", "like", "a"), "condition.op", "eq, ne, in"),
        (one("tag", "eq"), "condition.value", "must be a text"),
        (one("tag", "set", "a"), "condition.value", "left out"),
        (one("tag", "in", "a"), "condition.value", "list"),
        (one("tag", "in", []), "condition.value", "list"),
        (one("tag", "eq", "a\0"), "condition.value", "NUL"),
        (one("attribute.x", "eq", ["a"]), "condition.value", "true or false"),
        (one("attribute.x", "gt", True), "condition.value", "number or a text"),
        (one("attribute.x", "starts", 1), "condition.value", "must be a text"),
        (one("attribute.x", "between", [1]), "condition.value", "two values"),
        (one("attribute.x", "between", [1, "2"]), "condition.value", "two numbers, or two texts"),
        (one("attribute.x", "eq", 10**400), "condition.value", "out of range"),
        (one("seen_at", "gt", "-7d"), "condition.value", "RFC 3339"),
        (one("seen_at", "gt", 1700000000), "condition.value", "RFC 3339"),
        (one("seen_at", "gt", "2026-11-21T12:00:00"), "condition.value", "offset"),
        (one("seen_at", "gt", "0001-01-01T00:00:00+23:00"), "condition.value", "RFC 3339"),
        ({**one("tag", "eq", "a"), "more": 1}, "condition", "must be"),
        ({**one("attribute.x", "eq", "a"), "ignore_case": 1}, "condition.ignore_case", "true or false"),
        ({**one("tag", "eq", "a"), "ignore_case": True}, "condition.ignore_case", "left out"),
        ({**one("attribute.x", "eq", 1), "ignore_case": True}, "condition.ignore_case", "left out"),
        ({**one("attribute.x", "set"), "ignore_case": True}, "condition.ignore_case", "left out"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(tree, field, problem):
    [(at, text)] = problems(tree)
    assert at == field
    assert problem in text


def test_all_that_is_wrong_is_told_under_the_name_of_the_request():
    tree = {"and": [one("tag", "eq", 1), one("x", "eq", "a"), one("os", "eq", "a")]}
    assert [at for at, _ in problems(tree, "target.condition")] == [
        "target.condition.and[0].value",
        "target.condition.and[1].field",
    ]


def nested(levels):
    tree = one("tag", "eq", "a")
    for _ in range(levels):
        tree = {"not": tree}
    return tree


def test_depth_number_and_size_are_bounded():
    assert parse_condition(nested(9))
    [(at, problem)] = problems(nested(10))
    assert at == "condition" + ".not" * 10
    assert "10 levels" in problem
    assert problems(nested(900))
    assert parse_condition({"or": [one("tag", "eq", "a")] * 100})
    assert "100 comparisons" in problems({"or": [one("tag", "eq", "a")] * 101})[0][1]
    assert len(problems({"or": [one("tag", "eq", "a")] * 5000})) == 1
    assert "8,192 bytes" in problems(one("tag", "in", ["x" * 100] * 90))[0][1]


def test_attributes_of_a_condition_are_listed():
    tree = {
        "or": [
            one("tag", "eq", "a"),
            {"not": {"and": [one("attribute.plan", "set"), one("attribute.x", "eq", 1)]}},
        ]
    }
    assert [*attribute_names(parse_condition(tree))] == ["plan", "x"]
    assert isinstance(parse_condition(tree), Or)


WORDS = st.sampled_from(["and", "or", "not", "field", "op", "value", "attribute.x"])
ALMOST = st.fixed_dictionaries(
    {
        "field": st.sampled_from([*subject.FIELDS, "attribute.x"]) | json_values(WORDS),
        "op": st.sampled_from([*Op]) | json_values(WORDS),
        "value": json_values(WORDS),
    },
    optional={"ignore_case": json_values(WORDS)},
)


@given(json_values(WORDS) | ALMOST | st.lists(ALMOST).map(lambda parts: {"and": parts}))
def test_whatever_it_is_it_is_a_condition_or_a_problem_with_a_path(tree):
    condition, found = attempt(parse_condition, tree)
    assert all(each.field.startswith("condition") for each in found)
    assert found or parse_condition(condition_tree(condition)) == condition
