"""Class ids and names that do not fit each other: what each id is, and what it is to mean from now on.

In YOLO's formats a label file holds numbers, and only the set's list of names says what they mean. Where that
list is missing, is too short, or is another one than it was, a person has to say; nothing is guessed.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from annotator.core.session import Session
from annotator.core.sidecar import Sidecar
from converters import registry
from converters.errors import FormatError
from converters.files import make_folder, write_atomic
from converters.formats.base import LoadOptions, ProgressCallback
from converters.formats.loading import load_images
from converters.formats.yolo import KIND
from converters.formats.yolo_lines import YoloReader, check_names
from converters.layout import pair_up, scan
from converters.model import Xyxy
from converters.originals import change_files
from converters.reading import read_small_file
from converters.report import Report
from converters.work import WorkFolder

FORMATS = ("yolo", "ultralytics")
"""Formats whose label files hold ids and nothing else."""
SAMPLES = 4
"""So many boxes of each id are shown."""

_FIRST = re.compile(rb"((?:\xef\xbb\xbf)?[ \t\v\f]*)([0-9]{1,9})((?:\.0*)?(?=[ \t\v\f\r\n]|$))")
_LISTS = (".names", ".labels", ".yaml", ".yml")
_MISSING = ("no-names-file", "no-names")


class Why(Enum):
    """What does not fit."""

    NO_NAMES = auto()
    """No file says what the ids mean."""
    NO_NAME_OF_ID = auto()
    """Label files hold an id that the list of names does not reach."""
    NAMES_CHANGED = auto()
    """The list of names gives an id another meaning than it had here."""


@dataclass(frozen=True, slots=True)
class IdUse:
    """One id.

    Attributes:
        id: The number.
        before: What it meant when the set was last open here, or empty.
        now: What the list of names says, or empty.
        boxes: How many boxes have it.
        pictures: In how many pictures.
        samples: Some of the boxes: picture and edges.
    """

    id: int
    before: str
    now: str
    boxes: int
    pictures: int
    samples: tuple[tuple[Path, Xyxy], ...]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Ids and names of a set that do not fit.

    Attributes:
        root: The set's folder.
        format: Name of its codec.
        why: What does not fit.
        names: What the list of names says; empty where there is none.
        pinned: The names when the set was last open here; empty where it never was.
        uses: The ids that have a name or a box, in their order.
    """

    root: Path
    format: str
    why: Why
    names: tuple[str, ...]
    pinned: tuple[str, ...]
    uses: tuple[IdUse, ...]


@dataclass(frozen=True, slots=True)
class IdMapping:
    """What is written.

    Attributes:
        names: The list of names from now on.
        ids: Ids that change: the new one, or None where the boxes are left out.
        boxes: How many boxes get another id.
        left_out: How many are left out.
        files: How many label files change at most.
    """

    names: tuple[str, ...]
    ids: dict[int, int | None] = field(default_factory=dict)
    boxes: int = 0
    left_out: int = 0
    files: int = 0


def misfit_of(session: Session) -> Why | None:
    """Whether a set that was just opened has to be asked about; quick."""
    if session.codec.name not in FORMATS or WorkFolder(session.root).exists():
        return None
    codes = {issue.code for issue in session.report.issues}
    pinned, now = session.sidecar.class_names(), session.class_names
    if pinned and now[: len(pinned)] != pinned:
        return Why.NAMES_CHANGED
    if "unknown-class" in codes:
        return Why.NO_NAME_OF_ID
    # Whoever has agreed to call classes by their ids is not asked again.
    return Why.NO_NAMES if not codes.isdisjoint(_MISSING) and now and now != pinned else None


def agree(session: Session) -> None:
    """Remember what the ids mean: another list of names is noticed when the set is opened again."""
    if session.codec.name in FORMATS and session.class_names:
        session.sidecar.pin_class_names(session.class_names)


def look(
    root: Path,
    format: str,
    why: Why,
    names: tuple[str, ...],
    pinned: tuple[str, ...],
    on_progress: ProgressCallback | None = None,
) -> Misfit:
    """Go through the label files: which ids there are, and some boxes of each. For a thread.

    Args:
        root: The set's folder.
        format: Name of its codec.
        why: What does not fit.
        names: What the list of names says.
        pinned: The names when the set was last open here.
        on_progress: Told how many pictures were read; it may raise to cancel.

    Raises:
        DataError: The set cannot be read.
    """
    boxes: dict[int, int] = {}
    pictures: dict[int, int] = {}
    samples: dict[int, list[tuple[Path, Xyxy]]] = {}
    pairs = pair_up(scan(root), KIND).pairs
    options = LoadOptions(keep_good=True, on_progress=on_progress)
    for image in load_images(root, pairs, {}, Report(), options, YoloReader(None).read):
        for id in {int(box.label) for box in image.boxes}:
            pictures[id] = pictures.get(id, 0) + 1
        for box in image.boxes:
            id = int(box.label)
            boxes[id] = boxes.get(id, 0) + 1
            some = samples.setdefault(id, [])
            # Of several pictures rather than of one.
            if len(some) < SAMPLES and all(path != image.path for path, _ in some):
                some.append((image.path, box.xyxy))
    shown = () if why is Why.NO_NAMES else names
    ids = sorted({*boxes, *range(max(len(shown), len(pinned)))})
    uses = tuple(
        IdUse(
            id,
            pinned[id] if id < len(pinned) else "",
            shown[id] if id < len(shown) else "",
            boxes.get(id, 0),
            pictures.get(id, 0),
            tuple(samples.get(id, ())),
        )
        for id in ids
    )
    return Misfit(root, format, why, shown, pinned, uses)


