"""Files of subscribers, line by line: long ones, broken ones, and where rejected ones are kept."""

import io
import json
from pathlib import Path

import pytest

from campaigns.commands.subscriber_files import (
    LINE_MAX,
    FileError,
    FileLine,
    Rejections,
    Source,
    open_source,
    read_lines,
)
from tests.campaigns.operations.support import ZONES, subscription
from worker.push.services import Endpoints


def read(data, *, is_csv=False):
    return list(read_lines(Source(io.BytesIO(data), is_csv=is_csv, size=None), Endpoints(), ZONES))


@pytest.mark.parametrize("rest", [b"", b"\n", b"\n{", b"x" * LINE_MAX + b"\n{"])
def test_a_line_that_is_too_long_costs_only_itself(rest):
    first, *others = read(b"x" * (LINE_MAX + 1) + rest)
    assert (first.number, first.problem) == (1, "is longer than 65,536 bytes")
    assert [(line.number, line.problem) for line in others] == [(2, "is not JSON")] * rest.endswith(b"{")


def test_a_line_of_the_greatest_length_is_read():
    padded = json.dumps(subscription()).encode().ljust(LINE_MAX - 1)
    [line] = read(padded + b"\n")
    assert line.entry is not None


def test_empty_lines_are_passed_over_and_counted():
    assert [line.number for line in read(b"\n \r\n{\r\n\n{")] == [3, 5]


@pytest.mark.parametrize("data", [b"", b"endpoint\n"])
def test_a_csv_without_rows_has_no_lines(data):
    assert read(data, is_csv=True) == []


def test_a_row_of_csv_that_is_wrong_is_kept_as_json():
    short, long = read(b"endpoint,tags\nx\ny,a,b\n", is_csv=True)
    assert (short.number, json.loads(short.text)) == (2, {"endpoint": "x", "tags": ""})
    assert "keys" in short.problem
    assert (long.number, long.problem) == (3, "has more cells than there are columns")


def test_the_head_of_a_csv_is_checked_before_any_row():
    with pytest.raises(FileError, match="not known: shoe_size"):
        read(b"endpoint,shoe_size\nx,7\n", is_csv=True)


def test_a_file_s_name_tells_what_it_is(tmp_path):
    for name, is_csv in (("a.csv", True), ("a.CSV", True), ("csv", False), ("a.jsonl", False)):
        (tmp_path / name).write_bytes(b"12")
        with open_source(tmp_path / name) as source:
            assert (source.is_csv, source.size) == (is_csv, 2)


@pytest.mark.parametrize(("name", "beside"), [("a.jsonl", "a.jsonl.rejected"), ("-", "rejected")])
def test_rejected_lines_are_kept_for_their_owner_alone(tmp_path, monkeypatch, name, beside):
    monkeypatch.chdir(tmp_path)
    (tmp_path / beside).write_text("of an earlier run")
    with Rejections(Path(name)) as rejections:
        assert not (tmp_path / beside).exists()
        rejections.write(FileLine(7, "the line", None), "is wrong")
    assert (tmp_path / beside).stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / beside).read_text()) == {
        "line": 7,
        "problem": "is wrong",
        "text": "the line",
    }
