"""`pushmill campaigns segments`."""

import json

import pytest

CONDITION = {"field": "tag", "op": "eq", "value": "news"}


@pytest.fixture
def segments(pushmill, added):
    """Calls `segments` for a site."""
    return lambda *arguments, **more: pushmill.json("segments", *arguments, "--site", added["site"], **more)


def test_a_segment_is_added_and_listed(pushmill, segments, tmp_path):
    made = segments("add", "news", json.dumps(CONDITION), "--as", "truepush:5f0c1e9b8d3a4b0011223344")
    assert list(made) == ["id", "ids"]
    assert made["ids"]["truepush"] == "5f0c1e9b8d3a4b0011223344"
    assert made["ids"]["pushary"] == made["id"]
    [found] = segments("list")["data"]
    assert (found["id"], found["condition"]) == (made["id"], CONDITION)
    assert "news" in pushmill("segments", "list", "--site", "site_1")
    file = tmp_path / "condition.json"
    file.write_text(json.dumps(CONDITION))
    assert "truepush" in pushmill("segments", "add", "again", f"@{file}", "--site", "site_1")


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("{", "CONDITION should be JSON, or @ and the name of a file that holds it"),
        ("@nowhere", "CONDITION: nowhere cannot be read: No such file or directory"),
        ('{"field": "tag", "op": "near", "value": "x"}', "condition"),
    ],
)
def test_what_is_no_condition_is_one_line(pushmill, added, condition, told):
    assert pushmill.refused("segments", "add", "x", condition, "--site", added["site"]).startswith(told)


def test_a_segment_whose_id_cannot_be_taken_over_is_not_added(pushmill, segments):
    pushmill.refused("segments", "add", "x", json.dumps(CONDITION), "--site", "site_1", "--as", "pushary:")
    assert segments("list")["data"] == []
