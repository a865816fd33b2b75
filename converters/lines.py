"""On which line of its label file a box stands, for every format: findings are told by file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from converters import registry
from converters.errors import DataError
from converters.model import AnnotatedImage, Dataset
from converters.reading import read_small_file
from converters.report import Report


def lines_of(format: str, annotation: Path) -> Mapping[int, int]:
    """1-based line of each entry that an ``origin`` of a box can mean; empty where it cannot be known.

    Args:
        format: Name of the codec that read the file.
        annotation: The label file.
    """
    try:
        if format in ("yolo", "ultralytics"):
            count = len(read_small_file(annotation).splitlines())
            return {index: index + 1 for index in range(count)}
        if format == "voc":
            from converters.formats import voc_document

            document = voc_document.parse(read_small_file(annotation))
            return {index: entry.element.line for index, entry in enumerate(document.objects)}
        if format == "labelme":
            from converters.formats import labelme_document

            shapes = labelme_document.parse(annotation.read_bytes()).shapes
            return {index: shape.line for index, shape in enumerate(shapes)}
        codec = registry.codec_named(format)
        return dict(enumerate(codec.entry_lines(annotation))) if registry.is_shared(codec) else {}
    except (DataError, OSError):
        return {}


def with_lines(report: Report, dataset: Dataset) -> Report:
    """The same report, with the label file's line where a finding names a box but no line."""
    images = {image.key: image for image in dataset}
    cache: dict[Path, Mapping[int, int]] = {}
    result = Report(fail_fast=report.fail_fast)
    for issue in report:
        image, path, index = images.get(issue.key or ""), issue.path, issue.box
        if issue.line is None and path is not None and index is not None and image is not None:
            origin = _origin(image, path, index)
            if origin is not None:
                if path not in cache:
                    cache[path] = lines_of(dataset.format, path)
                issue = replace(issue, line=cache[path].get(origin))
        result.issues.append(issue)
    return result


def _origin(image: AnnotatedImage, path: Path, index: int) -> int | None:
    """Which entry of its file a box is; None where the finding is about another file."""
    if path != image.annotation or index >= len(image.boxes):
        return None
    return image.boxes[index].origin
