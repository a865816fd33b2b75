"""Zip and tar behind one small interface, with their many ways to fail said in one kind of error."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from converters.errors import ArchiveError

COMPRESSED_SUFFIXES = (
    ".tar.gz",
    ".tar.bz2",
    ".tar.xz",
    ".tgz",
    ".tbz2",
    ".tbz",
    ".txz",
    ".tar",
    ".zip",
)
"""Endings of archives' names, the longer first."""

_AGAIN = "Download or copy the archive again."
_READ_AT_ONCE = 32 * 2**20
_END_BYTES = 65535 + 22 + 20 + 56
"""At a zip's end: its last record with the longest comment, and before it the two of large archives."""
_MAX_DIRECTORY_BYTES = 64 * 2**20
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_MAGIC = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
}
_UNICODE_PATH = 0x7075
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    gzip.BadGzipFile,
    UnicodeError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive.

    Attributes:
        name: As it stands there, decoded.
        size: Declared number of bytes, unpacked.
        is_folder: Whether it is a folder.
        problem: Why it is refused whatever its name ("is a symbolic link"), or empty.
        handle: What the reader knows it by.
    """

    name: str
    size: int
    is_folder: bool
    problem: str
    handle: Any


class Reader(ABC):
    """An open archive."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """All entries, in the archive's order. Raises ArchiveError where the archive is broken."""

    @abstractmethod
    def open(self, entry: Entry) -> IO[bytes]:
        """The content of a file entry."""

    @abstractmethod
    def close(self) -> None:
        """Close the archive."""

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the libraries raise on a broken archive into an ArchiveError."""
        try:
            yield
        except ArchiveError:
            raise
        except _BROKEN as error:
            if "encrypted" in str(error) or "password" in str(error):
                raise _error("is encrypted.", self.path, "encrypted", "Unpack it yourself first.") from error
            if isinstance(error, RecursionError):
                raise _error("has headers of headers without end.", self.path, "damaged", "") from error
            if isinstance(error, NotImplementedError):
                text = f"is compressed in a way that is not supported ({error})."
                raise _error(text, self.path, "unsupported", "Unpack it yourself first.") from error
            if isinstance(error, EOFError) or "unexpected end" in str(error):
                raise _error("is cut short.", self.path, "damaged", _AGAIN) from error
            raise _error(f"is damaged: {error}.", self.path, "damaged", _AGAIN) from error
        except OSError as error:
            # bz2 and gzip say so of damaged data; a real read error has an errno.
            text = f"cannot be read: {error.strerror}." if error.errno else f"is damaged: {error}."
            raise _error(text, self.path, "damaged", _AGAIN) from error


def kind_of(path: Path) -> str | None:
    """``zip``, ``tar``, ``gz``, ``bz2``, ``xz``, ``7z`` or ``rar``; None for what is no archive."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        head = b""
    if head.startswith(_ZIP_MAGIC):
        return "zip"
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "tar"
    name = path.name.lower()
    suffix = next((s for s in COMPRESSED_SUFFIXES if name.endswith(s)), None)
    if suffix is None:
        return None
    return "zip" if suffix == ".zip" else "tar"


@contextmanager
def open_reader(path: Path) -> Iterator[Reader]:
    """Open an archive.

    Raises:
        ArchiveError: It is none, is broken, or is of a kind that is not supported.
    """
    kind = kind_of(path)
    if kind in ("7z", "rar"):
        raise _error(
            f"is a .{kind} archive, which is not supported.", path, "unsupported", "Unpack it yourself first."
        )
    if kind is None:
        raise _error("is no zip or tar archive.", path, "not-an-archive", "")
    reader: Reader = _ZipReader(path) if kind == "zip" else _TarReader(path, kind)
    try:
        yield reader
    finally:
        reader.close()


class _ZipReader(Reader):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self.explained():
            length = _directory_bytes(path)
        if length > _MAX_DIRECTORY_BYTES:
            # It would be read into memory as a whole, before the first entry could be looked at.
            text = f"has a table of contents of {length // 2**20} MiB, more than any set needs."
            raise _error(text, path, "too-many-entries", "Nothing was unpacked.")
        try:
            with self.explained():
                self._zip = zipfile.ZipFile(path)
        except ArchiveError as error:
            if isinstance(error.__cause__, zipfile.BadZipFile):
                with path.open("rb") as file:
                    begins = file.read(4) in _ZIP_MAGIC
                if begins:
                    raise _error(
                        "is cut short: its table of contents, at the end, is missing.",
                        path,
                        "damaged",
                        _AGAIN,
                    ) from error
                raise _error(
                    "is no zip archive, though its name says so.", path, "damaged", _AGAIN
                ) from error
            raise

    def entries(self) -> Iterator[Entry]:
        for info in self._zip.infolist():
            kind = (info.external_attr >> 16) & 0o170000
            problem = ""
            if info.flag_bits & 0x1:
                problem = "is encrypted"
            elif kind == 0o120000:
                problem = "is a symbolic link"
            elif kind not in (0, 0o100000, 0o040000):
                problem = "is a device or another special file"
            name = _zip_name(info)
            is_folder = name.endswith("/") or kind == 0o040000
            yield Entry(name, info.file_size, is_folder, problem, info)

    def open(self, entry: Entry) -> IO[bytes]:
        with self.explained():
            return self._zip.open(cast(zipfile.ZipInfo, entry.handle))

    def close(self) -> None:
        self._zip.close()


