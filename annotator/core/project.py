"""The open set together with the Darknet data set that is made from it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from annotator.core.session import Session
from annotator.settings import Settings
from converters.errors import DataError
from converters.made import record_path
from converters.model import Split
from converters.work import WorkFolder, read_split


class Project:
    """What the pages of the window share.

    Attributes:
        session: The open set.
        settings: Remembers which Darknet data set belongs to which set.
    """

    def __init__(self, session: Session, settings: Settings) -> None:
        self.session = session
        self.settings = settings

    @property
    def is_work_itself(self) -> bool:
        """Whether the open set is a Darknet data set already."""
        return WorkFolder(self.session.root).exists()

    @property
    def work(self) -> WorkFolder | None:
        """The Darknet data set, if it has been made."""
        if self.is_work_itself:
            return WorkFolder(self.session.root)
        for path in (self.settings.work_of(self.session.root), self.default_work()):
            if path is not None and WorkFolder(path).exists():
                return WorkFolder(path)
        return None

    def default_work(self) -> Path:
        """Where it is made unless the person says otherwise: beside the set."""
        return self.session.root.with_name(f"{self.session.root.name}-work")

    def use_work(self, path: Path) -> None:
        """Remember a Darknet data set that was made, and take over its split."""
        self.settings.set_work_of(self.session.root, path)
        self.take_over_split()

    def take_over_split(self) -> None:
        """Show the split of the Darknet data set on the open set's images."""
        work = self.work
        if work is None or self.is_work_itself:
            return
        try:
            rows = read_split(work)
        except DataError:
            return  # the checks of the training page say what is wrong with it
        splits = {_without_suffix(row.source): Split(row.split) for row in rows if row.source}
        self.session.set_splits(splits)

    def key_of(self, work_key: str) -> str | None:
        """Key in the open set of a picture of the Darknet data set, or None where it is not known."""
        work = self.work
        if work is None or self.is_work_itself:
            return work_key
        try:
            rows = read_split(work)
        except DataError:
            return None
        for row in rows:
            if _without_suffix(row.image) == work_key:
                return _without_suffix(row.source)
        return None

    def keys_of(self, work_keys: Iterable[str]) -> tuple[str, ...]:
        """Keys in the open set of pictures of the Darknet data set; those that are not in it are left out."""
        sources = self.open_keys()
        return tuple(sources[key] for key in work_keys if key in sources)

    def open_keys(self) -> dict[str, str]:
        """Key in the open set of each picture of the Darknet data set that is in it."""
        work = self.work
        if work is None or self.is_work_itself:
            return {key: key for key in self.session.keys}
        try:
            rows = read_split(work)
        except DataError:
            return {}
        sources = {_without_suffix(row.image): _without_suffix(row.source) for row in rows}
        return {key: source for key, source in sources.items() if source in self.session}

    def work_is_stale(self) -> bool:
        """Whether labels were changed after the Darknet data set was made from them."""
        work = self.work
        if work is None or self.is_work_itself:
            return False
        made = max(_mtime(work.split_csv), _mtime(record_path(work)))
        labels = (self.session.image(key).annotation for key in self.session.keys)
        return any(_mtime(path) > made for path in labels if path is not None)


def _without_suffix(path: str) -> str:
    return str(PurePosixPath(path).with_suffix("")) if path else ""


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
