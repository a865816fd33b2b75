"""The data set as other machines see it: their paths, and their reading and writing through fsspec.

Where the workers' place is a folder (an NFS mount, the same disk), they read and write plain files in it. Any
other URL is reached through fsspec: a worker fetches what a task reads into a temporary folder, makes the
copies there with the very function that the local pool uses, and puts them in their place.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from augment import manifest
from augment.workers import Outcome, SourceTask, digest, make_copies
from converters.errors import DataError, UsageError
from converters.files import make_folder, write_atomic
from converters.model import AnnotatedImage, Split
from converters.work import WorkFolder

_PUTS_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "r2", "memory"})
"""Stores in which a file is there when all of it is; a second name and a move would only copy it again."""

_INCOMPLETE = ".incomplete.json"
"""In augmented/ of a store while it is made equal to ours: the names of all copies, old and new."""


@dataclass(frozen=True)
class Place:
    """One data set, here and there.

    Attributes:
        root: Its folder here, as the paths in tasks begin.
        url: Where workers see it: a path of theirs, or any URL that fsspec knows.
    """

    root: Path
    url: str

    @property
    def folder(self) -> Path | None:
        """The workers' folder; None where it is no plain path."""
        if self.url.startswith(("file://", "local://")):
            return Path(self.url.partition("://")[2])
        return None if "://" in self.url or "::" in self.url else Path(self.url)

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        system, base = url_to_fs(self.url)
        return system, str(base).rstrip("/")

    def __getstate__(self) -> dict[str, Any]:
        """What travels to a worker: not the connection."""
        return {"root": self.root, "url": self.url}

    @property
    def system(self) -> Any:
        """The file system of the URL, one of fsspec's."""
        return self._opened[0]

    def there(self, path: Path) -> str:
        """A path in the data set, as fsspec's file system knows it."""
        return f"{self._opened[1]}/{path.relative_to(self.root).as_posix()}"

    def read(self, path: Path) -> bytes | None:
        """A file's content over there, None where there is none.

        Raises:
            OSError: It cannot be read. (What else fsspec's file systems raise comes through, too.)
        """
        try:
            if self.folder is not None:
                return (self.folder / path.relative_to(self.root)).read_bytes()
            self.system.invalidate_cache()
            return bytes(self.system.cat_file(self.there(path)))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def put(self, path: Path, data: bytes) -> None:
        """Write a file over there, whole or not at all.

        Raises:
            WriteError: The workers' folder cannot be written.
            OSError: Nor can the URL. (What else fsspec's file systems raise comes through, too.)
        """
        if self.folder is not None:
            write_atomic(self.folder / path.relative_to(self.root), data, durable=False)
            return
        system, target = self.system, self.there(path)
        protocol = system.protocol if isinstance(system.protocol, str) else system.protocol[0]
        if protocol in _PUTS_WHOLE:
            system.pipe_file(target, data)
            return
        folder, _, name = target.rpartition("/")
        system.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.writing-{digest(name.encode())}.part"
        system.pipe_file(temporary, data)
        if system.exists(target):  # not every file system moves over a file
            system.rm_file(target)
        system.mv(temporary, target)


def make_there(place: Place, task: SourceTask) -> Outcome:
    """Make the copies of one picture on a worker, where it sees the data set.

    Raises:
        WriteError: A copy cannot be written.
    """
    if place.folder is not None:
        return _make_in(place.folder, place, task)
    with tempfile.TemporaryDirectory(prefix="mask-annotator-") as name:
        folder = Path(name)
        pictures = {donor.path for copy in task.copies for donor in copy.donors} | {task.image.path}
        for path in sorted(pictures):
            target = _elsewhere(path, place.root, folder)
            data = place.read(path) if target != path else None
            if data is not None:  # else: what makes the copies says that it is not there
                make_folder(target.parent)
                write_atomic(target, data, durable=False)
        for copy in task.copies:
            make_folder(_elsewhere(copy.target, place.root, folder).parent)
        outcome = _make_in(folder, place, task)
        for copy, known in zip(task.copies, outcome.digests, strict=False):
            if known:
                place.put(copy.target, _elsewhere(copy.target, place.root, folder).read_bytes())
        return outcome


