"""VOC to YOLO by globox."""

from __future__ import annotations

import sys
from pathlib import Path

from globox import AnnotationSet


def main() -> None:
    """Convert."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True)
    names = ["with_mask", "without_mask", "mask_weared_incorrect"]
    annotations = AnnotationSet.from_pascal_voc(source / "Annotations")
    annotations.save_yolo(out, label_to_id={name: number for number, name in enumerate(names)})


if __name__ == "__main__":
    main()
