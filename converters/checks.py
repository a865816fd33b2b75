"""What may be wrong with a set's boxes, classes and labels: pure functions over the model.

Codecs report what cannot be read; this module looks at what was read. Findings about pictures that show
the same are in :func:`check_alike`, those about a Darknet data set in :mod:`converters.checks_work`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from converters.fingerprint import Fingerprint, pairs
from converters.geometry import as_array, clip, iou
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Report, Severity
from converters.stats import aspect

TINY_SIDE = 4.0
"""Pixels; a shorter side is more likely a slip of the hand than an object."""
TINY_NETWORK_SIDE = 8.0
"""Pixels at the network's size; a stride-8 cell, the finest of YOLO's."""
EXTREME_ASPECT = 6.0
"""Longer side by shorter side."""
DUPLICATE_IOU = 0.95
NEAR_DUPLICATE_IOU = 0.70
SLIVER = 1e-3
"""Pixels that a box may pass an edge by: rounding of normalised coordinates, not a mistake."""

_TOLD_BY_CODECS = frozenset({"box-outside", "box-empty", "image-without-label"})


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What is looked for beside the obvious.

    Attributes:
        network_size: (width, height) of the network's input in pixels; None: boxes are not measured there.
    """

    network_size: tuple[int, int] | None = None


def check_dataset(dataset: Dataset, report: Report, options: CheckOptions = CheckOptions()) -> None:
    """Look at every box, the class names and the images without labels; findings go to ``report``."""
    check_classes(dataset, report)
    for image in dataset:
        if not image.labelled:
            report.warning(
                "image-without-label",
                "has no label file.",
                path=image.path,
                key=image.key,
                hint="Label it, or save it without boxes to say that there is nothing.",
            )
        check_image(image, report, options)


def check_classes(dataset: Dataset, report: Report) -> None:
    """Class names that are hardly different, and classes without a box."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in dataset.class_names:
        alike["".join(name.casefold().split()).replace("_", "").replace("-", "")].append(name)
    for names in alike.values():
        if len(names) > 1:
            report.warning(
                "class-names-alike",
                f"classes {_listed(names)} differ only by case, blanks, - or _.",
                path=dataset.root,
                hint=f"If they mean the same: --rename {','.join(f'{n}={names[0]}' for n in names[1:])}",
            )
    used = {box.label for image in dataset for box in image.boxes}
    for name in dataset.class_names:
        if name not in used:
            report.warning(
                "class-unused",
                f"class {name!r} has no box.",
                path=dataset.root,
                hint="Darknet counts it with an AP of 0; leave it out, or label some.",
            )


def check_image(image: AnnotatedImage, report: Report, options: CheckOptions = CheckOptions()) -> None:
    """Look at the boxes of one image."""
    sound: list[int] = []
    for index, box in enumerate(image.boxes):
        if _check_box(image, index, box, report, options):
            sound.append(index)
    _check_pairs(image, sound, report)


def check_alike(dataset: Dataset, fingerprints: Mapping[str, Fingerprint], report: Report) -> None:
    """Pictures that are identical, or nearly, as warnings on the later one of each pair."""
    images = {image.key: image for image in dataset}
    for pair in pairs({key: mark for key, mark in fingerprints.items() if key in images}):
        first, second = images[pair.first], images[pair.second]
        counts = ""
        if len(first.boxes) != len(second.boxes):
            counts = f" (with other boxes: {len(first.boxes)} there, {len(second.boxes)} here)"
        elif [(b.xyxy, b.label) for b in first.boxes] != [(b.xyxy, b.label) for b in second.boxes]:
            counts = " (with its boxes drawn otherwise)"
        if pair.identical:
            code, what = "image-identical", f"has exactly the pixels of {first.name}{counts}."
        else:
            code, what = "image-near-identical", f"shows nearly the same as {first.name}{counts}."
        report.warning(
            code,
            what,
            path=second.path,
            key=second.key,
            hint="Keep one of them, or keep both in the same split (convert-cli does).",
        )


def without_repeats(report: Report) -> Report:
    """The same report without what a codec has said already of the same box or picture."""
    result = Report(fail_fast=report.fail_fast)
    told: set[tuple[str, str | None, int | None]] = set()
    for issue in report:
        name = (issue.code, issue.key, issue.box)
        if issue.code not in _TOLD_BY_CODECS or name not in told:
            result.issues.append(issue)
        told.add(name)
    return result


def with_lines(report: Report, dataset: Dataset) -> Report:
    """The same report, with the label file's line where a finding names a box but no line."""
    images = {image.key: image for image in dataset}
    cache: dict[Path, list[int]] = {}
    result = Report(fail_fast=report.fail_fast)
    for issue in report:
        image = images.get(issue.key or "")
        path, index = issue.path, issue.box
        if issue.line is None and path is not None and index is not None and image is not None:
            if path not in cache:
                cache[path] = lines_of(path)
            origin = image.boxes[index].origin if index < len(image.boxes) else None
            if path == image.annotation and origin is not None and origin < len(cache[path]):
                issue = replace(issue, line=cache[path][origin])
        result.issues.append(issue)
    return result


