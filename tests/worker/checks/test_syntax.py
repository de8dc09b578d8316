"""Where bytes stop being JSON, and the likely cause."""

import gzip
import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.checks.syntax import START, Place, explain

JOB = b'{\n  "v": 1,\n  "job_id": "j1"\n}\n'


@pytest.mark.parametrize(
    ("value", "place", "cause"),
    [
        (b"", (1, 1), "is empty"),
        (b" \n\t", (1, 1), "is empty"),
        # what is not text
        (JOB.decode().encode("utf-16"), (1, 1), "is UTF-16"),
        (JOB.decode().encode("utf-16-be"), (1, 1), "as UTF-16 has"),
        (JOB.decode().encode("utf-16-le"), (1, 1), "as UTF-16 has"),
        (b"\xef\xbb\xbf" + JOB, (1, 1), "byte order mark"),
        (b"\0\0\0\0\x2a" + JOB, (1, 1), "a schema registry's prefix (byte 0, then schema id 42), as its J"),
        (b"\0\0\0\x01\x00\x02\x06j1\x00\x02", (1, 1), "schema id 256), as its Avro or Protobuf"),
        (gzip.compress(JOB, mtime=0), (1, 1), "compressed with gzip"),
        (b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap", (1, 1), "serialized Java object"),
        (pickle.dumps({"v": 1}), (1, 1), "Python pickle"),
        (b'a:2:{s:1:"v";i:1;s:6:"job_id";s:2:"j1";}', (1, 1), "serialized by PHP"),
        (b'O:8:"stdClass":1:{s:1:"v";i:1;}', (1, 1), "serialized by PHP"),
        (b"eyJ2IjogMX0=", (1, 1), "is base64"),
        (b"<job/>", (1, 1), "XML or HTML"),
        (msgspec.msgpack.encode({"v": 1, "b": [1, 2, 3]}), (1, 1), "is binary"),
        (b"\x0a\x02j1\x12\x06camp_1\x1a\x06site_a\x01\x02\x03", (1, 1), "is binary"),
        # text that is not UTF-8
        (b'{"a":\n "Zo\xe9 "}', (2, 5), "is not UTF-8 (byte E9); it may be Latin-1"),
        (b'{"a": "\xed\xa0\xbd"}', (1, 8), "has half of a surrogate pair as bytes"),
        ('{"é": "'.encode() + b"\xff", (1, 8), "is not UTF-8 (byte FF)"),
        (b'{"a": "x\xf0\x9f\x98', (1, 9), "cut off in the middle of a character"),
        # JSON that is not quite JSON
        (b'{\n  "v": 1,\n}', (3, 1), "a comma before a closing bracket"),
        (b'{"a": [1, 2, ]}', (1, 14), "a comma before a closing bracket"),
        (b"{'v': 1}", (1, 2), "single quotes"),
        (b'{"v": \'1\'}', (1, 7), "single quotes"),
        (b'{"v": NaN}', (1, 7), "has NaN, which JSON does not know"),
        (b'{"a": "NaN", "v": -Infinity}', (1, 19), "has -Infinity"),
        (b'{"a": "\\"NaN", "v": Infinity}', (1, 21), "has Infinity"),
        (b'{"v": None}', (1, 7), "has None, which JSON does not know; use null"),
        (b'{"v": True}', (1, 7), "use true"),
        (b'{"v": undefined}', (1, 7), "use null"),
        (b"{v: 1}", (1, 2), "without double quotes"),
        (b'{"v": one}', (1, 7), "without double quotes"),
        (b'{"a": "say "hi""}', (1, 13), "without double quotes"),
        (b'{"v": 1 // one\n}', (1, 9), "a comment"),
        (b'{# one\n"v": 1}', (1, 2), "a comment"),
        (b'{"a": "x\ny"}', (1, 9), "a line break"),
        (b'{"a": "\\x41"}', (1, 8), "a backslash"),
        (b'{"a": 1 "b": 2}', (1, 9), "lacks a comma"),
        (b'{"a" 1}', (1, 6), "not written as JSON does"),
        (b'{"a" {}}', (1, 6), "lacks a colon"),
        (b'{"a": 01}', (1, 8), "a number"),
        (b'{"a": .5}', (1, 7), "a number"),
        (b'{"a": +5}', (1, 7), "a number"),
        (b'{"a": "x', (1, 9), "is cut off"),
        (b'{"a": 1', (1, 8), "is cut off"),
        (b'{"a":', (1, 6), "is cut off"),
        (JOB[:-5], (3, 15), "is cut off"),
        (b'{"v": 1}{"v": 1}', (1, 9), "another job behind the first"),
        (b'{"v": 1}\0', (1, 9), "a zero byte at its end"),
        (b'{"v": 1}}', (1, 9), "behind the end of the job"),
        (b"hello", (1, 1), "without double quotes"),
        (b"]", (1, 1), "does not begin as JSON does"),
        (b'{"a": ]}', (1, 7), "is not JSON from here on"),
        (b"[" * 100_000, (1, 1), "nested too deeply"),
        (b'{"a": 1e999}', (1, 1), "a number out of range"),
        (b'{"a": ' + b"9" * 5000 + b"}", (1, 1), "too many digits"),
        # halves of pairs
        (b'{"name": "Zo\\ud83d"}', (1, 13), "half of a surrogate pair"),
        (b'{"a": 1,\n"name": "\\ude00 x"}', (2, 10), "half of a surrogate pair"),
        (b'{"name": "\\ud83d\\ud83d\\ude00"}', (1, 11), "half of a surrogate pair"),
        (b'{"name": "\\ud83d\\ude00\\ude00"}', (1, 23), "half of a surrogate pair"),
        (b'{"name": "\\ud83d \\ude00"}', (1, 11), "half of a surrogate pair"),
    ],
)  # fmt: skip
def test_the_place_and_the_likely_cause(value, place, cause):
    fault = explain(value)
    assert fault is not None
    assert cause in fault.problem
    assert fault.place == Place(*place)
    assert fault.problem.split()[0] in {"is", "has", "begins", "looks", "lacks", "does"}


@pytest.mark.parametrize(
    "value", [JOB, b"{}", b"[]", b'"x"', b"1", b'{"a": "\\ud83d\\ude00 \\\\ud83d"}', b" {} "]
)
def test_what_is_json(value):
    assert explain(value) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.booleans(),
)
def test_whatever_is_json_has_no_fault(tree, ascii_alone):
    assert explain(json.dumps(tree, ensure_ascii=ascii_alone).encode()) is None  # fmt: skip


@given(st.binary(max_size=40) | st.text('{}[]":,\\ud83Na1.-e \n', max_size=30).map(str.encode))
def test_it_agrees_with_the_worker_s_decoder(value):
    fault = explain(value)
    try:
        msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        assert fault is not None
        assert fault.place >= START
    else:
        assert fault is None


@given(st.data())
def test_a_cut_text_is_never_whole_and_its_place_is_in_it(data):
    text = '{"a": [1, "é\\ud83d\\ude00", null],\n "b": {"c": "\U0001f600"}}'.encode()
    fault = explain(text[: data.draw(st.integers(0, len(text) - 1))])
    assert fault is not None
    assert fault.place.line <= 2
    assert fault.place.column <= 40
