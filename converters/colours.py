"""Colours of classes, the same in the window, on contact sheets and in reports."""

from __future__ import annotations

from collections.abc import Sequence

Rgb = tuple[int, int, int]

PALETTE: tuple[Rgb, ...] = (
    (68, 187, 153), (238, 102, 119), (238, 187, 51), (102, 153, 238), (204, 102, 221),
    (170, 204, 68), (255, 136, 68), (85, 204, 238), (255, 170, 187), (187, 187, 187),
)  # fmt: skip
"""After Paul Tol's qualitative schemes: told apart with any kind of colour vision, light under dark text."""

NO_CLASS: Rgb = (200, 200, 200)
"""Of a label that is none of the classes."""


def class_colour(class_names: Sequence[str], label: str) -> Rgb:
    """Colour of a class, by its place in the pinned order."""
    try:
        return PALETTE[class_names.index(label) % len(PALETTE)]
    except ValueError:
        return NO_CLASS


def class_colours(class_names: Sequence[str]) -> dict[str, Rgb]:
    """A colour for each class."""
    return {name: class_colour(class_names, name) for name in class_names}


def text_on(colour: Rgb) -> Rgb:
    """Black or white, whichever reads better on ``colour`` (WCAG relative luminance)."""
    linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.18 else (255, 255, 255)
