"""Label Studio: one JSON file of tasks (its exports JSON and JSON_MIN), to be imported there, too.

What is written names pictures as files of the folder that Label Studio serves: start it with
``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`` and ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT`` set to the
set's folder, and give the project the labelling interface in ``label_config.xml``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from converters.errors import FormatError
from converters.files import write_if_changed
from converters.formats import label_studio_document as studio
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions
from converters.formats.json_document import (
    DoubledDict,
    JsonDocument,
    JsonSpot,
    head_of,
    read_json,
)
from converters.formats.kinds import SharedKind, claims_of, label_files
from converters.formats.label_studio_config import CONFIG, find_config, new_config, read_config, with_classes
from converters.formats.label_studio_document import Region, Task
from converters.formats.label_studio_names import Names
from converters.formats.label_studio_writing import edited_file, new_file
from converters.formats.saving import same_folder
from converters.formats.saving_shared import reference_from, save_shared
from converters.formats.shared import PictureLabels, SharedFile, load_shared
from converters.layout import Tree, scan
from converters.model import AnnotatedImage, Dataset
from converters.reading import read_small_file
from converters.report import Report

_DATA = re.compile(rb'"data"\s*:\s*\{')
_ANNOTATIONS = re.compile(rb'"(annotations|completions|predictions)"\s*:\s*\[')
_RESULT = re.compile(rb'"(result|was_cancelled|completed_by|from_name)"\s*:')
_MINIMAL = re.compile(rb'"(rectangle|polygon|ellipse|brush|keypoint)?labels"\s*:\s*\[')


def looks_like_label_studio(name: str, head: bytes) -> bool:
    """Whether a file is an export of Label Studio, by its first bytes."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"["):
        return False
    if _ANNOTATIONS.search(start) and (_RESULT.search(start) or _DATA.search(start)):
        return True
    return bool(_MINIMAL.search(start) and b'"original_width"' in start)


def _count(head: bytes, size: int) -> int | None:
    if size > len(head):
        return None
    return len(_DATA.findall(head)) or len(re.findall(rb'"annotator"\s*:', head)) or None


KIND = SharedKind(
    name="label-studio",
    title="Label Studio",
    suffixes=(".json",),
    recognises=looks_like_label_studio,
    count=_count,
    default="label-studio.json",
)


class LabelStudioCodec:
    """Reads and writes JSON of Label Studio."""

    name = KIND.name
    title = KIND.title
    loses = ("confidence", "the split of pictures without labels", "coordinates finer than 0.000001 px")
    keeps = Keeps(flags=frozenset(studio.FLAGS))

    def detect(self, root: Path) -> bool:
        """Whether a file there looks like an export of Label Studio."""
        return self.claims(scan(root)) > 0

    def claims(self, tree: Tree) -> int:
        """How many pictures Label Studio's files seem to name."""
        return claims_of(tree, KIND)

    def recognises(self, path: Path) -> bool:
        """Whether a file looks like an export of Label Studio."""
        return path.suffix.lower() in KIND.suffixes and looks_like_label_studio(path.name, head_of(path))

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture, or no file of Label Studio's.
        """
        return load_shared(root, report, options, KIND, _read)

    def entry_lines(self, path: Path) -> list[int]:
        """1-based line of each region."""
        try:
            document = read_json(path)
            return list(_region_lines(document))
        except FormatError:
            return []

    def render_file(
        self,
        path: Path,
        images: Sequence[AnnotatedImage],
        class_names: tuple[str, ...],
        base: bytes | None,
        *,
        removed: frozenset[int] = frozenset(),
    ) -> bytes:
        """The bytes of one file; see :meth:`converters.formats.base.SharedCodec.render_file`.

        What reading refuses or skips in ``base`` stays, unless a box says it stands for it. An outline whose
        box was moved becomes a rectangle.

        Raises:
            FormatError: A label is no class, or ``base`` is no file of Label Studio's.
        """
        return _rendered(path, images, class_names, base, keep_unread=True, removed=removed)

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the labelling interface beside the label file, if there is one, name these classes.

        Raises:
            FormatError: It is broken, or a name cannot stand in it.
            WriteError: It cannot be written.
        """
        config = next((found for found in map(find_config, _folders(root)) if found is not None), None)
        if config is not None:
            write_if_changed(config, with_classes(read_small_file(config), class_names))

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``images/``, ``label-studio.json`` (or one for each split) and ``label_config.xml``.

        In the set's own folder only label files (and the interface) are written, each where it is. A set read
        from Label Studio takes along what else its files say.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        in_place = dataset.format == self.name and same_folder(dataset.root, root)
        config = b"" if in_place else new_config(dataset.class_names)
        save_shared(self, KIND, dataset, root, report, _render_new)
        if not in_place:
            write_if_changed(root / CONFIG, config)


def _read(file: SharedFile) -> None:
    """Read one file."""
    document = read_json(file.path)
    config = find_config(file.path.parent) or find_config(file.reader.index.root)
    if config is not None:
        try:
            file.class_names = read_config(config)
        except FormatError as error:
            error.path = config
            file.reader.report.add_exception(error)
    names = Names(file.reader.index, file.name)
    for index, task in enumerate(studio.tasks_of(document.value)):
        if isinstance(task, FormatError):
            file.refuse(task, document.spot("", index))
            continue
        _read_task(file, task, document.spot("", index, task.value.get("id")), names)


def _read_task(file: SharedFile, task: Task, where: JsonSpot, names: Names) -> None:
    if task.predictions:
        file.count("predictions-ignored", "task", "with predictions of a model, which are no labels", where)
    if task.annotators > 1:
        rest = "labelled more than once; the last annotation is taken, or the last one marked as ground truth"
        file.count("several-annotators", "task", rest, where)
    if isinstance(task.value, DoubledDict):
        file.refuse(
            FormatError(f"has the key {task.value.doubled[:40]!r} twice.", code="repeated-key"), where
        )
        return
    if task.cancelled:
        file.count("task-skipped", "task", "skipped by everybody: not labelled", where)
    if task.result_way is None:
        return
    if task.image is None:
        file.refuse(FormatError("names no picture.", code="no-picture-name"), where)
        return
    try:
        reference = names.find(task.image)
    except FormatError as error:
        file.refuse(error, where)
        return
    size = task.size
    labels = file.picture(reference, where, size=size, sized=size is not None, origin=task.index)
    if labels is not None:
        # Percents are of the picture as it is, whichever size it had.
        labels.scale = (1.0, 1.0)
        for region in task.regions:
            _read_region(file, labels, region, task, where)


def _read_region(
    file: SharedFile, labels: PictureLabels, region: Region, task: Task, where: JsonSpot
) -> None:
    way = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in region.way)
    spot = where.at(way)
    kind = region.kind
    if kind in ("choices", "relation") and (kind == "relation" or region.id is not None):
        return  # says something of another region
    if kind not in studio.WITH_BOX:
        file.outlines.skipped(kind, file.path, None)
        return
    if isinstance(region.entry, DoubledDict):
        labels.refuse(
            FormatError(f"has the key {region.entry.doubled[:40]!r} twice.", code="repeated-key"), spot
        )
        return
    try:
        found = studio.box_of(region, labels.size, task.regions)
    except FormatError as error:
        labels.refuse(error, spot)
        return
    if found is None:
        return
    box, outline = found
    if outline:
        file.outlines.taken(outline, file.path, None)
    if studio.class_count(region) > 1:
        file.count("several-classes", "region", "with several classes, of which the first is taken", spot)
    labels.add(box.xyxy, box.label, spot, flags=box.flags, origin=box.origin)


