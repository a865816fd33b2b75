"""Class weights as AlexeyAB's Darknet and its successors take them: ``counters_per_class``.

The key stands in each ``[yolo]`` section and lists the training boxes of every class in the order of the
names file. Darknet takes a number below 1 as 1, divides the largest by each, cuts what comes out to
``max_delta`` where the section has that, and multiplies with it the part of the loss that an object of that
class causes: its box, its objectness and its own class. (``get_classes_multipliers`` in src/parser.c and
src/yolo_layer.c at 59596d7.) The largest class keeps its weight of 1; no weight is ever below 1.
"""

from __future__ import annotations

from collections.abc import Mapping


def counters_per_class(counts: Mapping[str, int]) -> str:
    """The line for each ``[yolo]`` section of a cfg.

    Args:
        counts: Training boxes of every class, in the order of the names file.
    """
    return f"counters_per_class = {', '.join(str(count) for count in counts.values())}"


def multipliers(counts: Mapping[str, int]) -> dict[str, float]:
    """The weight that Darknet makes of the number of boxes of each class, without ``max_delta``."""
    most = max((max(count, 1) for count in counts.values()), default=1)
    return {label: most / max(count, 1) for label, count in counts.items()}
