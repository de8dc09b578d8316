"""aiokafka's own reader of a fetched partition, with and without the way around its trap."""

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from worker.edges.kafka import header_names

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
NAMES = [b"\xed\xa0\xbdabc", b"\xff\xfe", b"Gr\xf6\xdfe"]


class Name(str):
    """A header's name of any bytes."""

    __slots__ = ()
    written: bytes

    def encode(self, *_):
        return self.written


def named(name):
    return type("Name", (Name,), {"written": name})()


def batch(*headers, offset=0, codec=0):
    """Build a batch of one record for each list of headers, at offsets from `offset`."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 20)
    for number, each in enumerate(headers):
        builder.append(number, timestamp=1000 + number, key=b"k", value=b"%d" % number, headers=each)
    built = builder.build()
    built[:8] = offset.to_bytes(8)
    return bytes(built)


def read(data, offset=0):
    records = fetcher.MemoryRecords(data)
    place = TopicPartition("push.jobs", 0)
    found = fetcher.PartitionRecords(place, records, [], offset, None, None, True, 1)
    return list(found), found.next_fetch_offset


@pytest.fixture
def tolerant(monkeypatch):
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    header_names.tolerate()


def test_without_the_way_around_the_partition_is_stuck(monkeypatch):
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    data = batch([], [(named(NAMES[0]), b"1")])
    for _ in range(2):
        with pytest.raises(UnicodeDecodeError):
            read(data)


@pytest.mark.usefixtures("tolerant")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_name_that_is_not_utf_8_costs_nothing(name, codec):
    data = batch([("a", b"1")], [(named(name), b"2"), ("null", None)], [("c", b"")], codec=codec)
    following = batch([("d", b"4")], offset=3)
    found, position = read(data + following)
    assert [(each.offset, each.key, each.value, each.timestamp) for each in found] == [
        *((n, b"k", b"%d" % n, 1000 + n) for n in range(3)),
        (3, b"k", b"0", 1000),
    ]
    assert [each.headers for each in found] == [
        (("a", b"1"),),
        ((name.decode(errors="replace"), b"2"), ("null", None)),
        (("c", b""),),
        (("d", b"4"),),
    ]
    assert REPLACEMENT in found[1].headers[0][0]
    assert position == 4


@pytest.mark.usefixtures("tolerant")
def test_reading_goes_on_in_the_middle_of_a_batch():
    data = batch([], [(named(NAMES[0]), b"2")], [])
    assert [each.offset for each in read(data, offset=2)[0]] == [2]


@pytest.mark.usefixtures("tolerant")
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_what_is_utf_8_is_read_as_ever(codec, monkeypatch):
    data = batch([("a", b"1")], [("spanId", None), ("größe", b"")], codec=codec) + batch([], offset=2)
    tolerantly = read(data)
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    assert read(data) == tolerantly
    assert len(tolerantly[0]) == 3


@pytest.mark.usefixtures("tolerant")
def test_an_answer_that_ends_within_a_batch_is_read_as_far_as_it_goes():
    data = batch([("a", b"1")]) + batch([("b", b"2")], offset=1)
    for cut in (1, 11, 30):
        found, position = read(data[:-cut])
        assert ([each.offset for each in found], position) == ([0], 1)
    assert fetcher.MemoryRecords(b"").has_next() is False
    assert fetcher.MemoryRecords(data[:40]).size_in_bytes() == 40
