import pytest

from campaigns.model.tag_changes import Change, TagChange, changed

KNOWN = {"name": "Ada", "age": 30, "likes": ["a", "b"], "one": "x"}


@pytest.mark.parametrize(
    ("change", "value", "name", "result"),
    [
        (Change.SET, "Eve", "name", "Eve"),
        (Change.SET, 1, "new", 1),
        (Change.APPEND, ["b", "c"], "likes", ["a", "b", "c"]),
        (Change.APPEND, "y", "one", ["x", "y"]),
        (Change.APPEND, "y", "new", ["y"]),
        (Change.REMOVE, ["a", "z"], "likes", ["b"]),
        (Change.REMOVE, "a", "new", []),
        (Change.INCREMENT, 2, "age", 32),
        (Change.INCREMENT, -0.5, "age", 29.5),
        (Change.INCREMENT, 2, "name", 2),
        (Change.INCREMENT, 2, "new", 2),
    ],
)
def test_one_attribute_changes(change, value, name, result):
    assert changed(KNOWN, [TagChange(name, change, value)]) == {**KNOWN, name: result}


def test_null_removes_and_changes_follow_one_another():
    changes = [
        TagChange("name", Change.SET, None),
        TagChange("gone", Change.SET, None),
        TagChange("age", Change.SET, 1),
        TagChange("age", Change.INCREMENT, 1),
    ]
    assert changed(KNOWN, changes) == {"age": 2, "likes": ["a", "b"], "one": "x"}
    assert KNOWN["age"] == 30
