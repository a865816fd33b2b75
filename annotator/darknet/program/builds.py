"""What a Darknet program's own bytes tell about how it was built."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

_CHECK = b"fix_nan_and_inf_cpu"
_EMPTY_BYTES = 8
"""A function compiled to nothing but its return takes 1 byte, 5 with a landing mark."""

_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SYMBOL_TABLES = (2, 11)  # SHT_SYMTAB, SHT_DYNSYM
_FUNCTION = 2


def loses_nan_checks(path: Path) -> bool | None:
    """Whether a Darknet was compiled as if there were no NaN (``-Ofast``, ``-ffast-math``).

    Such a program has no guard against NaN left: on a CPU its yolov4 networks end in NaN, and then in a
    damaged heap, with sound data. AlexeyAB's and hank-ai's both have a function whose whole work is to look
    for NaN; compiled that way nothing of it is left, which its size in the table of symbols shows.

    Returns:
        None where it cannot be told: no such function (pjreddie's), no table, no 64-bit ELF program.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as program:
            sizes = [size for name, size in _functions(program) if _CHECK in name]
    except (OSError, ValueError, struct.error):  # an empty file cannot be mapped
        return None
    return max(sizes) <= _EMPTY_BYTES if sizes else None


def _functions(program: mmap.mmap) -> Iterator[tuple[bytes, int]]:
    """Names and sizes of the functions in an ELF program's tables of symbols."""
    if program[:6] != b"\x7fELF\x02\x01":  # 64 bits, little-endian
        return
    (start,) = struct.unpack_from("<Q", program, 0x28)
    width, count = struct.unpack_from("<HH", program, 0x3A)
    sections = [_SECTION.unpack_from(program, start + width * number) for number in range(count)]
    for section in sections:
        if section[1] not in _SYMBOL_TABLES or section[6] >= count:
            continue
        names = sections[section[6]][4]
        for place in range(section[4], section[4] + section[5] - _SYMBOL.size + 1, _SYMBOL.size):
            name, info, _, _, _, size = _SYMBOL.unpack_from(program, place)
            if info & 0xF == _FUNCTION and size:
                end = program.find(b"\0", names + name)
                yield program[names + name : end], size
