"""Mending label files that reading refused: what is to become of them, with their originals kept.

Such files are left out of the session, so these changes are no edits of it. The files change as one, their
originals go to ``.annotator/originals``, where :func:`bring_back` finds them; then the set is read anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from annotator.core.findings import Finding
from annotator.core.session import Session
from converters import originals, registry
from converters.errors import DataError, FormatError, UsageError
from converters.fixing import plan_fixes
from converters.formats.base import LoadOptions, ProgressCallback
from converters.images import is_image
from converters.model import AnnotatedImage, Dataset
from converters.report import Report

TEXT_SUFFIXES = frozenset({".xml", ".txt", ".json", ".csv", ".tsv", ".yaml", ".yml", ".names", ".data"})
MAX_TEXT_BYTES = 8_000_000
"""A larger file is not shown as text."""


class FileWay(StrEnum):
    """What can be done about a label file that was refused."""

    TEXT = "text"
    SYSTEM = "system"
    MEND = "mend"
    GOOD_BOXES = "good-boxes"
    TRUST_IMAGE = "trust-image"
    TRUST_LABEL = "trust-label"
    ANEW = "anew"


_MENDABLE = frozenset({"box-swapped", "box-empty", "box-far-outside"})
_BAD_ENTRIES = frozenset(
    {"box-swapped", "box-empty", "box-far-outside", "bad-number", "not-finite", "bad-columns", "bad-class"}
    | {"no-name", "bad-label", "no-bndbox", "no-bbox", "bad-entry", "bad-shape", "bad-element"}
    | {"unknown-class", "more-errors", "not-normalised", "bad-confidence", "repeated-element", "bad-points"}
    | {"bad-bbox", "no-xmin", "no-ymin", "no-xmax", "no-ymax", "bad-outline"}
)
"""Of one box: the others of the file may be good."""


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What label files will be.

    Attributes:
        root: The set's folder.
        changes: (as it is, as it will be) by path relative to it; None: the file goes.
        done: What is done, for the list beside the originals.
        boxes: How many boxes the files hold then.
        keys: The pictures they belong to.
    """

    root: Path
    changes: dict[str, tuple[bytes, bytes | None]]
    done: tuple[dict[str, Any], ...]
    boxes: int
    keys: tuple[str, ...]


def is_text(finding: Finding) -> bool:
    """Whether a finding is about a file that can be read as text."""
    path = finding.issue.path
    return path is not None and path.suffix.lower() in TEXT_SUFFIXES and not is_image(path)


def file_ways(session: Session, finding: Finding) -> tuple[FileWay, ...]:
    """What can be done about the file of a finding, the likeliest first."""
    key = finding.key
    if not is_text(finding):
        return ()
    shown = (FileWay.TEXT, FileWay.SYSTEM)
    if key is None or key in session or not finding.is_error:
        return shown
    mends = (FileWay.MEND,) if finding.code in _MENDABLE else ()
    if not registry.is_per_image(session.codec):
        return (*mends, *shown)
    if finding.code == "size-mismatch":
        return (FileWay.TRUST_IMAGE, FileWay.TRUST_LABEL, *shown)
    if finding.code in _BAD_ENTRIES:
        return (*mends, FileWay.GOOD_BOXES, *shown)
    return (*shown, FileWay.ANEW)


