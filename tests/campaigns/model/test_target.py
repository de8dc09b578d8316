import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.condition import Comparison, Op
from campaigns.model.problems import InvalidError
from campaigns.model.target import (
    Among,
    Everyone,
    ExternalIds,
    InSegment,
    Meeting,
    Subscribers,
    Tagged,
    condition_of,
    parse_target,
    target_tree,
)
from tests.campaigns.anything import attempt, json_values
from tests.campaigns.conditions import conditions

TAG = {"field": "tag", "op": "eq", "value": "a"}


@pytest.mark.parametrize(
    ("tree", "target"),
    [
        ({"all": True}, Everyone()),
        ({"subscribers": ["sub_7", "sub_8", "sub_7"]}, Subscribers((7, 8))),
        ({"external_ids": ["u-1"]}, ExternalIds(("u-1",))),
        ({"tags": ["news", "vip"]}, Tagged(("news", "vip"))),
        ({"segment": "seg_3"}, InSegment(3)),
        ({"condition": TAG}, Meeting(Comparison("tag", Op.EQ, "a"))),
        (
            {"subscribers": ["sub_7"], "condition": TAG},
            Among(Subscribers((7,)), Comparison("tag", Op.EQ, "a")),
        ),
        (
            {"external_ids": ["u-1"], "condition": TAG},
            Among(ExternalIds(("u-1",)), Comparison("tag", Op.EQ, "a")),
        ),
    ],
)
def test_the_targets_of_the_contract(tree, target):
    assert parse_target(tree) == target
    assert parse_target(target_tree(target)) == target


@given(conditions())
def test_a_condition_is_kept_as_it_is(tree):
    target = parse_target({"condition": tree})
    assert parse_target(target_tree(target)) == target


@pytest.mark.parametrize(
    ("tree", "field", "problem"),
    [
        (None, "target", "must be one of"),
        ({}, "target", "must be one of"),
        ({"all": False}, "target", "must be one of"),
        ({"all": True, "tags": ["a"]}, "target", "must be one of"),
        ({"subscribers": []}, "target.subscribers", "at least one"),
        ({"subscribers": ["sub_7"], "tags": ["a"]}, "target", "must be one of"),
        ({"subscribers": ["sub_7"], "condition": {}}, "target.condition", "must be"),
        ({"subscribers": "sub_7"}, "target.subscribers", "at least one"),
        ({"subscribers": ["sub_7", "camp_7", 7]}, "target.subscribers[1]", "sub_7"),
        ({"subscribers": ["sub_1"] * 1001}, "target.subscribers", "more than 1,000"),
        ({"external_ids": ["x" * 256]}, "target.external_ids[0]", "longer than 255"),
        ({"external_ids": [7]}, "target.external_ids[0]", "text"),
        ({"tags": [""]}, "target.tags[0]", "empty"),
        ({"segment": "7"}, "target.segment", "seg_7"),
        ({"segment": 7}, "target", "must be one of"),
        ({"condition": {"and": [{**TAG, "op": "gt"}]}}, "target.condition.and[0].op", "is not one of"),
    ],
)
def test_anything_else_is_refused_by_field(tree, field, problem):
    with pytest.raises(InvalidError) as raised:
        parse_target(tree)
    assert raised.value.problems[0].field == field
    assert problem in raised.value.problems[0].problem


def test_what_is_not_named_one_by_one_is_a_condition():
    assert condition_of(Everyone()) is None
    assert condition_of(Tagged(("a", "b"))) == Comparison("tag", Op.IN, ("a", "b"))
    assert condition_of(Meeting(Comparison("tag", Op.SET))) == Comparison("tag", Op.SET)


WORDS = st.sampled_from(["all", "subscribers", "external_ids", "tags", "segment", "condition"])


@given(json_values(WORDS) | st.dictionaries(WORDS, json_values(WORDS), min_size=1, max_size=1))
def test_whatever_it_is_it_is_a_target_or_a_problem_with_a_path(tree):
    target, found = attempt(parse_target, tree)
    assert all(each.field.startswith("target") for each in found)
    assert found or parse_target(target_tree(target)) == target