class _TarReader(Reader):
    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(path)
        with self.explained():
            self._raw = path.open("rb")
        self._plain: IO[bytes] = self._raw
        if kind == "gz":
            self._plain = cast(IO[bytes], gzip.GzipFile(fileobj=self._raw))
        elif kind == "bz2":
            self._plain = cast(IO[bytes], bz2.BZ2File(self._raw))
        elif kind == "xz":
            self._plain = cast(IO[bytes], lzma.LZMAFile(self._raw))  # noqa: SIM115 - close() closes it
        self._stream = _Limited(self._plain, path)
        try:
            with self.explained():
                self._tar = tarfile.TarFile(fileobj=cast(IO[bytes], self._stream), errorlevel=2)
        except ArchiveError as error:
            self._plain.close()
            self._raw.close()
            if isinstance(error.__cause__, tarfile.ReadError):
                what = "is no tar archive" if kind == "tar" else "is compressed, but holds no tar archive"
                raise _error(f"{what}, or is damaged.", path, "damaged", _AGAIN) from error
            raise

    def entries(self) -> Iterator[Entry]:
        end = 0
        while True:
            with self.explained():
                info = self._tar.next()
            if info is None:
                break
            problem = ""
            if info.issym() or info.islnk():
                problem = "is a symbolic link" if info.issym() else "is a hard link"
            elif info.issparse():
                problem = "is a file with holes"
            elif not (info.isreg() or info.isdir()):
                problem = "is a device or another special file"
            end = info.offset_data + (info.size if info.isreg() else 0)
            yield Entry(info.name, info.size, info.isdir(), problem, info)
        self._check_end(end)

    def _check_end(self, end: int) -> None:
        """Behind the last entry there must be a block of zeros: tarfile takes any damage for the end."""
        with self.explained():
            self._stream.seek(-(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
            block = self._stream.read(tarfile.BLOCKSIZE)
        if len(block) < tarfile.BLOCKSIZE:
            raise _error("is cut short.", self.path, "damaged", _AGAIN)
        if block.strip(b"\0"):
            raise _error("is damaged in the middle.", self.path, "damaged", _AGAIN)
        # The checksum of a compressed stream stands at its very end, behind the padding.
        with self.explained():
            for _ in range(_READ_AT_ONCE >> 20):
                if not self._stream.read(1 << 20):
                    return
        raise _error("goes on behind its end.", self.path, "damaged", _AGAIN)

    def open(self, entry: Entry) -> IO[bytes]:
        with self.explained():
            file = self._tar.extractfile(cast(tarfile.TarInfo, entry.handle))
        if file is None:
            raise _error(f"entry {entry.name!r} cannot be read.", self.path, "damaged", _AGAIN)
        return file

    def close(self) -> None:
        self._tar.close()
        self._plain.close()
        self._raw.close()


class _Limited(io.RawIOBase):
    """A stream that refuses to hand out much at once.

    tarfile reads a long name or an extended header into memory, whatever size it claims to have.
    """

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        super().__init__()
        self._stream = stream
        self._path = path

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _READ_AT_ONCE:
            raise _error("has a header of absurd size.", self._path, "damaged", "")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _directory_bytes(path: Path) -> int:
    """Length of a zip's table of contents, as its end says (APPNOTE 4.3.14 to 4.3.16), or 0."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _END_BYTES))
        tail = file.read(_END_BYTES)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + 22 > len(tail):
        return 0
    (length,) = struct.unpack_from("<I", tail, place + 12)
    # Larger ones stand in a record of 56 bytes, behind which 20 bytes say where it is.
    record = place - 20 - 56
    if record >= 0 and tail[record : record + 4] == b"PK\x06\x06":
        (length,) = struct.unpack_from("<Q", tail, record + 40)
    return int(length) if length <= size else 0


def _zip_name(info: zipfile.ZipInfo) -> str:
    """An entry's name, as whoever packed it meant it.

    Zip knows two encodings, UTF-8 (said by a flag) and code page 437, and Info-ZIP's extra field with the
    name in UTF-8. Many packers write UTF-8 without saying so.
    """
    name = info.orig_filename
    if info.flag_bits & 0x800 or name.isascii():
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    if stated := _unicode_path(info.extra, raw):
        return stated
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return name


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The name in Info-ZIP's extra field 0x7075 (APPNOTE 4.6.9), if it is for this very name."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        content = extra[place + 4 : place + 4 + length]
        if kind == _UNICODE_PATH and len(content) > 5 and content[0] == 1:
            (checksum,) = struct.unpack_from("<I", content, 1)
            if checksum == zlib.crc32(raw):
                try:
                    return content[5:].decode("utf-8")
                except UnicodeDecodeError:
                    return None
        place += 4 + length
    return None


def _error(message: str, path: Path, code: str, hint: str) -> ArchiveError:
    return ArchiveError(message, path=path, code=code, hint=hint)