def lines_of(annotation: Path) -> list[int]:
    """1-based line of each box in a label file, in its order; empty where the kind of file is unknown."""
    try:
        raw = annotation.read_bytes()
    except OSError:
        return []
    if annotation.suffix.lower() == ".txt":
        return [number for number, line in enumerate(raw.splitlines(), 1) if line.strip()]
    if annotation.suffix.lower() == ".xml":
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
        root = etree.fromstring(raw, parser)
        if root is not None:
            lines = [element.sourceline for element in root.iterfind("object")]
            return [line if isinstance(line, int) else 1 for line in lines]
    return []


def summary_lines(report: Report) -> list[str]:
    """How often each code was found, errors first: ``3 errors  box-empty``."""
    counts = Counter((issue.severity, issue.code) for issue in report)
    ranked = sorted(counts.items(), key=lambda item: (item[0][0] is not Severity.ERROR, -item[1], item[0][1]))
    return [
        f"{count:6d} {severity}{'s' if count != 1 else ' '}  {code}" for (severity, code), count in ranked
    ]


def _check_box(image: AnnotatedImage, index: int, box: Box, report: Report, options: CheckOptions) -> bool:
    """Look at one box; returns whether it has an area inside the picture."""
    where: dict[str, Any] = {"path": image.annotation or image.path, "key": image.key, "box": index}
    x1, y1, x2, y2 = box.xyxy
    name = f"{box.label} box at {x1:.5g},{y1:.5g} {x2:.5g},{y2:.5g}"
    if not x1 < x2 or not y1 < y2:
        swapped = x1 > x2 or y1 > y2
        kind = "has its edges swapped" if swapped else "has no area"
        report.error("box-empty", f"{name} {kind}.", **where, hint="Draw it again, or delete it.")
        return False
    inside = clip(as_array([box]), image.size)[0]
    width, height = float(inside[2] - inside[0]), float(inside[3] - inside[1])
    size = f"{image.size[0]}x{image.size[1]}"
    if width <= 0 or height <= 0:
        report.error("box-outside", f"{name} lies outside the {size} picture.", **where)
        return False
    over = float(np.abs(as_array([box])[0] - inside).max())
    if over > SLIVER:
        report.warning(
            "box-outside", f"{name} passes the edge of the {size} picture by {over:.3g} px.", **where
        )
    side = min(width, height)
    if side < TINY_SIDE:
        report.warning("box-tiny", f"{name} is only {width:.3g}x{height:.3g} px.", **where)
    elif options.network_size is not None:
        net_width, net_height = options.network_size
        # The smaller scale of both: what a Darknet that letterboxes leaves of the box.
        scale = min(net_width / image.size[0], net_height / image.size[1])
        if side * scale < TINY_NETWORK_SIDE:
            report.warning(
                "box-tiny-network",
                f"{name} is only {width * scale:.3g}x{height * scale:.3g} px "
                f"at the network's {net_width}x{net_height}.",
                **where,
            )
    if aspect(box) > EXTREME_ASPECT:
        report.warning("box-aspect", f"{name} is {aspect(box):.1f} times as long as wide.", **where)
    return True


def _check_pairs(image: AnnotatedImage, sound: list[int], report: Report) -> None:
    """Boxes that lie on each other: one object that was labelled twice."""
    boxes = [image.boxes[index] for index in sound]
    if len(boxes) < 2:
        return
    edges = as_array(boxes)
    overlap = np.triu(iou(edges, edges), 1)
    for i, j in zip(*np.nonzero(overlap > NEAR_DUPLICATE_IOU), strict=True):
        a, b = boxes[i], boxes[j]
        where: dict[str, Any] = {"path": image.annotation or image.path, "key": image.key, "box": sound[j]}
        value = float(overlap[i, j])
        if a.label == b.label and value > DUPLICATE_IOU:
            text = f"{b.label} box {sound[j] + 1} repeats box {sound[i] + 1} (IoU {value:.2f})."
            report.warning("box-duplicate", text, **where, hint="Delete one of them.")
        else:
            text = (
                f"{b.label} box {sound[j] + 1} lies almost on {a.label} box {sound[i] + 1} (IoU {value:.2f})."
            )
            report.warning("box-near-duplicate", text, **where, hint="Is it one object?")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