def publish(place: Place, work: WorkFolder, fresh: frozenset[str] = frozenset()) -> int:
    """Make augmented/ and the lists over there the same as here.

    While it is at it there is no manifest over there, and when it was interrupted the next call goes on.

    Args:
        place: The data set; its URL is no folder.
        work: The data set here.
        fresh: Names of the pictures that workers put into the unfinished folder over there just now.

    Returns:
        How many files were written or moved.
    """
    here = work.augmented / manifest.NAME
    marker = work.augmented / _INCOMPLETE
    part = work.root / ".augmented.part"
    ours = here.read_bytes() if here.is_file() else None
    known, left = place.read(here), place.read(marker)
    changed = 0
    if known != ours or left is not None:
        new, old = manifest.read(work.augmented), _manifest_of(known)
        names = set(new.files if new else ()) - {manifest.NAME}
        before = set(old.files if old else ()) | set(json.loads(left) if left else ())
        place.put(marker, json.dumps(sorted(before | names)).encode())
        _delete(place, [here])
        for name in sorted(names):
            changed += _publish_file(place, work.augmented / name, part / name, name in fresh)
        _delete(place, [work.augmented / name for name in before - names - {manifest.NAME}])
    for split in Split:
        path = work.list_of(split)
        data = path.read_bytes() if path.is_file() else b""
        if place.read(path) != data:
            place.put(path, data)
            changed += 1
    if known != ours or left is not None:
        if ours is not None:
            place.put(here, ours)
        _delete(place, [marker])
    if place.system.exists(place.there(part)):
        place.system.rm(place.there(part), recursive=True)
    return changed


def _publish_file(place: Place, path: Path, unfinished: Path, fresh: bool) -> int:
    if fresh and place.system.exists(place.there(unfinished)):
        target = place.there(path)
        if place.system.exists(target):
            place.system.rm_file(target)
        place.system.mv(place.there(unfinished), target)
        return 1
    data = path.read_bytes()
    if place.read(path) == data:
        return 0
    place.put(path, data)
    return 1


def _delete(place: Place, paths: Iterable[Path]) -> None:
    for path in paths:
        if place.system.exists(place.there(path)):
            place.system.rm_file(place.there(path))


def _manifest_of(data: bytes | None) -> manifest.Manifest | None:
    if data is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        write_atomic(Path(name) / manifest.NAME, data, durable=False)
        return manifest.read(Path(name))


def _make_in(folder: Path, place: Place, task: SourceTask) -> Outcome:
    """Make the copies in a folder that holds the same; errors name our paths."""

    def moved(image: AnnotatedImage) -> AnnotatedImage:
        return dataclasses.replace(image, path=_elsewhere(image.path, place.root, folder))

    copies = tuple(
        dataclasses.replace(
            copy,
            target=_elsewhere(copy.target, place.root, folder),
            donors=tuple(moved(donor) for donor in copy.donors),
        )
        for copy in task.copies
    )
    try:
        outcome = make_copies(SourceTask(moved(task.image), copies))
    except DataError as error:
        raise _named_as_here(error, place, folder) from None
    failed = {number: _named_as_here(error, place, folder) for number, error in outcome.failed.items()}
    about = None if outcome.error is None else _named_as_here(outcome.error, place, folder)
    return dataclasses.replace(outcome, error=about, failed=failed)


def _named_as_here(error: DataError, place: Place, folder: Path) -> DataError:
    path = error.path
    if path is not None:
        path = _elsewhere(path, folder, place.root)
    return type(error)(error.message, path=path, line=error.line, code=error.code, hint=error.hint)


def _elsewhere(path: Path, root: Path, other: Path) -> Path:
    """The same place under another root; a path outside stays."""
    return other / path.relative_to(root) if path.is_relative_to(root) else path


def check_url(url: str) -> None:
    """Check that fsspec can work with a URL, before a run begins.

    Raises:
        UsageError: It knows no such protocol, a library for it is missing, or a path is not absolute.
    """
    place = Place(Path(), url)
    if place.folder is not None:
        if not place.folder.is_absolute():
            raise UsageError(f"--workers-see {url}: must be a whole path (/…) or a URL, as a worker sees it.")
        return
    try:
        from fsspec import get_filesystem_class

        get_filesystem_class(url.rpartition("::")[2].partition("://")[0])
    except ImportError as error:
        raise UsageError(f"--workers-see {url}: {error}.") from error
    except ValueError as error:
        raise UsageError(f"--workers-see {url}: fsspec knows no such kind of place ({error}).") from error
