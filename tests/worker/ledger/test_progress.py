import zlib
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto import base64url
from worker.ledger.progress import Partial, Progress, ProgressError, decode_progress, encode_progress

patient = settings(deadline=None)  # a busy machine is no failure
EVERY_OTHER = Progress(0, tuple((offset, offset + 1) for offset in range(1, 41, 2)))
PACKED = "p1z.eJwTYSQSMAAABs4APQ"


@st.composite
def partials(draw):
    size = draw(st.integers(1, 1000))
    return Partial(size, draw(st.integers(0, (1 << size) - 1)))


@st.composite
def progresses(draw, most=40):
    """Ascending ranges that do not touch, and records between them."""
    low = draw(st.integers(0, 2**50))
    done, partial, end = [], {}, low
    for _ in range(draw(st.integers(0, most))):
        start = end + draw(st.integers(1, 300))
        if draw(st.booleans()):
            partial[draw(st.integers(max(end, low), start - 1))] = draw(partials())
        stop = start + draw(st.integers(1, 300) | st.integers(1, 2**40))
        done.append((start, stop))
        end = stop
    return Progress(low, tuple(done), partial)


@patient
@given(progresses())
def test_what_is_written_is_read(progress):
    assert decode_progress(progress.low, encode_progress(progress)) == progress


# Commits outlive the version that wrote them: none of these texts may ever change its meaning.
@pytest.mark.parametrize(
    ("text", "progress"),
    [
        ("", Progress(42)),
        ("p1.AQICAA", Progress(42, ((44, 46),))),
        ("p1.AAEAAwU", Progress(42, (), {42: Partial(3, 0b101)})),
        (
            "p1.AgEBA8gBAgAKqgIBCQAB",
            Progress(7, ((8, 9), (12, 212)), {7: Partial(10, 0x2AA), 8: Partial(9, 256)}),
        ),
    ],
)
def test_the_format_stays(text, progress):
    assert decode_progress(progress.low, text) == progress
    assert encode_progress(progress) == text


def test_the_packed_format_stays():
    # Only read: another build of zlib may write a different text for the same map.
    assert decode_progress(0, PACKED) == EVERY_OTHER


def test_what_repeats_itself_is_packed():
    every_other = Progress(0, tuple((offset, offset + 1) for offset in range(1, 20_000, 2)))
    text = encode_progress(every_other)
    assert text.startswith("p1z.")
    assert len(text) < 200
    assert decode_progress(0, text) == every_other


@patient
@given(progresses(most=6), st.data())
def test_a_cut_text_is_refused(progress, data):
    text = encode_progress(progress)
    cut = text[: data.draw(st.integers(0, max(0, len(text) - 1)))]
    if not cut:
        return
    with pytest.raises(ProgressError):
        decode_progress(progress.low, cut)


@patient
@given(
    st.text()
    | st.text().map("p1.".__add__)
    | st.text().map("p1z.".__add__)
    | st.from_regex(r"\Ap1z?\.[\w-]*=*\Z")
)
@example("\ud800")
@example("p1.\ud800")
@example("p2.AQICAA")
@example("offset metadata of another tool")
@example("p1")
@example(".")
def test_any_other_text_is_refused_or_read_but_never_worse(text):
    _read_or_refused(text)


@patient
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_refused_or_read_but_never_worse(raw, packed):
    _read_or_refused(
        "p1z." + base64url.encode(zlib.compress(raw)) if packed else "p1." + base64url.encode(raw)
    )


def _read_or_refused(text):
    try:
        progress = decode_progress(5, text)
    except ProgressError:
        return
    assert progress.low == 5
    assert all(5 < start < stop for start, stop in progress.done)
    assert all(stop < start for (_, stop), (start, _) in zip(progress.done, progress.done[1:], strict=False))
    assert list(progress.partial) == sorted(progress.partial)
    assert all(0 <= part.settled < 1 << part.size for part in progress.partial.values())
    assert decode_progress(5, encode_progress(progress)) == progress


@patient
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_packed_text_that_was_changed_is_refused_or_means_the_same(place, bit):
    packed = bytearray(base64url.decode(PACKED.removeprefix("p1z.")))
    packed[place % len(packed)] ^= 1 << bit
    with suppress(ProgressError):  # zlib's checksum
        assert decode_progress(0, "p1z." + base64url.encode(bytes(packed))) == EVERY_OTHER


def _raw(*data):
    return "p1." + base64url.encode(bytes(data))


@pytest.mark.parametrize(
    "text",
    [
        _raw(),
        _raw(0),
        _raw(0, 0, 0),
        _raw(1, 0, 1, 0),
        _raw(1, 1, 0, 0),
        _raw(2, 1, 1, 0, 1, 0),
        _raw(0, 1, 0, 0),
        _raw(0, 1, 0, 3, 0b1000),
        _raw(0, 2, 1, 1, 1, 0, 1, 1),
        _raw(0, 1, 0, 0x81, 0x80, 0x40, *bytes(132_000)),
        _raw(*[0xFF] * 9, 1),
        _raw(*[0xFF] * 8, 0x7F),
        "p1z." + base64url.encode(zlib.compress(b"\x00\x00") + b"more"),
        "p1z." + base64url.encode(zlib.compress(b"\x00\x00")[:-1]),
        "p1z." + base64url.encode(b"\x00\x00"),
        "P1.AAA",
        " p1.AAA",
        "p1.A A",
        "p1.AA+/",
    ],
    ids=[
        "nothing",
        "no records",
        "more behind the end",
        "range at the watermark",
        "empty range",
        "ranges that touch",
        "record of nobody",
        "more recipients than there are",
        "the same record twice",
        "record of too many",
        "number too long",
        "more ranges than there are",
        "packed: more behind the end",
        "packed: cut",
        "packed: is not",
        "other case",
        "space before",
        "space within",
        "other alphabet",
    ],
)
def test_what_no_worker_has_written_is_refused(text):
    with pytest.raises(ProgressError):
        decode_progress(0, text)


def test_a_small_text_cannot_fill_the_memory():
    bomb = "p1z." + base64url.encode(zlib.compress(bytes(1 << 26), 9))
    with pytest.raises(ProgressError):
        decode_progress(0, bomb)


@patient
@given(progresses())
def test_the_end_is_behind_whatever_is_settled(progress):
    settled = [progress.low, *(stop for _, stop in progress.done), *(each + 1 for each in progress.partial)]
    assert progress.end == max(settled)