def mapping_for(misfit: Misfit, meaning: Mapping[int, str | None]) -> IdMapping:
    """What has to be written so that the ids mean what a person says.

    Args:
        misfit: What was found.
        meaning: The class of each id that has a box; None: its boxes are left out. An id without boxes may
            be missing.

    Raises:
        FormatError: A name cannot stand in a list of names, or an id with boxes has none.
    """
    for use in misfit.uses:
        if use.boxes and meaning.get(use.id, "") == "":
            raise FormatError(f"id {use.id} has no class yet.", code="unknown-class")
    wanted = {use.id: meaning.get(use.id) for use in misfit.uses if use.boxes}
    chosen = [name for name in meaning.values() if name]
    check_names(chosen)
    by_place = [wanted.get(id) or meaning.get(id) or "" for id in range(max(wanted, default=-1) + 1)]
    orders = [misfit.names, misfit.pinned, tuple(by_place)]
    complete = [tuple(dict.fromkeys([*order, *chosen])) for order in orders if order and all(order)]
    tried = [_mapped(misfit, names, wanted) for names in complete or [tuple(dict.fromkeys(chosen))]]
    return min(tried, key=lambda one: one.boxes)


def carry_out(misfit: Misfit, mapping: IdMapping, on_progress: ProgressCallback | None = None) -> Path | None:
    """Write it: all files or none, with the originals kept. The set must not be open. For a thread.

    Returns:
        The folder with the originals; None where no file that was there changed.

    Raises:
        DataError: A file cannot be read or written, or another program has the set open.
    """
    root = misfit.root
    changes: dict[str, tuple[bytes, bytes]] = {}
    pairs = [pair for pair in pair_up(scan(root), KIND).pairs if pair.exists]
    for done, pair in enumerate(pairs if mapping.ids else ()):
        if on_progress is not None:
            on_progress(done, len(pairs))
        before = read_small_file(root / pair.label)
        after = b"".join(_renumbered(line, mapping.ids) for line in before.splitlines(keepends=True))
        if after != before:
            changes[pair.label] = (before, after)
    fresh: dict[str, bytes] = {}
    for name, (old, new) in _name_lists(misfit, mapping.names).items():
        if old is None:
            fresh[name] = new
        else:
            changes[name] = (old, new)
    folder = None
    if changes:
        said = {str(id): new for id, new in mapping.ids.items()}
        folder = change_files(root, changes, [{"code": "class-ids", "ids": said, "names": mapping.names}])
    for name, new in fresh.items():
        write_atomic(root / name, new)
    sidecar = Sidecar(root)
    try:
        sidecar.pin_class_names(mapping.names)
    finally:
        sidecar.close()
    return folder


def _mapped(misfit: Misfit, names: tuple[str, ...], wanted: Mapping[int, str | None]) -> IdMapping:
    ids: dict[int, int | None] = {}
    for id, name in wanted.items():
        new = names.index(name) if name is not None else None
        if new != id:
            ids[id] = new
    touched = [use for use in misfit.uses if use.id in ids]
    left_out = sum(use.boxes for use in touched if ids[use.id] is None)
    boxes = sum(use.boxes for use in touched) - left_out
    return IdMapping(names, ids, boxes, left_out, sum(use.pictures for use in touched))


def _renumbered(line: bytes, ids: Mapping[int, int | None]) -> bytes:
    """A line with another id; nothing where its box is left out."""
    found = _FIRST.match(line)
    if found is None or int(found[2]) not in ids:
        return line
    new = ids[int(found[2])]
    return b"" if new is None else found[1] + str(new).encode() + found[3] + line[found.end() :]


def _name_lists(misfit: Misfit, names: tuple[str, ...]) -> dict[str, tuple[bytes | None, bytes]]:
    """The files that list the names, as they are and as they will be: what the codec makes of copies."""
    tree = scan(misfit.root)
    lists = [*tree.with_suffix(*_LISTS), *(name for name in tree.files if name.endswith("classes.txt"))]
    before = {name: read_small_file(misfit.root / name) for name in lists}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name, data in before.items():
            make_folder((copy / name).parent)
            write_atomic(copy / name, data, durable=False)
        registry.codec_named(misfit.format).write_class_names(copy, names)
        after = {
            path.relative_to(copy).as_posix(): path.read_bytes() for path in copy.rglob("*") if path.is_file()
        }
    return {name: (before.get(name), data) for name, data in after.items() if before.get(name) != data}
