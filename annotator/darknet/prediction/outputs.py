"""Predictions as files that other tools read: CSV, COCO's results, YOLO's text, and Darknet's own JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from converters.files import make_folder, write_atomic

FORMATS = ("coco", "yolo", "darknet")
"""What can be written beside ``predictions.csv`` and ``predictions.json``."""
_CSV_COLUMNS = ("image", "label", "confidence", "x1", "y1", "x2", "y2")


def write_predictions(
    out: Path,
    results: Sequence[dict[str, Any]],
    class_names: Sequence[str],
    weights: Path,
    formats: Sequence[str] = (),
) -> list[Path]:
    """Write ``predictions.csv``, ``predictions.json`` and the other formats; returns what was written.

    Args:
        out: The folder.
        results: As for :func:`write_coco`.
        class_names: In the order of their ids.
        weights: What the predictions were made with.
        formats: Of :data:`FORMATS`.

    Raises:
        WriteError: It cannot be written.
    """
    written = [write_csv(out, results)]
    content = {"weights": str(weights), "images": list(results)}
    written.append(out / "predictions.json")
    write_atomic(written[-1], json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    makers = {"coco": write_coco, "yolo": write_yolo, "darknet": write_darknet}
    written += [makers[name](out, results, class_names) for name in FORMATS if name in formats]
    return written


def write_csv(out: Path, results: Sequence[dict[str, Any]]) -> Path:
    """A line for each box: the picture, the class, the confidence and the edges in pixels.

    Raises:
        WriteError: It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for result in results:
        for box in result["boxes"]:
            writer.writerow((result["image"], box["label"], box["confidence"], *box["xyxy"]))
    path = out / "predictions.csv"
    write_atomic(path, text.getvalue())
    return path


def write_darknet(out: Path, results: Sequence[dict[str, Any]], class_names: Sequence[str]) -> Path:
    """What ``darknet detector test -out`` writes, but always as JSON that can be read.

    Args and errors as for :func:`write_coco`.
    """
    ids = {name: index for index, name in enumerate(class_names)}
    entries = [
        {
            "frame_id": number,
            "filename": result["path"],
            "objects": [
                _darknet_object(box, ids, result["width"], result["height"]) for box in result["boxes"]
            ],
        }
        for number, result in enumerate(results, 1)
    ]
    path = out / "predictions-darknet.json"
    write_atomic(path, json.dumps(entries, ensure_ascii=False, indent=1) + "\n")
    return path


def _darknet_object(box: dict[str, Any], ids: dict[str, int], width: int, height: int) -> dict[str, Any]:
    x1, y1, x2, y2 = box["xyxy"]
    return {
        "class_id": ids[box["label"]],
        "name": box["label"],
        "relative_coordinates": {
            "center_x": round((x1 + x2) / 2 / width, 6),
            "center_y": round((y1 + y2) / 2 / height, 6),
            "width": round((x2 - x1) / width, 6),
            "height": round((y2 - y1) / height, 6),
        },
        "confidence": box["confidence"],
    }


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
