"""What may be wrong with a set's boxes, classes and labels: pure functions over the model.

Codecs report what cannot be read; this module looks at what was read. Findings about pictures that show
the same are in :func:`check_alike`, those about a Darknet data set in :mod:`converters.checks_work`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from converters.agreement import AGREE_IOU, SAME_IOU, unmatched
from converters.fingerprint import Fingerprint, Pair, pairs
from converters.geometry import as_array, iou
from converters.model import AnnotatedImage, Box, Dataset, Xyxy
from converters.portable import shown
from converters.remap import is_placeholder
from converters.report import Report, Severity
from converters.stats import aspect
from converters.words import counted

TINY_SIDE = 4.0
"""Pixels; a shorter side is more likely a slip of the hand than an object."""
TINY_NETWORK_SIDE = 8.0
"""Pixels at the network's size; a stride-8 cell, the finest of YOLO's."""
EXTREME_ASPECT = 6.0
"""Longer side by shorter side."""
DUPLICATE_IOU = 0.95
NEAR_DUPLICATE_IOU = 0.70
MAX_COMPARED = 4_000
"""Of more boxes on one picture not each is compared with each: nobody drew them."""
_ROWS = 256
_LISTED = 20
"""Of more pictures it is not said of each that it has no label file, where none has."""
SLIVER = 1e-3
"""Pixels that a box may pass an edge by: rounding of normalised coordinates, not a mistake."""

_TOLD_BY_CODECS = frozenset(
    {"box-outside", "box-far-outside", "box-empty", "box-swapped", "image-without-label"}
)


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
    unlabelled = not any(image.labelled for image in dataset) and check_nothing_labelled(
        dataset.root, len(dataset), report
    )
    if unlabelled:
        report.issues[:] = [issue for issue in report if issue.code != "image-without-label"]
    for image in dataset:
        if not image.labelled and not unlabelled:
            check_labelled(image, report)
        check_image(image, report, options)


def check_nothing_labelled(root: Path, count: int, report: Report) -> bool:
    """Of a set without a single label file: whether that is said once, and not of each picture.

    Args:
        root: The set's folder.
        count: How many pictures it has.
        report: Told.
    """
    if count <= _LISTED:
        return False
    report.warning(
        "nothing-labelled",
        f"none of its {counted(count, 'picture')} has a label file.",
        path=root,
        hint=f"Label them (annotator {shown(root)}), or name the folder that holds both.",
    )
    return True


def check_labelled(image: AnnotatedImage, report: Report) -> None:
    """Whether a picture has a label file."""
    if not image.labelled:
        report.warning(
            "image-without-label",
            "has no label file.",
            path=image.path,
            key=image.key,
            hint="Label it, or save it without boxes to say that there is nothing.",
        )


def check_classes(dataset: Dataset, report: Report) -> None:
    """Class names that are hardly different, and classes without a box."""
    used = {box.label for image in dataset for box in image.boxes}
    check_class_names(dataset.root, dataset.class_names, used, report)


def check_class_names(root: Path, class_names: Sequence[str], used: Collection[str], report: Report) -> None:
    """The same for a list of classes.

    Args:
        root: The set's folder.
        class_names: All its classes.
        used: Those that a box has.
        report: Told what was found.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for name in class_names:
        alike["".join(name.casefold().split()).replace("_", "").replace("-", "")].append(name)
    for names in alike.values():
        if len(names) > 1:
            kept = min(names, key=lambda name: name != name.strip())
            renames = ",".join(f"{name.strip()}={kept}" for name in names if name.strip() != kept)
            report.warning(
                "class-names-alike",
                f"classes {_listed(names)} differ only by case, blanks, - or _.",
                path=root,
                hint=f"If they mean the same: --rename {renames}"
                if renames
                else "convert-cli makes them one.",
                names=tuple(names),
            )
    for name in class_names:
        if name != name.strip():
            report.warning(
                "class-blanks",
                f"class name {name!r} has blanks around it.",
                path=root,
                hint="A names file cannot hold them; convert-cli and check-cli --fix take them away.",
                names=(name,),
            )
    for name in class_names:
        if is_placeholder(name):
            report.warning(
                "class-placeholder",
                f"class {name!r} is by its name no class but marks what is to be ignored.",
                path=root,
                hint=f"Leave it out: convert-cli --drop {name}",
                names=(name,),
            )
        elif name not in used:
            report.warning(
                "class-unused",
                f"class {name!r} has no box.",
                path=root,
                hint="Darknet counts it with an AP of 0; leave it out, or label some.",
                names=(name,),
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
        check_pair(pair, images[pair.first], images[pair.second], report)


def check_pair(pair: Pair, first: AnnotatedImage, second: AnnotatedImage, report: Report) -> None:
    """Two pictures that show the same: that they do, and whether their boxes differ."""
    if pair.identical:
        code, what = "image-identical", f"has exactly the pixels of {first.name}."
    else:
        code, what = "image-near-identical", f"shows nearly the same as {first.name}."
    report.warning(
        code,
        what,
        path=second.path,
        key=second.key,
        hint="Keep one of them, or keep both in the same split (convert-cli does).",
        other_key=first.key,
    )
    # The very same picture has one right answer; of two shots of a scene the boxes may differ a little.
    there, here = unmatched(first, second, SAME_IOU if pair.identical else AGREE_IOU)
    if first.labelled and second.labelled and (there or here):
        report.warning(
            "boxes-differ",
            f"{'has exactly' if pair.identical else 'shows nearly'} what {first.name} shows, but "
            f"{here} of {len(second.boxes)} boxes here and {there} of {len(first.boxes)} there have no "
            "counterpart.",
            path=second.annotation or second.path,
            key=second.key,
            hint="One of the two is labelled wrongly, or less carefully.",
            other_key=first.key,
        )


def judged(report: Report) -> Report:
    """The same report as a check tells it: each thing once, and errors where a check is stricter.

    Codecs warn of a class that the set's own list lacks, so that a window can show its boxes.
    """
    result = without_repeats(report)
    result.issues[:] = [
        replace(issue, severity=Severity.ERROR) if issue.code == "class-not-listed" else issue
        for issue in result
    ]
    return result


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
        swapped = x1 != x2 and y1 != y2
        code, kind = ("box-swapped", "has its edges swapped") if swapped else ("box-empty", "has no area")
        report.error(code, f"{name} {kind}.", **where, hint="Draw it again, or delete it.")
        return False
    # Plain numbers: for one box NumPy takes ten times as long, and a set has hundreds of thousands.
    right, bottom = (float(side) for side in image.size)
    left, top = min(max(x1, 0.0), right), min(max(y1, 0.0), bottom)
    right, bottom = min(max(x2, 0.0), right), min(max(y2, 0.0), bottom)
    width, height = right - left, bottom - top
    size = f"{image.size[0]}x{image.size[1]}"
    if width <= 0 or height <= 0:
        report.error("box-far-outside", f"{name} lies outside the {size} picture.", **where)
        return False
    over = max(left - x1, top - y1, x2 - right, y2 - bottom)
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


def duplicates(image: AnnotatedImage) -> list[tuple[int, int, float]]:
    """Boxes that say the same twice: (first, later, their IoU), each later one once.

    Of several that repeat each other the first in the file is the one that counts.
    """
    return [pair for pair in _overlapping(image, range(len(image.boxes))) if _is_repeat(image, *pair)]


def _is_repeat(image: AnnotatedImage, first: int, later: int, overlap: float) -> bool:
    return overlap > DUPLICATE_IOU and image.boxes[first].label == image.boxes[later].label


def _overlapping(image: AnnotatedImage, indices: Sequence[int]) -> list[tuple[int, int, float]]:
    """Boxes that nearly cover an earlier one: (earlier, later, their IoU), each later one once.

    The earlier one is the first that the later one repeats and that repeats no other, else the one it
    overlaps most. With more than :data:`MAX_COMPARED` different boxes only exact repeats are found.
    """
    found: list[tuple[int, int, float]] = []
    first_of: dict[tuple[str, Xyxy], int] = {}
    for index in indices:
        box = image.boxes[index]
        first = first_of.setdefault((box.label, box.xyxy), index)
        if first != index:  # all lines of a file may be the same: that many pairs are not to be listed
            found.append((first, index, 1.0))
    different = list(first_of.values())
    if 1 < len(different) <= MAX_COMPARED:
        found += _near(image, different)
    return sorted(found, key=lambda pair: pair[1])


def _near(image: AnnotatedImage, indices: Sequence[int]) -> Iterator[tuple[int, int, float]]:
    """As :func:`_overlapping`, of boxes no two of which are the same."""
    edges = as_array(image.boxes[index] for index in indices)
    labels = np.array([image.boxes[index].label for index in indices])
    repeats = np.zeros(len(indices), dtype=bool)
    for start in range(0, len(indices), _ROWS):
        overlap = iou(edges[start : start + _ROWS], edges)
        for later in range(start, min(start + _ROWS, len(indices))):
            row = overlap[later - start, :later]
            if not row.size or row.max() <= NEAR_DUPLICATE_IOU:
                continue
            same = (row > DUPLICATE_IOU) & (labels[:later] == labels[later]) & ~repeats[:later]
            repeats[later] = bool(same.any())
            first = int(same.argmax() if repeats[later] else row.argmax())
            yield indices[first], indices[later], float(row[first])


def _check_pairs(image: AnnotatedImage, sound: Sequence[int], report: Report) -> None:
    """Boxes that lie on each other: one object that was labelled twice."""
    for first, later, value in _overlapping(image, sound):
        a, b = image.boxes[first], image.boxes[later]
        where: dict[str, Any] = {
            "path": image.annotation or image.path,
            "key": image.key,
            "box": later,
            "other_box": first,
        }
        if _is_repeat(image, first, later, value):
            text = f"{b.label} box {later + 1} repeats box {first + 1} (IoU {value:.2f})."
            report.warning("box-duplicate", text, **where, hint="Delete one of them.")
        else:
            text = f"{b.label} box {later + 1} lies almost on {a.label} box {first + 1} (IoU {value:.2f})."
            report.warning("box-near-duplicate", text, **where, hint="Is it one object?")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
