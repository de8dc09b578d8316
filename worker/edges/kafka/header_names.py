"""Reading header names that are not UTF-8, around aiokafka.

Kafka takes any bytes as a header's name. aiokafka 0.14 raises `UnicodeDecodeError` where they are not UTF-8,
at every attempt to read on: one such record would stop its partition for good.
Decides nothing but what such a name becomes; knows nothing of the records.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint_py

# https://kafka.apache.org/documentation/#recordbatch: base offset (8 bytes), length of what follows (4), …
_LENGTH = struct.Struct(">8xi")


def tolerate() -> None:
    """Let every consumer of this process read any header name; bytes that are not UTF-8 become U+FFFD."""
    fetcher.MemoryRecords = _Records


class _Records:
    """In the place of aiokafka's `MemoryRecords`: the batches of one partition in one answer to a fetch."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._records = MemoryRecords(data)
        self.has_next = self._records.has_next
        self.size_in_bytes = self._records.size_in_bytes

    def next_batch(self) -> Any:
        (length,) = _LENGTH.unpack_from(self._data, self._at)
        start, self._at = self._at, self._at + _LENGTH.size + length
        batch = self._records.next_batch()
        has_headers = batch.magic >= 2 and not batch.is_control_batch
        return _Batch(batch, self._data[start : self._at]) if has_headers else batch


class _Batch:
    """A batch that is read once more, by slower code, from the first record that aiokafka cannot read."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        count = 0
        try:
            for record in self._batch:
                yield record
                count += 1
        except UnicodeDecodeError:
            yield from islice(_LenientBatch(self._data), count, None)


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka ships no types
    """aiokafka's reader in plain Python, over bytes that decode to a text whatever they are."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _LenientBytes(self._buffer)

    def _read_msg(self) -> Any:
        return super()._read_msg(decode_varint_py)  # the one in C takes no subclass of `bytearray`


class _LenientBytes(bytearray):
    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _LenientBytes(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "replace")
