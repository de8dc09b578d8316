from types import SimpleNamespace

import pytest

from campaigns.launch.markers import FoundMarker, first_to_read, newest_of


@pytest.mark.parametrize(
    ("kept", "first"),
    [
        (0, 5),  # nothing was kept
        (3, 5),  # what was kept has been deleted since
        (5, 5),
        (17, 17),
        (19, 19),
        (20, 5),  # a marker that was kept is in the log: this is another log
        (1_000, 5),
    ],
)
def test_markers_are_read_from_the_kept_one_on_if_the_log_is_still_the_same(kept, first):
    assert first_to_read(kept, 5, 20) == first


def test_what_another_program_wrote_hides_no_marker_before_it():
    written = [
        *((b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"a", b"?")),
        *((None, b"4"), (b"b", None), (b"c", b"?")),
    ]
    records = [
        SimpleNamespace(key=key, value=value, offset=offset) for offset, (key, value) in enumerate(written, 7)
    ]
    assert newest_of(records, lambda found: found.value != b"?") == {
        "a": FoundMarker("a", b"3", 9),
        "b": FoundMarker("b", b"2", 8),
    }


def test_an_empty_log_has_only_one_place():
    assert first_to_read(0, 0, 0) == first_to_read(9, 0, 0) == 0
