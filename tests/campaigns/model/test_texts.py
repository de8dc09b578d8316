import pytest

from campaigns.model.texts import name_problems, text_problem, tree_problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", None),
        ("x" * 5, None),
        ("", "is empty"),
        ("  ", "is empty"),
        ("x" * 6, "longer than 5"),
        ("a\0b", "NUL"),
    ],
)
def test_a_text_has_a_length_and_no_nul(text, problem):
    found = text_problem(text, 5, least=1)
    assert found is None if problem is None else problem in found


def test_an_empty_text_is_fine_where_it_may_be_empty():
    assert text_problem("", 5) is None


def test_a_name_is_a_field():
    assert [*name_problems("shop")] == []
    [problem] = name_problems("", "title")
    assert (problem.field, problem.problem) == ("title", "is empty")


def nested(levels):
    tree = []
    for _ in range(levels):
        tree = [tree]
    return tree


@pytest.mark.parametrize(
    ("tree", "size", "problem"),
    [
        ({"a": [1, None, True, {"b": "c"}]}, 10, None),
        ({}, 101, "over the limit of 100"),
        ({"a": ["x\0"]}, 10, "NUL"),
        ({"\0": 1}, 10, "NUL"),
        (nested(20), 10, None),
        (nested(21), 10, "too deeply"),
        (nested(100_000), 10, "too deeply"),
    ],
    ids=["fine", "large", "nul", "nul in a name", "deep", "deeper", "deepest"],
)
def test_json_has_a_size_a_depth_and_no_nul(tree, size, problem):
    found = tree_problem(tree, 100, size)
    assert found is None if problem is None else problem in found
