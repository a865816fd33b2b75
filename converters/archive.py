"""Opening a zip or tar safely: checked in full first, unpacked into a new folder, all or nothing.

The archive is never changed. It is edited in a working folder beside it, which remembers what it was made
from and is used again the next time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from converters.archive_readers import COMPRESSED_SUFFIXES, Entry, Reader, kind_of, open_reader
from converters.errors import ArchiveError, NotADatasetError, UsageError, WriteError
from converters.formats.base import ProgressCallback
from converters.portable import name_problem, path_problem

MAX_ENTRIES = 500_000
MAX_BYTES = 2 * 2**30
MAX_MEMBER_BYTES = 2**30
"""Larger archives are a person's own to unpack: what is refused here was not asked for by anybody."""

MAX_RATIO = 64
"""Pictures do not shrink; label files shrink to a tenth. A bomb shrinks to a thousandth and less."""

RATIO_MATTERS_FROM = 100 * 10**6
"""Below this size an archive may shrink as it likes."""

_CHUNK = 1 << 20
_SPARE_BYTES = 64 * 2**20
_MARKER = (".annotator", "source.json")
_IGNORED_NAMES = frozenset({".ds_store", "thumbs.db", "desktop.ini", "icon\r"})
_UNPACK = "Nothing was unpacked. If you trust it, unpack it yourself and name the folder."
_DRIVE = re.compile(r"[A-Za-z]:")


def is_archive(path: Path) -> bool:
    """Whether a file is an archive, by its first bytes or by its name (a broken one is one, too)."""
    return kind_of(path) is not None


def unpack(archive: Path, target: Path, on_progress: ProgressCallback | None = None) -> None:
    """Unpack an archive into a new folder. On failure or cancel nothing of it is left.

    Args:
        archive: A zip, or a tar with or without compression.
        target: The folder to make (an empty one may be there); its parent exists.
        on_progress: Told the bytes written and their total; may raise to cancel.

    Raises:
        ArchiveError: The archive is broken, encrypted, too large, or has an entry that is refused.
        WriteError: The target exists, or cannot be written.
    """
    _unpack(archive, target, on_progress, marker=None)


def working_folder(archive: Path) -> Path:
    """The folder beside an archive in which it is edited.

    It has the archive's name without suffix; with ``-2``, ``-3`` … where that is taken by something else
    than an earlier opening of the very same archive.

    Raises:
        ArchiveError: The archive is not there.
    """
    stem = _stem(archive)
    wanted = _source_of(archive)
    number = 1
    while True:
        folder = archive.with_name(stem if number == 1 else f"{stem}-{number}")
        if not os.path.lexists(folder) or _made_from(folder) == wanted:
            return folder
        number += 1


def open_for_editing(path: Path, *, on_progress: ProgressCallback | None = None) -> Path:
    """The folder in which something is edited: a folder itself, an archive's working folder.

    The archive is unpacked the first time; later its working folder is opened with all edits in it.

    Raises:
        UsageError: There is nothing there.
        NotADatasetError: It is a file that is no archive.
        ArchiveError: The archive is refused; see :func:`unpack`.
        WriteError: The working folder cannot be made.
    """
    if path.is_dir():
        return path
    if not path.exists():
        raise UsageError("there is no such folder or archive.", path=path)
    if not is_archive(path):
        raise NotADatasetError(
            "is neither a folder nor an archive.", path=path, hint="Choose a folder, a .zip or a .tar."
        )
    folder = working_folder(path)
    if not folder.exists():
        marker = json.dumps(_source_of(path), indent=2, ensure_ascii=False) + "\n"
        _unpack(path, folder, on_progress, marker=marker.encode("utf-8", "surrogateescape"))
    return folder