def _twice(entry: DoubledDict) -> FormatError:
    return FormatError(f"has the key {entry.doubled[:40]!r} twice.", code="repeated-key")


def _region_lines(document: JsonDocument) -> list[int]:
    """Line of each region, by its number."""
    source = document.source
    entries, _ = source.elements(source.root())
    lines: list[int] = []
    for entry in entries:
        if not isinstance(entry.value, dict):
            continue
        members, _ = source.members(entry.start)
        key = next((k for k in ("annotations", "completions") if isinstance(entry.value.get(k), list)), None)
        if key is None and "data" not in entry.value:
            arrays = [value.start for value in members.values() if isinstance(value.value, list)]
        else:
            annotations = source.elements(members[key].start)[0] if key is not None else []
            held = [source.members(a.start)[0] for a in annotations if isinstance(a.value, dict)]
            arrays = [m["result"].start for m in held if isinstance(m.get("result", entry).value, list)]
        for start in arrays:
            held_here = source.elements(start)[0]
            kept = [e for e in held_here if key is not None or isinstance(e.value, dict)]
            lines += [source.line(element.start) for element in kept]
    return lines


def _render_new(
    path: Path, images: Sequence[AnnotatedImage], class_names: tuple[str, ...], base: bytes | None
) -> bytes:
    return _rendered(path, images, class_names, base, keep_unread=False)


def _rendered(
    path: Path,
    images: Sequence[AnnotatedImage],
    class_names: tuple[str, ...],
    base: bytes | None,
    *,
    keep_unread: bool,
    removed: frozenset[int] = frozenset(),
) -> bytes:
    named = [
        (reference_from(path, i.path), i) for i in images if i.labelled or i.boxes or i.origin is not None
    ]
    if base is None:
        return new_file(named, class_names)
    document = JsonDocument(base, path)
    return edited_file(document, named, class_names, keep_unread=keep_unread, removed=removed)


def _folders(root: Path) -> list[Path]:
    """Folders in which the labelling interface may be: those of the label files, and the set's."""
    names = label_files(scan(root), KIND)
    return list(dict.fromkeys([*((root / name).parent for name in names), root]))
