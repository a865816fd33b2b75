"""Predictions as files that other tools read: COCO's results, and YOLO's text with confidences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from converters.files import make_folder, write_atomic

FORMATS = ("coco", "yolo")


def write_coco(out: Path, results: Sequence[dict[str, Any]], class_names: Sequence[str]) -> Path:
    """COCO with a ``score`` at each annotation, and as ``results`` the bare list that COCO's tools take.

    Args:
        out: The folder.
        results: Pictures with ``image``, ``width``, ``height``, and ``boxes`` of ``label``, ``confidence``
            and ``xyxy``.
        class_names: In the order of their ids, which count from 1.

    Raises:
        WriteError: It cannot be written.
    """
    ids = {name: index for index, name in enumerate(class_names, 1)}
    annotations: list[dict[str, Any]] = []
    for image_id, result in enumerate(results, 1):
        for box in result["boxes"]:
            x1, y1, x2, y2 = box["xyxy"]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": ids[box["label"]],
                    "bbox": [x1, y1, round(x2 - x1, 3), round(y2 - y1, 3)],
                    "area": round((x2 - x1) * (y2 - y1), 3),
                    "iscrowd": 0,
                    "score": box["confidence"],
                }
            )
    content = {
        "images": [
            {"id": at, "file_name": one["image"], "width": one["width"], "height": one["height"]}
            for at, one in enumerate(results, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": index, "name": name} for name, index in ids.items()],
    }
    path = out / "predictions-coco.json"
    write_atomic(path, json.dumps(content, ensure_ascii=False) + "\n")
    keys = ("image_id", "category_id", "bbox", "score")
    bare = [{key: one[key] for key in keys} for one in annotations]
    write_atomic(out / "predictions-coco-results.json", json.dumps(bare) + "\n")
    return path


def write_yolo(out: Path, results: Sequence[dict[str, Any]], class_names: Sequence[str]) -> Path:
    """A text file for each picture, ``id x y width height confidence`` a line, and ``obj.names``.

    Confidences make a sixth column: as labels for Darknet they would be wrong, so they lie in a folder of
    their own, ``yolo/``. Args and errors as for :func:`write_coco`.
    """
    ids = {name: index for index, name in enumerate(class_names)}
    folder = out / "yolo"
    make_folder(folder)
    write_atomic(folder / "obj.names", "".join(f"{name}\n" for name in class_names), durable=False)
    for result in results:
        lines = []
        width, height = result["width"], result["height"]
        for box in result["boxes"]:
            x1, y1, x2, y2 = box["xyxy"]
            place = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
            numbers = " ".join(f"{value:.6f}" for value in (*place, box["confidence"]))
            lines.append(f"{ids[box['label']]} {numbers}\n")
        target = folder / PurePosixPath(result["drawing"]).with_suffix(".txt")
        make_folder(target.parent)
        write_atomic(target, "".join(lines), durable=False)
    return folder
