"""What a run was trained on, written down when it begins: labels change, and the data set is only one.

RUN/data.json: for each listed picture a digest of its label file and how many boxes of each class it had,
and the settings of the augmentation that its copies were made with.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_VERSION = 1
_COPIES = "augmented/"


@dataclass(frozen=True, slots=True)
class DataRecord:
    """What data.json holds.

    Attributes:
        labels: For each picture of the data set (``obj/a.png``) a digest of its label file, empty for none.
        boxes: Of all of them together, the number of boxes by class id.
        augmentation: Seed and policy of the copies; empty without copies.
    """

    labels: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, int] = field(default_factory=dict)
    augmentation: dict[str, Any] = field(default_factory=dict)


def record_of(root: Path, entries: Iterable[str]) -> DataRecord:
    """Look at the data set as it is now.

    Args:
        root: The Darknet data set.
        entries: The listed pictures, relative to it.
    """
    labels: dict[str, str] = {}
    boxes: Counter[str] = Counter()
    for entry in entries:
        content = b""
        with suppress(OSError):
            content = (root / entry).with_suffix(".txt").read_bytes()
        labels[entry] = hashlib.blake2b(content, digest_size=8).hexdigest() if content.strip() else ""
        boxes.update(
            line.split()[0].decode("ascii", "replace") for line in content.splitlines() if line.strip()
        )
    return DataRecord(labels, dict(sorted(boxes.items())), _augmentation(root) if _has_copies(labels) else {})


def render_record(record: DataRecord) -> str:
    """The text of data.json."""
    content = {
        "version": _VERSION,
        "augmentation": record.augmentation,
        "boxes": record.boxes,
        "labels": record.labels,
    }
    return json.dumps(content, indent=0, ensure_ascii=False) + "\n"


def read_record(path: Path) -> DataRecord | None:
    """The record of a run; None where it has none (it is of an older version), or a broken one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            return None
        return DataRecord(
            {str(key): str(value) for key, value in content["labels"].items()},
            {str(key): int(value) for key, value in content["boxes"].items()},
            dict(content["augmentation"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _has_copies(labels: dict[str, str]) -> bool:
    return any(entry.startswith(_COPIES) for entry in labels)


def _augmentation(root: Path) -> dict[str, Any]:
    """Settings in the manifest of the copies; its long list of copies is not read into the record."""
    try:
        content = json.loads((root / _COPIES / "manifest.json").read_text(encoding="utf-8"))
        return {key: content[key] for key in ("seed", "policy", "paste") if key in content}
    except (OSError, ValueError, TypeError):
        return {}
