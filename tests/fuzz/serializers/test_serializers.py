"""Part of the inputs: at least one of every kind of change in every field. `make fuzz` feeds many more."""

import json
import re
from pathlib import Path

import pytest

from tests.fuzz.oracles import SCHEMAS
from tests.fuzz.serializers.changes import KINDS, put, whole
from tests.fuzz.serializers.inputs import STARTS, drawn
from tests.fuzz.serializers.reading import Ends, Sent, read_job
from tests.fuzz.serializers.shapes import ABSENT, CONTROL, JOB, LATER, places
from tests.fuzz.serializers.trial import fault
from tests.fuzz.serializers.writing import FRAMES, STYLES, write

MOST = 5_000


@pytest.mark.parametrize("start", STARTS)
def test_one_change_costs_what_the_documentation_says_and_nothing_else(start):
    findings = [(each, found) for each in drawn(MOST) if each.start == start and (found := fault(each))]
    assert findings == []


def test_every_kind_of_change_comes_in_every_field():
    inputs = drawn(MOST)
    assert {each.kind for each in inputs} == {*KINDS, "headers", "timestamps", "a serializer's style"}
    assert {each.style for each in inputs} == {*STYLES, *FRAMES}
    nulls = {(each.start, each.place) for each in inputs if each.kind == "null"}
    assert nulls == {
        (name, at.name) for name, start in STARTS.items() for at in places(start.tree, start.kind)
    }


def test_no_input_comes_twice_for_nothing():
    assert len({(each.start, each.path, each.value) for each in drawn(MOST)}) > MOST / 2


PUBLISHED = {"SendJob": JOB, "LaterJob": LATER, "CampaignControl": CONTROL}


@pytest.mark.parametrize(("schema", "shape"), PUBLISHED.items())
def test_no_field_is_left_out(schema, shape):
    [path] = [path for path in SCHEMAS.glob("*.json") if json.loads(path.read_text())["title"] == schema]
    assert published(json.loads(path.read_text())) == {
        ".".join(str(part) for part in at.path)
        for at in places(dummy(shape), shape)
        if at.path and 0 not in at.path[-1:]
    }


def published(schema):
    """The paths of all fields in a JSON Schema; lists are `0`."""
    found = set()

    def walk(node, path):
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        for each in node.get("anyOf", ()):
            walk(each, path)
        for name, each in node.get("properties", {}).items():
            found.add(".".join([*path, name]))
            walk(each, [*path, name])
        if "items" in node:
            walk(node["items"], [*path, "0"])

    walk(schema, [])
    return found


def dummy(shape):
    """A tree with every object and every list of a shape."""
    if shape.fields:
        return {name: dummy(each) for name, each in shape.fields.items()}
    return [dummy(shape.item)] if shape.item else None


# ── the parts ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("style", STYLES)
def test_each_style_writes_json_that_means_the_same(style):
    for start in STARTS.values():
        written = write(start.tree, STYLES[style]).decode("utf-8", "surrogatepass")
        read = json.loads(written)
        assert json.loads(json.dumps(read)) == start.tree


@pytest.mark.parametrize("frame", FRAMES)
def test_each_frame_writes_json_that_means_the_same(frame):
    for start in STARTS.values():
        assert json.loads(FRAMES[frame](start.tree).decode("utf-8-sig")) == start.tree


def test_a_half_stays_a_half_in_every_style_that_can_write_one():
    written = {name: write("a\ud83d", style) for name, style in STYLES.items()}
    assert written["PHP"] == written["Python"] == written["JavaScript"] == rb'"a\ud83d"'
    assert (written["CESU-8"], written["Go"]) == (b'"a\xed\xa0\xbd"', rb'"a\ufffd"')
    assert write("😀", STYLES["CESU-8"]) == b'"\xed\xa0\xbd\xed\xb8\x80"'


def test_halves_are_replaced_and_pairs_are_joined():
    assert whole("a\ud83d😀\ude00\ud83d\ude00") == "a\N{REPLACEMENT CHARACTER}😀\N{REPLACEMENT CHARACTER}😀"


def test_a_value_is_put_into_one_place():
    tree = {"a": [1, {"b": 2}], "c": 3}
    assert put(tree, ("a", 1, "b"), 5) == {"a": [1, {"b": 5}], "c": 3}
    assert put(tree, ("c",), ABSENT) == {"a": [1, {"b": 2}]}
    assert put(tree, ("d",), 4) == tree | {"d": 4}


@pytest.mark.parametrize("name", ["changes", "reading", "shapes", "writing"])
def test_the_second_reading_takes_nothing_from_the_worker(name):
    source = Path(__file__).with_name(f"{name}.py").read_text()
    assert re.findall(r"^(?:from|import) (worker|crypto)", source, re.MULTILINE) == []


def test_the_reading_isolates_a_recipient_and_names_what_is_wrong_with_a_job():
    tree = STARTS["every field"].tree
    one = read_job(put(tree, ("recipients", 1, "variables", "name"), []), JOB).recipients
    assert [type(each) for each in one.values()] == [Sent, Ends, Sent]
    assert read_job(put(tree, ("notification", "title"), None), JOB).wrong == "title"
    assert read_job(put(tree, ("recipients", 1, "id"), "\ufffd"), JOB).wrong == "id"
