"""The size of an ordinary PNG without a decoder: of a hundred thousand pictures this is what takes the time.

Layout of the file: Portable Network Graphics (PNG) Specification, third edition, W3C 2025, chapters 5 and 11;
of the EXIF in it: TIFF 6.0, chapter 2. Whatever is not quite ordinary is left to the decoder, and so are all
complaints.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD_BYTES = 8192
"""What is read at once. Where the pixels begin behind it, the decoder is asked."""

_HARMLESS = frozenset({b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs", b"bKGD", b"tIME", b"fdEC"})
"""Chunks before the pixels that change neither the size nor which pixels there are."""

_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_BITS = {0: (8, 16), 2: (8, 16), 4: (8, 16), 6: (8, 16)}
"""Bits a sample may have by colour type: grey, RGB, grey and alpha, RGB and alpha."""

_ORIENTATION = 0x0112
_SHORT = 3


@dataclass(frozen=True, slots=True)
class PngHeader:
    """What the header of a PNG says.

    Attributes:
        size: (width, height) as stored.
        simple: 8 bit, grey or RGB, without alpha.
        orientation: As in EXIF, 1 to 8.
    """

    size: tuple[int, int]
    simple: bool
    orientation: int


def read_png_header(path: Path) -> PngHeader | None:
    """The header of an ordinary PNG; None where the decoder must say what it is.

    Raises:
        OSError: The file cannot be opened or read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = os.read(handle, _HEAD_BYTES)
        header = _image_header(head)
        if header is None:
            return None
        size, simple = header
        at, orientation = 33, 0
        while (chunk := _chunk(head, at)) is not None and chunk[0] in _HARMLESS | {b"eXIf"}:
            kind, body = chunk
            if kind == b"eXIf":
                found = _orientation(body)
                if found is None or orientation:
                    return None
                orientation = found
            at += len(body) + 12
        if head[at + 4 : at + 8] != b"IDAT":
            return None
        if not orientation and not _ends_without_exif(handle, at):
            return None
        return PngHeader(size, simple, orientation or 1)
    finally:
        os.close(handle)


def _image_header(head: bytes) -> tuple[tuple[int, int], bool] | None:
    """(width, height) and whether it is 8 bit without alpha, from the signature and IHDR."""
    chunk = _chunk(head, 8)
    if not head.startswith(_SIGNATURE) or chunk is None or chunk[0] != b"IHDR" or len(chunk[1]) != 13:
        return None
    width, height, bits, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", chunk[1])
    if not (0 < width < 2**31 and 0 < height < 2**31) or bits not in _BITS.get(colour, ()):
        return None
    if compression or filters or interlace > 1:
        return None
    return (width, height), bits == 8 and colour in (0, 2)


def _chunk(data: bytes, at: int) -> tuple[bytes, bytes] | None:
    """Kind and content of the chunk that begins at ``at``; None where it is not whole or not intact."""
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + length + 12
    if len(data) < at + 12 or end > len(data):
        return None
    if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
        return None
    return data[at + 4 : at + 8], data[at + 8 : end - 4]


def _ends_without_exif(handle: int, at: int) -> bool:
    """Whether no EXIF follows the pixels, going from chunk to chunk to the end.

    Text may be EXIF, too (older programs wrote it so): the decoder knows.
    """
    while len(head := os.pread(handle, 8, at)) == 8:
        kind = head[4:]
        if kind == b"IEND":
            return True
        if kind == b"eXIf" or kind in _TEXTS:
            return False
        at += int.from_bytes(head[:4], "big") + 12
    return True  # cut short: the decoder will find out


def _orientation(exif: bytes) -> int | None:
    """The orientation that EXIF gives, 1 where it gives none; None where it is not as it should be."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 14:
        return None
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    if not 8 <= start <= len(exif) - 2:
        return None
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    if start + 2 + 12 * count > len(exif):
        return None
    for entry in range(count):
        tag, kind, values, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and values == 1 and 1 <= value <= 8 else None
    return 1
