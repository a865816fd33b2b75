"""Changing files of a set with their originals kept, and bringing these back.

``.annotator/originals/<time>/`` in the set's folder holds each changed file as it was, under its own path,
and a list of what was done. All files of a change come, and go back, as one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from converters.errors import DataError, UsageError, WriteError
from converters.files import make_folder, write_atomic
from converters.staging import staging_for
from converters.swap import alone_in, replace_parts

FOLDER = ".annotator/originals"
_LIST = "list.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """A change that can be undone.

    Attributes:
        folder: Where its originals lie, relative to the set's.
        files: (path, digest before, digest after) of each changed file.
        undone: Whether they were brought back.
        data: All that its list says.
    """

    folder: str
    files: tuple[tuple[str, str, str], ...]
    undone: bool
    data: dict[str, Any]


def change_files(
    root: Path,
    changes: Mapping[str, tuple[bytes, bytes | None]],
    done: Sequence[Mapping[str, Any]],
    *,
    is_ours: bool = False,
) -> Path:
    """Write new contents of files of a set, all or none.

    Args:
        root: The set's folder.
        changes: (as it is, as it will be) by path relative to the folder; None: the file goes.
        done: What the change was, for the list beside the originals.
        is_ours: Whether this process has the set open in the window, and knows what it does.

    Returns:
        The folder with the originals.

    Raises:
        WriteError: A file cannot be written; nothing was changed.
        DataError: The set is open elsewhere, or a file is not what it was when this was planned.
    """
    with alone_in(root), _not_open(root, is_ours), staging_for(root) as staging:
        for name, (before, _) in changes.items():
            if _read(root / name) != before:
                raise DataError(
                    "was changed by another program meanwhile; nothing was mended.",
                    path=root / name,
                    code="changed-on-disk",
                    hint="Run it again.",
                )
        folder = _new_folder(root)
        data = {
            "list": _FORMAT,
            "made": datetime.now().astimezone().isoformat(timespec="seconds"),
            "undone": False,
            "files": [
                {
                    "path": name,
                    "before": _digest(before),
                    "after": _digest(after) if after is not None else "",
                }
                for name, (before, after) in changes.items()
            ],
            "done": [dict(one) for one in done],
        }
        contents = {f"{folder}/{name}": before for name, (before, _) in changes.items()}
        contents[f"{folder}/{_LIST}"] = _text(data)
        contents |= {name: after for name, (_, after) in changes.items() if after is not None}
        _let_in(root, contents, staging, [name for name, (_, after) in changes.items() if after is None])
    return root / folder


def can_undo(root: Path) -> bool:
    """Whether there is a change whose originals could be brought back."""
    return any(not one.undone for one in _kept(root))


def undo_latest(root: Path, *, is_ours: bool = False) -> list[str]:
    """Bring back the originals of the latest change that is not undone yet.

    Args:
        root: The set's folder.
        is_ours: As in :func:`change_files`.

    Returns:
        The files that are as they were again, relative to the folder.

    Raises:
        UsageError: There is no such change.
        DataError: A file was edited since, or its original is gone; nothing was changed.
        WriteError: A file cannot be written; nothing was changed.
    """
    kept = next((one for one in reversed(_kept(root)) if not one.undone), None)
    if kept is None:
        raise UsageError("nothing was mended here that could be undone.", path=root)
    with alone_in(root), _not_open(root, is_ours), staging_for(root) as staging:
        contents: dict[str, bytes] = {}
        edited: list[str] = []
        for name, before, after in kept.files:
            now, original = _read(root / name), _read(root / kept.folder / name)
            if original is None or _digest(original) != before:
                raise DataError(
                    "is not the original that was kept; nothing was changed.",
                    path=root / kept.folder / name,
                    code="damaged",
                )
            if (_digest(now) if now is not None else "") not in (before, after):
                edited.append(name)
            contents[name] = original
        if edited:
            some = ", ".join(edited[:5]) + (", …" if len(edited) > 5 else "")
            raise DataError(
                f"{len(edited)} files were edited since: {some}. Nothing was changed.",
                path=root,
                code="changed-on-disk",
                hint=f"The originals lie in {root / kept.folder}; copy back by hand what you want back.",
            )
        contents[f"{kept.folder}/{_LIST}"] = _text({**kept.data, "undone": True})
        _let_in(root, contents, staging)
    return [name for name, _, _ in kept.files]


def _let_in(root: Path, contents: Mapping[str, bytes], staging: Path, gone: Sequence[str] = ()) -> None:
    new = staging / "new"
    for name, data in contents.items():
        place = new / name
        make_folder(place.parent)
        write_atomic(place, data)
        with contextlib.suppress(OSError):
            place.chmod((root / name).stat().st_mode & 0o777)
    replace_parts(root, new, list(contents), retire=gone, room=staging / "room")


def _new_folder(root: Path) -> str:
    stamp = datetime.now().strftime("%Y-%m-%dT%H-%M-%S")
    name, number = f"{FOLDER}/{stamp}", 1
    while os.path.lexists(root / name):
        number += 1
        name = f"{FOLDER}/{stamp}-{number:03}"
    return name


def _kept(root: Path) -> list[Kept]:
    """All changes whose list can be read, the oldest first."""
    place = root / FOLDER
    names = sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []
    found: list[Kept] = []
    for name in names:
        try:
            data = json.loads((place / name / _LIST).read_text(encoding="utf-8"))
            if data["list"] != _FORMAT:
                continue
            files = tuple((str(f["path"]), str(f["before"]), str(f["after"])) for f in data["files"])
            undone = bool(data["undone"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if all(_stays_inside(path) for path, _, _ in files):
            found.append(Kept(f"{FOLDER}/{name}", files, undone, data))
    return found


def _stays_inside(name: str) -> bool:
    pure = PurePosixPath(name)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts


def _text(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error


@contextlib.contextmanager
def _not_open(root: Path, is_ours: bool = False) -> Iterator[None]:
    """Keep out of a set that is open in the window, and the window out of it meanwhile."""
    if is_ours:
        yield
        return
    try:
        handle = os.open(root / ".annotator" / "lock", os.O_RDWR)
    except OSError:
        yield  # it never was open there
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                "is open in the window at the moment.", path=root, code="busy", hint="Close it there first."
            ) from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)
