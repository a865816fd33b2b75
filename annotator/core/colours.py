"""Colours of classes: two palettes, one for ground truth and one for predictions. Qt-free."""

from __future__ import annotations

Rgb = tuple[int, int, int]

# Paul Tol's "bright" and "vibrant" qualitative schemes: told apart by colour-blind people too.
_GROUND_TRUTH: tuple[Rgb, ...] = (
    (68, 187, 153), (238, 102, 119), (238, 187, 51), (102, 153, 238), (204, 102, 221),
    (170, 204, 68), (255, 136, 68), (85, 204, 238), (255, 170, 187), (187, 187, 187),
)  # fmt: skip

MATCHED: Rgb = (60, 200, 90)
"""A prediction that found its ground truth."""
WRONG: Rgb = (255, 70, 70)
"""A prediction without ground truth, or with the wrong label."""
MISSED: Rgb = (255, 165, 0)
"""Ground truth that no prediction found."""


def class_colour(class_names: tuple[str, ...], label: str) -> Rgb:
    """Colour of a class's ground truth boxes, by its place in the pinned order."""
    try:
        index = class_names.index(label)
    except ValueError:
        return (200, 200, 200)
    return _GROUND_TRUTH[index % len(_GROUND_TRUTH)]


def prediction_colour(class_names: tuple[str, ...], label: str) -> Rgb:
    """Colour of a class's predictions: the class's hue, lighter, so that both can lie on one picture."""
    red, green, blue = class_colour(class_names, label)
    return (red + (255 - red) // 2, green + (255 - green) // 2, blue + (255 - blue) // 2)


def text_on(colour: Rgb) -> Rgb:
    """Black or white, whichever reads better on ``colour`` (WCAG relative luminance)."""
    linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.18 else (255, 255, 255)
