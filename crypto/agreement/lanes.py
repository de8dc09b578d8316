"""Eight key agreements in one go: the memory that the library works on, how keys get in and secrets out.

The library takes eight of everything, each through a pointer: 32 bytes, little-endian. So points are packed
and unpacked for all eight lanes at once and turned round as one block, which reverses the bytes of each
number, the order of x and y, and the order of the lanes.
"""

import ctypes
import mmap
import struct
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from crypto.agreement.interface import Agreed
from crypto.keys import POINT_LENGTH

COUNT = 8
"""Lanes of the library's `mb8` functions."""

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The prime of P-256's field, and the order of its group (SP 800-186, section 3.2.1.3)."""

NUMBER_LENGTH = 32
"""Bytes of a coordinate, a scalar or a secret."""

_BASE_POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""Fills a lane that nobody needs, with a scalar of that lane's own (SP 800-186, section 3.2.1.3)."""

_OFF_CURVE = b"\x04" + bytes(63) + b"\x01"
"""Fills the lane of a key that the library must not see; it refuses this one."""

_UNCOMPRESSED = b"\x04"
_P = P.to_bytes(NUMBER_LENGTH)
_PAST_X = _UNCOMPRESSED + _P

# A point has 72 bytes, so that its numbers are aligned to 8; turned round, y begins at 0 and x at 32.
_POINT_SIZE = 72
_POINTS = struct.Struct("7x65s" * COUNT)
_NUMBERS = struct.Struct("32s" * COUNT)

_EDGES = frozenset((0, 0xFFFF_FFFF))
"""The highest 32 bits of every scalar that is 0, or n or more; one in 2^31 of the others has them, too."""

Numbers: TypeAlias = "ctypes.Array[ctypes.c_char]"
Pointers: TypeAlias = "ctypes.Array[ctypes.c_void_p]"
Fill: TypeAlias = Callable[[Numbers], object]
"""Fills memory with unpredictable bytes."""


class Library(Protocol):
    """What computes for eight keys at once; each array points to eight numbers of 32 bytes, little-endian.

    Both functions return four bits for each lane, the first lane's lowest: 0 if all went well.
    """

    def public_keys(self, x: Pointers, y: Pointers, scalars: Pointers) -> int:
        """Write the affine coordinates of the base point times each scalar."""

    def secrets(self, secrets: Pointers, scalars: Pointers, x: Pointers, y: Pointers) -> int:
        """Write the x coordinate of each point times its scalar, big-endian; refuse what is off the curve."""


class Lanes:
    """The memory for eight key agreements at a time; serves one thread at a time.

    Scalars are drawn into it and stay there: objects of Python hold the highest 32 bits of each, and all of
    it only if these leave open whether it is in range. `wipe` overwrites scalars and secrets, and core dumps
    leave this memory out. What `agree` returns are objects of Python, however, which frees them without
    overwriting.
    """

    def __init__(self, library: Library, fill: Fill) -> None:
        self._library = library
        self._fill = fill
        self._memory = mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._memory.madvise(mmap.MADV_DONTDUMP)
        numbers, points = COUNT * NUMBER_LENGTH, COUNT * _POINT_SIZE
        self._scalars = self._part(0, numbers)
        self._secrets = self._part(numbers, numbers)
        self._receivers = self._part(2 * numbers, points)
        self._senders = self._part(2 * numbers + points, points)
        self._senders.raw = _POINTS.pack(*[_UNCOMPRESSED] * COUNT)[::-1]
        self._words = (ctypes.c_uint32 * (numbers // 4)).from_buffer(self._memory)
        self._to_scalars, self._to_secrets = _to_numbers(self._scalars), _to_numbers(self._secrets)
        self._to_receivers, self._to_senders = _to_points(self._receivers), _to_points(self._senders)

    def agree(self, receivers: Sequence[bytes]) -> list[Agreed | None]:
        """Agree with up to eight receivers, as `Agreement.agree` does; None if the library fails, too."""
        points = [each if _may_be_point(each) else _OFF_CURVE for each in receivers]
        points += [_BASE_POINT] * (COUNT - len(points))
        self._receivers.raw = _POINTS.pack(*points)[::-1]
        self._draw()
        status = self._compute()
        senders, secrets = _POINTS.unpack(self._senders.raw[::-1]), _NUMBERS.unpack(self._secrets.raw)
        agreed = map(Agreed, senders[: len(receivers)], secrets)
        if not status:
            return list(agreed)
        return [None if status >> 4 * lane & 0xF else each for lane, each in enumerate(agreed)]

    def wipe(self) -> None:
        """Overwrite scalars and secrets."""
        ctypes.memset(self._scalars, 0, len(self._scalars) + len(self._secrets))

    def _compute(self) -> int:
        """Return the status of both functions, four bits for each lane."""
        failed = self._library.public_keys(*self._to_senders, self._to_scalars)
        return failed | self._library.secrets(self._to_secrets, self._to_scalars, *self._to_receivers)

    def _draw(self) -> None:
        """Draw scalars, uniform from 1 to n - 1: all again if one is not in between (FIPS 186-5, A.2.2)."""
        self._fill(self._scalars)
        while not _EDGES.isdisjoint(self._words[7:64:8]) and not self._in_range():
            self._fill(self._scalars)

    def _in_range(self) -> bool:
        scalars = _NUMBERS.unpack(self._scalars.raw)
        return all(0 < int.from_bytes(each, "little") < ORDER for each in scalars)

    def _part(self, first: int, size: int) -> Numbers:
        return (ctypes.c_char * size).from_buffer(self._memory, first)


def _to_numbers(numbers: Numbers) -> Pointers:
    first = ctypes.addressof(numbers)
    return (ctypes.c_void_p * COUNT)(*range(first, first + len(numbers), NUMBER_LENGTH))


def _to_points(points: Numbers) -> tuple[Pointers, Pointers]:
    """Return pointers to the x and to the y coordinates of points that were turned round."""
    first = ctypes.addressof(points)
    ys = range(first, first + len(points), _POINT_SIZE)[::-1]
    return (ctypes.c_void_p * COUNT)(*(y + NUMBER_LENGTH for y in ys)), (ctypes.c_void_p * COUNT)(*ys)


def _may_be_point(receiver: bytes) -> bool:
    """Whether it has the form of an uncompressed point, and both coordinates are below p.

    The library checks the rest, but takes a coordinate of p or more for its remainder.
    """
    return len(receiver) == POINT_LENGTH and _UNCOMPRESSED <= receiver < _PAST_X and receiver[33:] < _P
