"""The second palette, of predictions, and the colours of right and wrong. Those of classes are the set's."""

from __future__ import annotations

from collections.abc import Sequence

from converters.colours import ClassColours, Rgb, class_colour

MATCHED: Rgb = (60, 200, 90)
"""A prediction that found its ground truth."""
WRONG: Rgb = (255, 70, 70)
"""A prediction without ground truth, or with the wrong label."""
MISSED: Rgb = (255, 165, 0)
"""Ground truth that no prediction found."""


def prediction_colour(classes: Sequence[str] | ClassColours, label: str) -> Rgb:
    """Colour of a class's predictions: the class's hue, lighter, so that both can lie on one picture."""
    red, green, blue = class_colour(classes, label)
    return (red + (255 - red) // 2, green + (255 - green) // 2, blue + (255 - blue) // 2)
