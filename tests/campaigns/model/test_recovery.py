from datetime import UTC, datetime, timedelta

import pytest

from campaigns.model.begun import begun, begun_key
from campaigns.model.ids import LaunchId
from campaigns.model.marker import BatchMarker, LaunchMarker, relay_key
from campaigns.model.recovery import Controls, Markers, Sends, erased, is_older
from tests.campaigns.collect.records import batch, outcome
from tests.campaigns.model.test_begun import launch_of
from worker.records.control import CampaignControl, State
from worker.records.values import encode_json

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
THREE, SEVEN = LaunchId(3, "abcdefgh"), LaunchId(7, "abcdefgh")


def marker(launch: LaunchId, cursor: int = 5) -> tuple[bytes, bytes]:
    value = LaunchMarker(launch_id=str(launch), cursor=cursor, job=1, written=3)
    return str(launch).encode(), encode_json(value)


def small_batch(number: int, *launches: LaunchId) -> tuple[bytes, bytes]:
    value = BatchMarker(relay=3, batch=number, written={str(launch): 4 for launch in launches})
    return relay_key(3).encode(), encode_json(value)


def markers(*records) -> Markers:
    read = Markers()
    for offset, (key, value) in enumerate(records):
        read.take(key, value, offset)
    return read


def test_the_newest_marker_and_the_beginning_of_each_launch():
    began = begun_key(str(THREE)).encode(), encode_json(begun(launch_of(), "UTC"))
    read = markers(marker(THREE), began, marker(SEVEN), marker(THREE, 9))
    assert {launch: (placed.marker.cursor, placed.offset) for launch, placed in read.placed.items()} == {
        THREE: (9, 3),
        SEVEN: (5, 2),
    }
    assert [*read.restored] == [THREE]
    assert (read.named, read.highest) == ({THREE, SEVEN}, 7)


def test_small_sends_are_named_by_batches():
    read = markers(small_batch(40, THREE), small_batch(12, SEVEN))
    assert (read.named, read.highest_batch, read.placed) == ({THREE, SEVEN}, 40, {})
    assert (markers().highest, markers().highest_batch) == (-1, -1)


def test_what_others_have_written_is_passed_over():
    read = markers(
        *((None, b"{}"), (b"launch_9_abcdefgh", None), (b"launch_9_abcdefgh", b"{"), (b"\xff", b"{}")),
        *(
            (b"elsewhere", b"[]"),
            (b"launch_9_abcdefgh", marker(THREE)[1]),
            (begun_key("launch_9_abcdefgh").encode(), b"{}"),
        ),
    )
    assert (read.named, read.restored) == (set(), {})


@pytest.mark.parametrize(
    ("last_number", "nonces", "older"),
    [
        (7, {}, False),  # deleted since
        (7, {3: "abcdefgh", 7: "abcdefgh"}, False),
        (8, {3: "abcdefgh"}, False),
        (6, {3: "abcdefgh"}, True),
        (0, {}, True),
        (7, {7: "zzzzzzzz"}, True),  # given again
    ],
)
def test_a_database_is_older_if_it_has_not_given_a_number_that_is_taken(last_number, nonces, older):
    assert is_older(markers(marker(THREE), marker(SEVEN)), last_number, nonces) is older


def test_a_number_that_was_given_again_is_no_news_once_everything_has_been_entered():
    given_again = {7: "zzzzzzzz"}
    assert is_older(markers(marker(SEVEN)), 8, given_again, reached=6)
    assert not is_older(markers(marker(SEVEN)), 8, given_again, reached=7)


def test_without_markers_no_database_is_older():
    assert not is_older(Markers(), 0, {})


def test_who_was_sent_to_by_outcomes_and_by_jobs():
    sends = Sends(lambda launch: launch == THREE)
    sends.take_outcomes(batch(outcome(0, recipient_id="sub_1"), job=4))
    sends.take_outcomes(batch(outcome(1, recipient_id="sub_2"), outcome(0, recipient_id="sub_1"), job=2))
    sends.take_outcomes(batch(outcome(0), launch="launch_7_abcdefgh"))
    sends.take_job(
        b'{"job_id":"launch_3_abcdefgh.6","campaign_id":"launch_3_abcdefgh","site_id":"site_1",'
        b'"recipients":[{"id":"sub_9"},{"id":"who"}]}'
    )
    for nothing in (None, b"{", b"{}", batch(outcome(0), launch="camp_1"), batch(outcome(0), site_id="shop")):
        sends.take_outcomes(nothing)
        sends.take_job(nothing)
    [(launch, send)] = sends.found.items()
    assert (launch, send.site, send.next_job, send.recipients) == (THREE, 1, 7, {1, 2, 9})


def test_of_controls_the_last_one_counts_in_whatever_order_they_come():
    def control(state: State, seconds: int, launch: object = THREE) -> bytes:
        return encode_json(CampaignControl(1, str(launch), state, NOW + timedelta(seconds=seconds)))

    controls = Controls()
    for value in (
        *(control(State.PAUSED, 5), control(State.RUNNING, 2), control(State.CANCELLED, 1, "camp_7")),
        *(None, b"{"),
    ):
        controls.take(value)
    assert {launch: each.state for launch, each in controls.newest.items()} == {THREE: State.PAUSED}


def test_a_tombstone_tells_who_was_erased():
    assert erased(b"site_7/sub_3", None) == (7, 3)
    for key, value in ((b"site_7/sub_3", b"{}"), (None, None), (b"shop/sub_3", None), (b"site_7", None)):
        assert erased(key, value) is None
