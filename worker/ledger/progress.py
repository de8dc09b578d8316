"""The compact map of what is settled above a partition's low watermark, as commit metadata.

A pure, versioned encoding: `p1.` and base64url of bytes, or `p1z.` if zlib makes them shorter. All it knows
of Kafka is the limit of 4,096 characters.
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from crypto import base64url

METADATA_MAX_CHARS = 4096
_INFLATED_MAX_BYTES = 1 << 20
_RAW, _DEFLATED = "p1.", "p1z."
_SIZE_MAX = 1 << 20
_VARINT_MAX_BYTES = 9


class ProgressError(ValueError):
    """Metadata that is damaged, or of a version not known here."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A record with some recipients settled.

    Attributes:
        size: Number of its recipients.
        settled: Bit `i` stands for recipient `i`.
    """

    size: int
    settled: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What is settled in a partition.

    Attributes:
        low: The low watermark: every offset below it is settled.
        done: Settled ranges (from, to) above it, ascending, neither touching nor overlapping.
        partial: Partly settled records outside those ranges by offset, ascending.
    """

    low: int
    done: tuple[tuple[int, int], ...] = ()
    partial: dict[int, Partial] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The offset after the last record of which something is settled."""
        last_done = self.done[-1][1] if self.done else self.low
        return max(last_done, next(reversed(self.partial), -1) + 1)

    def is_done(self, offset: int) -> bool:
        """Return whether a record lies in a settled range above the watermark."""
        at = bisect_right(self.done, (offset, inf))
        return at > 0 and offset < self.done[at - 1][1]

    def settled_of(self, offset: int, size: int) -> int:
        """Return which recipients of a record of `size` are settled, as bits."""
        part = self.partial.get(offset)
        # Another size means another record: better to repeat than to lose.
        return part.settled if part and part.size == size else 0


def encode_progress(progress: Progress) -> str:
    """Encode the map of what is settled above the watermark, which itself is the commit's offset.

    Returns:
        ASCII text, empty if nothing above the watermark is settled; it may exceed `METADATA_MAX_CHARS`.
    """
    if not progress.done and not progress.partial:
        return ""
    raw = b"".join(_pieces(progress))
    packed = zlib.compress(raw, 6)
    prefix, data = (_DEFLATED, packed) if len(packed) < len(raw) else (_RAW, raw)
    return prefix + base64url.encode(data)


def _pieces(progress: Progress) -> Iterator[bytes]:
    yield _varint(len(progress.done))
    end = progress.low
    for start, stop in progress.done:
        yield _varint(start - end) + _varint(stop - start)
        end = stop
    yield _varint(len(progress.partial))
    last = progress.low
    for offset, partial in progress.partial.items():
        yield _varint(offset - last) + _varint(partial.size)
        yield partial.settled.to_bytes(_bitmap_bytes(partial.size), "little")
        last = offset


def _bitmap_bytes(size: int) -> int:
    return (size + 7) // 8


def _varint(number: int) -> bytes:
    """Encode as LEB128, least significant group first."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def decode_progress(low: int, text: str) -> Progress:
    """Decode the map of a commit at offset `low`.

    Raises:
        ProgressError: The text is damaged, or of another version: only the watermark can be trusted.
    """
    if not text:
        return Progress(low)
    reader = _Reader(_unpack(text))
    progress = Progress(low, tuple(_read_ranges(reader, low)), dict(_read_partials(reader, low)))
    if not reader.at_end:
        raise ProgressError("has trailing bytes")
    return progress


def _unpack(text: str) -> bytes:
    prefix, dot, data = text.partition(".")
    if prefix + dot not in {_RAW, _DEFLATED}:
        raise ProgressError("has an unknown version")
    try:
        packed = base64url.decode(data)
        return packed if prefix + dot == _RAW else _inflate(packed)
    except (ValueError, zlib.error):
        raise ProgressError("is damaged") from None


def _inflate(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    raw = inflater.decompress(packed, _INFLATED_MAX_BYTES)
    if not inflater.eof or inflater.unused_data:
        raise ProgressError("is damaged")
    return raw


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._raw)

    def take(self, count: int) -> bytes:
        piece = self._raw[self._at : self._at + count]
        if len(piece) < count:
            raise ProgressError("is truncated")
        self._at += count
        return piece

    def varint(self) -> int:
        number = 0
        for group in range(_VARINT_MAX_BYTES):
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << (7 * group)
            if byte < 0x80:
                return number
        raise ProgressError("contains a number that is too large")


def _read_ranges(reader: _Reader, low: int) -> Iterator[tuple[int, int]]:
    end = low
    for _ in range(reader.varint()):
        start = end + reader.varint()
        stop = start + reader.varint()
        if start in {end, stop}:
            raise ProgressError("contains ranges that touch or are empty")
        yield start, stop
        end = stop


def _read_partials(reader: _Reader, low: int) -> Iterator[tuple[int, Partial]]:
    offset = low
    for number in range(reader.varint()):
        step, size = reader.varint(), reader.varint()
        if (number and not step) or not 0 < size <= _SIZE_MAX:
            raise ProgressError("contains impossible records")
        offset += step
        settled = int.from_bytes(reader.take(_bitmap_bytes(size)), "little")
        if settled >> size:
            raise ProgressError("contains impossible recipients")
        yield offset, Partial(size, settled)
