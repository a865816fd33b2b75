"""Label files of formats that are not read: who has a set of them should be told, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from converters.formats.json_document import head_of
from converters.layout import Tree, key_of, stem_of, suffix_of
from converters.report import Report
from converters.words import counted

_LOOKED_AT = 20
"""So many files are opened."""


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A format that is not read: its name, and what its files hold, all of it."""

    name: str
    keys: tuple[str, ...]

    def fits(self, head: bytes) -> bool:
        return all(re.search(rb'"%s"\s*:' % key.encode(), head) for key in self.keys)


_JSON = (
    _Foreign("CreateML", ("annotations", "coordinates")),
    _Foreign("VIA", ("shape_attributes", "region_attributes")),
    _Foreign("VIA", ("_via_img_metadata",)),
    _Foreign("VoTT", ("asset", "regions")),
    _Foreign("VoTT", ("vottVersion",)),
    _Foreign("Supervisely", ("geometryType", "classTitle")),
    _Foreign("Datumaro", ("items", "categories", "annotations")),
    _Foreign("Labelbox", ("data_row", "projects")),
    _Foreign("BDD100K (Scalabel)", ("box2d",)),
    _Foreign("SageMaker Ground Truth", ("source-ref",)),
)
_LABELS = re.compile("annotation|instances|label|coco")
_SUFFIXES = {".tfrecord": "TFRecord", ".tfrecords": "TFRecord", ".record": "TFRecord"}
_TEXTS = frozenset({".json", ".ndjson", ".jsonl", ".manifest"})
_HINTS = {"VIA": "Export it as COCO, or as CSV, which is read."}


def report_foreign(tree: Tree, report: Report) -> None:
    """Say what there is in a set in which no label file was recognised.

    Args:
        tree: The set's files.
        report: Told of label files of formats that are not read (``foreign-format``, an error), else of
            files that have pictures' names and are of no known kind (``unknown-labels``, a warning).
    """
    told: set[str] = set()
    opened = 0
    for name in tree.files:
        kind = _SUFFIXES.get(suffix_of(name))
        if suffix_of(name) in _TEXTS and opened < _LOOKED_AT:
            opened += 1
            head = head_of(tree.root / name)
            kind = next((foreign.name for foreign in _JSON if foreign.fits(head)), None)
            if kind is None and suffix_of(name) == ".json" and _is_for_labels(name):
                _report_no_json(tree, name, head, report)
        if kind is not None and kind not in told:
            told.add(kind)
            report.error(
                "foreign-format",
                f"is in the format of {kind}, which is not read.",
                path=tree.root / name,
                hint=_HINTS.get(kind, "Export it as COCO or Pascal VOC."),
            )
    if not told:
        _report_unknown(tree, report)


def _is_for_labels(name: str) -> bool:
    """Whether a file's name or folder says that it holds labels."""
    path = PurePosixPath(name.casefold())
    return _LABELS.search(path.stem) is not None or any(_LABELS.search(part) for part in path.parts[:-1])


def _report_no_json(tree: Tree, name: str, head: bytes, report: Report) -> None:
    """Say that a file that is meant to hold labels is no JSON; without it nobody would miss them."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20]
    if start[:1] in (b"{", b"["):
        return
    shown = start.split(b"\n")[0].decode("utf-8", "replace")
    report.error(
        "bad-json",
        f"is not JSON: it begins with {shown!r}." if start else "is empty, not JSON.",
        path=tree.root / name,
        line=1,
        hint="Export it again; JSON has no comments.",
    )


def _report_unknown(tree: Tree, report: Report) -> None:
    stems = {PurePosixPath(key_of(name)).name for name in tree.pictures}
    named = [name for name in tree.with_suffix(".json", ".xml") if stem_of(name) in stems]
    if named:
        report.warning(
            "unknown-labels",
            f"{counted(len(named), 'file')} with the name of a picture {'is' if len(named) == 1 else 'are'} "
            "in no format that is read.",
            path=tree.root / named[0],
            hint="convert-cli --help lists the formats, under --from.",
        )