@dataclass(slots=True)
class _Plan:
    """What is going to be written, checked against all limits while it grows."""

    archive: Path
    archive_size: int
    files: list[tuple[Entry, tuple[str, ...]]] = field(default_factory=list)
    folders: set[tuple[str, ...]] = field(default_factory=set)
    total: int = 0
    entries: int = 0
    _spelled: dict[str, tuple[str, bool, Entry]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Take an entry in, or refuse the archive because of it."""
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise self._refuse(f"has more than {MAX_ENTRIES:,} entries.", "too-many-entries")
        parts = self._parts(entry)
        if entry.problem:
            raise self._refuse(f"entry {_shown(entry.name)} {entry.problem}.", "refused-entry")
        if not parts or _is_rubbish(parts):
            return
        for depth in range(1, len(parts)):
            self._claim(parts[:depth], entry, folder=True)
        self._claim(parts, entry, folder=entry.is_folder)
        if entry.is_folder:
            self.folders.add(parts)
            return
        if entry.size < 0:
            raise self._refuse(f"entry {_shown(entry.name)} has a size below 0.", "damaged")
        if entry.size > MAX_MEMBER_BYTES:
            raise self._refuse(
                f"entry {_shown(entry.name)} is larger than {_gib(MAX_MEMBER_BYTES)}.", "too-large", _UNPACK
            )
        self.folders.add(parts[:-1])
        self.files.append((entry, parts))
        self.total += entry.size
        self.check_total(self.total)

    def check_total(self, total: int) -> None:
        """Refuse a bomb."""
        if total > MAX_BYTES:
            raise self._refuse(f"unpacks to more than {_gib(MAX_BYTES)}.", "too-large", _UNPACK)
        if total > RATIO_MATTERS_FROM and total > MAX_RATIO * self.archive_size:
            raise self._refuse(
                f"unpacks to more than {MAX_RATIO} times its size, as no set of pictures does.", "bomb"
            )

    def check_space(self, folder: Path) -> None:
        """Refuse what does not fit on the disk."""
        needed = self.total + len(self.files) * 4096 + _SPARE_BYTES
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            raise WriteError.from_os_error(error, folder) from error
        if free < needed:
            raise ArchiveError(
                f"needs {_gib(needed)} to unpack, and only {_gib(free)} are free on the disk.",
                path=self.archive,
                code="disk-full",
                hint="Free some space, or move the archive to another disk.",
            )

    def _parts(self, entry: Entry) -> tuple[str, ...]:
        name = entry.name
        shown = _shown(name)
        if name.startswith("/") or _DRIVE.match(name):
            raise self._refuse(f"entry {shown} has an absolute name.", "refused-entry")
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if ".." in parts:
            raise self._refuse(f"entry {shown} leaves the folder (..).", "refused-entry")
        if _is_rubbish(parts):
            return parts
        for problem in (path_problem(name), *map(name_problem, parts)):
            if problem:
                raise self._refuse(f"entry {shown} has {problem}.", "refused-entry")
        if not parts and not entry.is_folder:
            raise self._refuse("has an entry without a name.", "refused-entry")
        return parts

    def _claim(self, parts: tuple[str, ...], entry: Entry, *, folder: bool) -> None:
        """Note a name as taken; refuse one that is taken by a file, or in another spelling."""
        name = "/".join(parts)
        key = unicodedata.normalize("NFC", name).casefold()
        known = self._spelled.setdefault(key, (name, folder, entry))
        if known[0] != name:
            raise self._refuse(
                f"entries {_shown(known[2].name)} and {_shown(entry.name)} differ only in case (or in how an "
                "accent is written); on many disks they are one.",
                "same-name",
            )
        if known[2] is not entry and not (known[1] and folder):
            raise self._refuse(f"has two entries named {_shown(name)}.", "same-name")

    def _refuse(self, message: str, code: str, hint: str = "Nothing was unpacked.") -> ArchiveError:
        return ArchiveError(message, path=self.archive, code=code, hint=hint)


def _is_rubbish(parts: tuple[str, ...]) -> bool:
    """Whether an entry is what systems leave in archives, which is not unpacked."""
    return bool(parts) and ("__MACOSX" in parts or parts[-1].casefold() in _IGNORED_NAMES)


def _unpack(
    archive: Path, target: Path, on_progress: ProgressCallback | None, *, marker: bytes | None
) -> None:
    if os.path.lexists(target) and not _is_empty_folder(target):
        raise WriteError("is there already.", path=target, code="exists", hint="Choose a new folder.")
    with open_reader(archive) as reader:
        plan = _Plan(archive, max(archive.stat().st_size, 1))
        for entry in reader.entries():
            plan.add(entry)
        if not plan.files:
            raise ArchiveError("is an archive without any file in it.", path=archive, code="empty")
        plan.check_space(target.parent)
        with _new_folder(target) as folder:
            _write(plan, reader, folder, on_progress)
            if marker is not None:
                (folder / _MARKER[0]).mkdir(exist_ok=True)
                folder.joinpath(*_MARKER).write_bytes(marker)


def _is_empty_folder(path: Path) -> bool:
    try:
        return path.is_dir() and not path.is_symlink() and next(path.iterdir(), None) is None
    except OSError:
        return False


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A folder that becomes ``target`` at the end, or is removed where the body fails."""
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent))
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)
        temporary.rename(target)
        temporary = None
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _write(plan: _Plan, reader: Reader, folder: Path, on_progress: ProgressCallback | None) -> None:
    for parts in sorted(plan.folders):
        folder.joinpath(*parts).mkdir(parents=True, exist_ok=True)
    done = 0
    if on_progress is not None:
        on_progress(0, plan.total)
    for entry, parts in plan.files:
        with reader.open(entry) as source, folder.joinpath(*parts).open("xb") as file:
            written = 0
            for chunk in _chunks(source, reader):
                written += len(chunk)
                # The declared sizes were checked before; an entry that has more is lying.
                if written > entry.size:
                    break
                file.write(chunk)
                if on_progress is not None:
                    on_progress(done + written, plan.total)
        if written != entry.size:
            how = "more" if written > entry.size else "less"
            raise ArchiveError(
                f"entry {_shown(entry.name)} holds {how} than the {entry.size} bytes it declares.",
                path=plan.archive,
                code="damaged",
                hint="Download or copy the archive again.",
            )
        done += written


def _chunks(source: IO[bytes], reader: Reader) -> Iterator[bytes]:
    while True:
        with reader.explained():
            chunk = source.read(_CHUNK)
        if not chunk:
            return
        yield chunk


def _stem(archive: Path) -> str:
    name = archive.name
    for suffix in COMPRESSED_SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return archive.stem or name


def _source_of(archive: Path) -> dict[str, str | int]:
    try:
        info = archive.stat()
    except OSError as error:
        raise ArchiveError(f"cannot be read: {error.strerror}.", path=archive) from error
    return {"name": archive.name, "size": info.st_size, "mtime_ns": info.st_mtime_ns}


def _made_from(folder: Path) -> dict[str, str | int] | None:
    """What the marker in a folder says it was made from; None without a readable one."""
    try:
        value = json.loads(folder.joinpath(*_MARKER).read_bytes().decode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _shown(name: str) -> str:
    return repr(name if len(name) <= 200 else name[:200] + "…")


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
