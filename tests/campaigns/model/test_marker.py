import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model.ids import read_launch
from campaigns.model.marker import (
    BatchMarker,
    LaunchMarker,
    decode_batch_marker,
    decode_launch_marker,
    relay_key,
)
from worker.records.values import RecordError, encode_json

WRITTEN = LaunchMarker(launch_id="launch_7_abcdefgh", cursor=2**53 - 1, job=3, written=250)


def test_a_launch_marker_on_the_wire():
    assert encode_json(WRITTEN) == (
        b'{"v":1,"launch_id":"launch_7_abcdefgh","cursor":9007199254740991,"job":3,"written":250}'
    )


@given(st.integers(-1, 2**63 - 1), st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
def test_a_launch_marker_is_read_as_it_was_written(cursor, job, written):
    marker = LaunchMarker(launch_id="launch_7_abcdefgh", cursor=cursor, job=job, written=written)
    assert decode_launch_marker(encode_json(marker)) == marker


def test_a_batch_marker_is_read_as_it_was_written():
    marker = BatchMarker(relay=15, batch=2**40, written={"launch_7_abcdefgh": 480})
    assert decode_batch_marker(encode_json(marker)) == marker


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b"{", "value"),
        (b'{"v":2}', "v"),
        (b'{"v":1,"launch_id":"launch_7_abcdefgh","cursor":-2,"job":0,"written":0}', "cursor"),
        (b'{"v":1,"launch_id":"launch_7_abcdefgh","cursor":0,"job":0}', "written"),
    ],
)
def test_what_is_no_marker_is_refused_by_field(value, field):
    with pytest.raises(RecordError, match=f"^{field}: "):
        decode_launch_marker(value)
    with pytest.raises(RecordError):
        decode_batch_marker(value)


def test_no_launch_is_spelled_like_a_relay():
    assert read_launch(relay_key(3)) is None
    assert len({relay_key(slot) for slot in range(16)}) == 16
