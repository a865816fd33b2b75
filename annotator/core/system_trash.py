"""The system's own trash, as desktops on Linux share it.

The FreeDesktop.org Trash specification 1.0: a file goes to ``files/`` of the trash on its own disk, and
``info/`` says where it was. https://specifications.freedesktop.org/trash-spec/1.0/
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from converters.errors import UsageError, WriteError


def move_to_trash(path: Path) -> Path:
    """Move a file or folder to the trash of its disk; returns where it lies now.

    Raises:
        UsageError: That disk has no trash, and none can be made (``no-trash``).
        WriteError: It cannot be moved.
    """
    path = path.absolute()
    for trash, top in _places(path):
        try:
            for folder in (trash / "files", trash / "info"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            note = _write_note(trash, path, top)
        except OSError:
            continue
        target = trash / "files" / note.stem
        try:
            path.rename(target)
        except OSError as error:
            with suppress(OSError):
                note.unlink()
            raise WriteError.from_os_error(error, path) from error
        return target
    raise UsageError("there is no trash on this disk.", path=path, code="no-trash")


def has_trash(path: Path) -> bool:
    """Whether a file could be moved to a trash; nothing is made."""
    return any(os.access(_nearest(trash), os.W_OK) for trash, _ in _places(path.absolute()))


def _places(path: Path) -> list[tuple[Path, Path | None]]:
    """Trashes on the same disk as a file, each with the folder that paths in it are relative to."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "Trash"
    places: list[tuple[Path, Path | None]] = []
    try:
        device = path.lstat().st_dev
        if _nearest(home).stat().st_dev == device:
            return [(home, None)]
        top = path.parent
        while top != top.parent and top.parent.stat().st_dev == device:
            top = top.parent
        shared = top / ".Trash"
        # Everybody's trash counts only where nobody can put a link in its place.
        if shared.is_dir() and not shared.is_symlink() and shared.stat().st_mode & 0o1000:
            places.append((shared / str(os.getuid()), top))
        places.append((top / f".Trash-{os.getuid()}", top))
    except OSError:
        return []
    return places


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest one above that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _write_note(trash: Path, path: Path, top: Path | None) -> Path:
    """Write where a file was, under a name that is free; that name is taken from then on."""
    where = path if top is None else path.relative_to(top)
    text = (
        f"[Trash Info]\nPath={quote(os.fsencode(where))}\nDeletionDate={datetime.now():%Y-%m-%dT%H:%M:%S}\n"
    )
    number = 1
    while True:
        name = path.name if number == 1 else f"{path.name}.{number}"
        note = trash / "info" / f"{name}.trashinfo"
        if not os.path.lexists(trash / "files" / name):
            with suppress(FileExistsError):
                with note.open("x", encoding="ascii") as file:
                    file.write(text)
                return note
        number += 1
