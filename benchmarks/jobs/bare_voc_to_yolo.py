"""VOC to YOLO as barely as Python can: parse, write, link the picture. Nothing is checked or divided."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy  # noqa: F401 - what every command of ours imports
from lxml import etree

NAMES = {"with_mask": 0, "without_mask": 1, "mask_weared_incorrect": 2}


def main() -> None:
    """Convert."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True)
    for path in sorted((source / "Annotations").iterdir()):
        root = etree.parse(str(path)).getroot()
        size = root.find("size")
        width, height = float(size.findtext("width")), float(size.findtext("height"))
        lines = []
        for element in root.iterfind("object"):
            edges = element.find("bndbox")
            x1, y1, x2, y2 = (float(edges.findtext(name)) for name in ("xmin", "ymin", "xmax", "ymax"))
            numbers = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
            lines.append(f"{NAMES[element.findtext('name')]} {' '.join(f'{v:.6f}' for v in numbers)}\n")
        (out / f"{path.stem}.txt").write_text("".join(lines), encoding="utf-8")
        os.link(source / "JPEGImages" / f"{path.stem}.png", out / f"{path.stem}.png")


if __name__ == "__main__":
    main()
