from tests.worker.support import record
from worker.records.dead_letter import DEAD_LETTER_KEPT_BYTES, TRUNCATED, cut, dead_letter
from worker.records.envelope import Partition, Publication
from worker.records.values import RecordError


def test_a_dead_letter_holds_the_records_own_bytes_and_says_what_is_wrong():
    own = (("error", b"forged"), ("trace", b"1"), ("trace", b"2"))
    letter = dead_letter(
        record(b"\xff", Partition("later.1m", 0), 42, key=None, headers=own),
        RecordError("bad_json", "value: x"),
        "p.",
    )
    assert (letter.topic, letter.key, letter.value) == ("dead-letters", None, b"\xff")
    assert letter.headers == (
        ("trace", b"1"),
        ("trace", b"2"),
        ("error-code", b"bad_json"),
        ("error", b"value: x"),
        ("source-topic", b"p.later.1m"),
        ("source-partition", b"0"),
        ("source-offset", b"42"),
    )


def test_a_tombstone_s_letter_is_one():
    letter = dead_letter(record(None), RecordError("bad_field", "value: is missing"), "push.")
    assert letter.value is None
    assert dict(letter.headers)["error-code"] == b"bad_field"


def test_a_letter_that_is_too_large_is_cut_twice_at_most():
    wrong = RecordError("bad_json", "value: is not JSON")
    size = DEAD_LETTER_KEPT_BYTES + 1
    letter = dead_letter(record(b"x" * size, headers=(("own", b"1"),)), wrong, "p.")
    shorter = cut(letter)
    ours = (*letter.headers[1:], (TRUNCATED, str(size).encode()))
    assert shorter == Publication("dead-letters", None, b"x" * DEAD_LETTER_KEPT_BYTES, ours)
    assert cut(shorter) == Publication("dead-letters", None, b"", ours)
    assert cut(cut(shorter)) is None
