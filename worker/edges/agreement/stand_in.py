"""Empty shared objects under names that a library lists as needed and uses no symbol of.

Knows the ELF format and the loader, not what needs the names.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from contextlib import ExitStack

# ELF for x86-64 (System V ABI, and its AMD64 supplement): the header, three program headers, then one segment
# with an empty symbol table and what the loader must find of it.
_HEADER = struct.Struct("<4s5B7x2HI3QI6H")
_PROGRAM = struct.Struct("<2I6Q")
_ENTRY = struct.Struct("<2Q")
_LOAD, _DYNAMIC, _STACK = 1, 2, 0x6474E551
_WRITABLE = 6
_HASH, _STRINGS, _SYMBOLS, _STRINGS_SIZE, _SYMBOL_SIZE, _SONAME = 4, 5, 6, 10, 11, 14
_NO_SYMBOLS = struct.pack("<4I", 1, 1, 0, 0)
_NULL_SYMBOL = bytes(24)
_PAGE = 0x1000


def provide(sonames: Iterable[str]) -> None:
    """Make shared objects of these names known to the loader, empty ones where it finds none itself.

    Glibc takes what is loaded already for what a library needs if the names (DT_SONAME) are equal. That holds
    until the process ends, and for all that it loads later: do this only where its libraries are known.

    Raises:
        OSError: there are no files in memory, or the loader does not take one.
    """
    with ExitStack() as files:  # open until the last is loaded: the loader knows a file by its path
        for soname in sonames:
            try:
                ctypes.CDLL(soname)
            except OSError:
                _load(empty_object(soname), files)


def empty_object(soname: str) -> bytes:
    """Return a shared object of a few hundred bytes that holds nothing but its name."""
    strings = b"\0" + soname.encode("ascii") + b"\0"
    hashes = _HEADER.size + 3 * _PROGRAM.size
    symbols = hashes + len(_NO_SYMBOLS)
    dynamic = symbols + len(_NULL_SYMBOL)
    entries = [(_SONAME, 1), (_HASH, hashes), (_SYMBOLS, symbols), (_SYMBOL_SIZE, len(_NULL_SYMBOL))]
    dynamic_size = (len(entries) + 3) * _ENTRY.size
    entries += [(_STRINGS, dynamic + dynamic_size), (_STRINGS_SIZE, len(strings)), (0, 0)]
    size = dynamic + dynamic_size + len(strings)
    return b"".join(
        (
            _HEADER.pack(
                *(b"\x7fELF", 2, 1, 1, 0, 0),  # 64 bits, little-endian, version 1
                *(3, 62, 1, 0, _HEADER.size, 0, 0),  # a shared object, x86-64; no entry point, no sections
                *(_HEADER.size, _PROGRAM.size, 3, 0, 0, 0),
            ),
            _PROGRAM.pack(_LOAD, _WRITABLE, 0, 0, 0, size, size, _PAGE),
            _PROGRAM.pack(_DYNAMIC, _WRITABLE, dynamic, dynamic, dynamic, dynamic_size, dynamic_size, 8),
            _PROGRAM.pack(_STACK, _WRITABLE, *[0] * 5, 16),  # or the loader would make stacks executable
            *(_NO_SYMBOLS, _NULL_SYMBOL),
            *(_ENTRY.pack(*each) for each in entries),
            strings,
        )
    )


def _load(content: bytes, files: ExitStack) -> None:
    file = os.memfd_create("stand-in")
    files.callback(os.close, file)
    os.write(file, content)
    ctypes.CDLL(f"/proc/self/fd/{file}")
