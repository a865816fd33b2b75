"""The folder in which copies are built, and the journal by which an interrupted run is taken up again."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from augment import manifest
from augment.manifest import Entry, Manifest
from augment.plan import Plan
from converters.errors import WriteError
from converters.files import append_line, make_folder, write_atomic
from converters.work import WorkFolder


def part_of(work: WorkFolder) -> Path:
    """Where the copies are built."""
    return work.root / ".augmented.part"


def remove_part(work: WorkFolder) -> None:
    """Take away what an interrupted run has left."""
    shutil.rmtree(part_of(work), ignore_errors=True)


class Unfinished:
    """The copies of a run that is not done.

    Every copy that is finished stands in the journal, so whatever ends the run, by the next one with the
    same settings it is not made again.

    Attributes:
        folder: Where they lie.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.folder = part_of(plan.work)
        self._copies = 0

    def left(self) -> Manifest | None:
        """What an interrupted run with the same settings has finished; of another one all is removed."""
        left = manifest.read_journal(self.folder) or manifest.read(self.folder)
        if left is not None and left.settings == manifest.settings_of(self._plan):
            return left
        remove_part(self._plan.work)
        return None

    def begin(self, entries: Mapping[str, Entry]) -> None:
        """Begin the journal.

        Args:
            entries: Copies that are there already, by stem.

        Raises:
            WriteError: It cannot be written.
        """
        make_folder(self.folder)
        lines = [manifest.journal_head(self._plan)]
        lines += [manifest.journal_line(stem, entry) for stem, entry in entries.items()]
        write_atomic(self.folder / manifest.JOURNAL, "".join(f"{line}\n" for line in lines), durable=False)
        self._copies = len(entries)

    def add(self, stem: str, entry: Entry) -> None:
        """Note a copy that is finished.

        Raises:
            WriteError: The journal cannot be written.
        """
        append_line(self.folder / manifest.JOURNAL, manifest.journal_line(stem, entry))
        self._copies += 1

    def complete(self, entries: Mapping[str, Entry], names: Collection[str]) -> None:
        """Make the folder what augmented/ shall be: a manifest, and nothing that does not belong to it.

        Args:
            entries: Of all copies, by stem.
            names: Of all their files.

        Raises:
            WriteError: It cannot be written.
        """
        write_atomic(self.folder / manifest.NAME, manifest.render(self._plan, entries))
        keep = {manifest.NAME, *names}
        try:
            for entry in sorted(self.folder.iterdir()):
                if entry.name not in keep:
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        except OSError as error:
            raise WriteError.from_os_error(error, self.folder) from error

    def leave(self) -> None:
        """End without being done: what is finished stays for the next run."""
        if not self._copies:
            remove_part(self._plan.work)