def plan_files(
    root: Path,
    format: str,
    findings: Sequence[Finding],
    way: FileWay,
    on_progress: ProgressCallback | None = None,
) -> FilePlan:
    """Work out what label files will be; to be called in any thread.

    Args:
        root: The set's folder.
        format: Name of its codec.
        findings: About these files.
        way: What is to be done.
        on_progress: Told while the set is read.

    Raises:
        DataError: Nothing can be done so, or the set cannot be read.
    """
    paths = {one.issue.path for one in findings if one.issue.path is not None}
    if way is FileWay.ANEW:
        return _plan_anew(root, paths, findings)
    if way is FileWay.MEND:
        plan = plan_fixes(root, LoadOptions(on_progress=on_progress, fix_outside=True), format=format)
        changes: dict[str, tuple[bytes, bytes | None]] = {
            _name(path, root): change for path, change in plan.changes.items() if path in paths
        }
        done = tuple(fix.as_dict() for fix in plan.fixes if fix.path in paths)
        return _checked(root, changes, done, plan.dataset, paths)
    options = LoadOptions(on_progress=on_progress, keep_good=True)
    if way is not FileWay.GOOD_BOXES:
        options = replace(options, trust_size="image" if way is FileWay.TRUST_IMAGE else "xml")
    dataset = registry.load(root, Report(), options, format=format)
    codec = registry.image_codec(dataset.format)
    changes = {}
    for image in dataset:
        path = image.annotation
        if path in paths and path is not None:
            before = _read(path)
            changes[_name(path, root)] = before, codec.cleaned(image, dataset.class_names, before)
    told = tuple({"code": one.code, "message": f"{way}: {one.issue.message}"} for one in findings)
    return _checked(root, changes, told, dataset, paths)


def carry_out(plan: FilePlan) -> Path:
    """Change the files, all or none; the set is open in this process.

    Returns:
        The folder with the originals.

    Raises:
        DataError: A file was changed meanwhile.
        WriteError: One cannot be written; nothing was changed.
    """
    return originals.change_files(plan.root, plan.changes, plan.done, is_ours=True)


def replace_text(root: Path, path: Path, before: bytes, after: bytes) -> Path:
    """Change a label file to what a person wrote; the original is kept.

    Raises:
        DataError: It was changed meanwhile, or lies outside the set.
        WriteError: It cannot be written.
    """
    done = {"code": "edited", "message": "edited by hand", "path": str(path)}
    return originals.change_files(root, {_name(path, root): (before, after)}, (done,), is_ours=True)


def bring_back(root: Path) -> list[str]:
    """Bring back the originals of the latest change of label files.

    Returns:
        The files, relative to the set's folder.

    Raises:
        DataError: There is none, or a file was edited since; nothing was changed.
    """
    return originals.undo_latest(root, is_ours=True)


def read_text_file(path: Path) -> tuple[bytes, str, str]:
    """A label file as text: its bytes, its text, and its encoding.

    Raises:
        DataError: It cannot be read, is too large to be shown, or is no text.
    """
    data = _read(path)
    if len(data) > MAX_TEXT_BYTES:
        raise UsageError("is too large to be shown here.", path=path, hint="Open it in an editor.")
    for encoding in ("utf-8", "utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8",):
        try:
            return data, data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    # Every byte has its character there and goes back as it was: a damaged file can be looked at, too.
    return data, data.decode("latin-1"), "latin-1"


def _plan_anew(root: Path, paths: Iterable[Path], findings: Sequence[Finding]) -> FilePlan:
    changes: dict[str, tuple[bytes, bytes | None]] = {
        _name(path, root): (_read(path), None) for path in paths
    }
    done = tuple({"code": one.code, "message": f"put aside: {one.issue.message}"} for one in findings)
    keys = tuple(dict.fromkeys(one.key for one in findings if one.key is not None))
    return FilePlan(root, changes, done, 0, keys)


def _checked(
    root: Path,
    changes: dict[str, tuple[bytes, bytes | None]],
    done: tuple[dict[str, Any], ...],
    dataset: Dataset,
    paths: Iterable[Path | None],
) -> FilePlan:
    changes = {name: change for name, change in changes.items() if change[0] != change[1]}
    if not changes:
        raise FormatError(
            "cannot be mended so: no part of it can be read.",
            path=next(iter(paths), None),
            hint="Open it as text, or label the picture anew.",
        )
    images: list[AnnotatedImage] = [
        image
        for image in dataset
        if image.annotation is not None and _name(image.annotation, root) in changes
    ]
    boxes = sum(len(image.boxes) for image in images)
    return FilePlan(root, changes, done, boxes, tuple(image.key for image in images))


def _name(path: Path, root: Path) -> str:
    if not path.is_relative_to(root):
        raise DataError(f"does not lie in {root}.", path=path, hint="Mend it where it lies.")
    return path.relative_to(root).as_posix()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}.", path=path) from error
