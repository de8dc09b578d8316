"""Where fields are: each place leads to the value that its path names."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.checks.finding import shown
from worker.checks.places import places
from worker.checks.syntax import START, Place

TEXT = """{
  "v": 1, "notification": {
    "title": "\\u007b é",
    "actions": [{"action": "a"}, {"x": [1, {"y": {}}]}]},
  "recipients": [
    {"id": "a"},
    {"id": "b", "variables": {"na me": 2}}
  ]
}"""


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("v", (2, 8)),
        ("notification", (2, 27)),
        ("notification.title", (3, 14)),
        ("notification.actions", (4, 16)),
        ("notification.actions[1]", (4, 34)),
        ("notification.actions[1].x[1].y", (4, 50)),
        ("recipients[1].id", (7, 12)),
        ('recipients[1].variables."na me"', (7, 40)),
        # what is missing, or named by its holder alone
        ("value", (1, 1)),
        ("job_id", (1, 1)),
        ("notification.url", (2, 27)),
        ("recipients[1].subscription.keys", (7, 5)),
        ("recipients[1].variables[...]", (7, 30)),
        ("recipients[9].id", (5, 17)),
        ("", (1, 1)),
    ],
)
def test_places(field, place):
    assert places(TEXT.encode(), [field]) == {field: Place(*place)}


@pytest.mark.parametrize(
    "value", [b"", b"{", b"nonsense", b'{"a"', b'{"a": [', b'{"b": 1,2}', b"\xff\xfe", b'{"a\\x": 1}', b"]}"]
)
def test_what_is_not_json_begins_at_its_beginning(value):
    assert places(value, ["a.b"])["a.b"] in {START, Place(1, 7)}


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def paths(tree, path=""):
    yield path, tree
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, item in items:
        yield from paths(
            item, f"{path}[{name}]" if isinstance(name, int) else f"{path}.{shown(name)}".lstrip(".")
        )


@given(trees, st.booleans(), st.none() | st.integers(0, 3))
def test_each_place_leads_to_the_value(tree, ascii_alone, indent):
    text = json.dumps(tree, ensure_ascii=ascii_alone, indent=indent)
    fields = dict(paths(tree))
    lines = text.split("\n")
    for field, place in places(text.encode(), fields).items():
        rest = "\n".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]])
        assert json.JSONDecoder().raw_decode(rest)[0] == fields[field]
