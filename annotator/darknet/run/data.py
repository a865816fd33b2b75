"""The pictures that a run trains on: its lists, and pictures and labels of its own.

A training may take days, and the data set is made anew meanwhile. So a run has its pictures in its own
folder: links where the file system can, which take no room; labels, which a person may edit in place, are
copies.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from converters.errors import FormatError, UsageError, WriteError
from converters.files import link_or_copy, make_folder, write_atomic
from converters.model import Split
from converters.work import WorkFolder

_SAFE_ENTRY = re.compile(r"[\w./+@=,:-]+")
_OF_THE_SET = "../../"
_MADE = "augmented/"  # by this program, which replaces them and never writes into them


def in_the_set(entry: str) -> str:
    """A line of a run's list as a path from the run folder to the data set's own picture."""
    return _OF_THE_SET + entry if is_own(entry) else entry


def is_own(entry: str) -> bool:
    """Whether a line of a run's list is a picture in the run folder (in runs of old versions none is)."""
    return entry.startswith(("obj/", _MADE)) and ".." not in PurePosixPath(entry).parts


def give_pictures(folder: Path, work: WorkFolder, lists: Mapping[Split, Sequence[str]]) -> None:
    """Put the listed pictures with their labels into a new run folder, and its lists of them.

    A picture or label that is missing stays missing: the check before the training says it.

    Args:
        folder: The run folder.
        work: The data set.
        lists: Pictures of each split, relative to the data set.

    Raises:
        WriteError: One cannot be written, as the disk is full.
    """
    made: set[Path] = set()
    for entry in dict.fromkeys(entry for entries in lists.values() for entry in entries if is_own(entry)):
        source, target = work.root / entry, folder / entry
        if target.parent not in made:
            make_folder(target.parent)
            made.add(target.parent)
        if source.is_file():
            link_or_copy(source, target)
        label = source.with_suffix(".txt")
        if entry.startswith(_MADE) and label.is_file():
            link_or_copy(label, target.with_suffix(".txt"))
        elif label.is_file():
            _copy(label, target.with_suffix(".txt"))
    for split, entries in lists.items():
        lines = (entry if is_own(entry) else str(PurePosixPath(_OF_THE_SET, entry)) for entry in entries)
        write_atomic(folder / f"{split}.txt", "".join(f"{line}\n" for line in lines))


def keep_weights(weights: Path, target: Path) -> None:
    """Keep the weights that a run begins with.

    Those of another run are copied: Darknet writes into the files in a backup folder.

    Raises:
        WriteError: It cannot be written.
    """
    if (weights.parent.parent / "run.json").is_file():
        try:
            shutil.copyfile(weights, target)
        except OSError as error:
            raise WriteError.from_os_error(error, target) from error
    else:
        link_or_copy(weights, target)


def _copy(label: Path, target: Path) -> None:
    try:
        target.write_bytes(label.read_bytes())  # the folder is new: nobody reads it yet
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error


def read_list(path: Path) -> list[str]:
    """The lines of a list of pictures.

    Raises:
        FormatError: It cannot be read, is not UTF-8, or has a blank line.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("is not UTF-8 text.", path=path, code="bad-encoding") from error
    except OSError as error:
        raise FormatError(
            f"cannot be read: {error.strerror or error}.", path=path, code="bad-list"
        ) from error
    # Not splitlines: a name may hold a carriage return, or what Unicode calls the end of a line.
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if lines and all(line.endswith("\r") for line in lines):  # written on another system
        lines = [line[:-1] for line in lines]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise FormatError("blank line in a list of pictures.", path=path, line=number, code="bad-list")
    return lines


def is_safe_entry(entry: str) -> bool:
    """Whether a path in a list may reach Darknet: no blank, nothing that means something to a shell."""
    return _SAFE_ENTRY.fullmatch(entry) is not None and not entry.startswith("-")


def refuse_unsafe(lists: Mapping[Split, Sequence[str]], work: WorkFolder) -> None:
    """Refuse blanks and characters that mean something to a shell in the paths of the lists.

    One of the Darknets puts the name of a bad label into a shell command.

    Raises:
        UsageError: A path has such a character.
    """
    for split, entries in lists.items():
        for number, entry in enumerate(entries, 1):
            if not is_safe_entry(entry):
                raise UsageError(
                    f"{entry!r} has a blank or a character that must not reach Darknet.",
                    path=work.list_of(split),
                    line=number,
                    code="unsafe-name",
                    hint="Rename the picture: letters, digits, and . _ - are fine.",
                )
