"""Colours of classes, the same in the window, on contact sheets and in reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Rgb = tuple[int, int, int]

PALETTE: tuple[Rgb, ...] = (
    (119, 255, 255), (255, 102, 17), (170, 102, 255), (204, 238, 136), (204, 119, 153),
    (119, 153, 221), (255, 204, 0), (136, 153, 85), (136, 221, 170), (221, 187, 255),
)  # fmt: skip
"""Each as far as can be from those before it, to normal eyes and to those without red, green or blue cones
(after Machado, Oliveira and Fernandes 2009), and from skin; light enough for dark text."""

NO_CLASS: Rgb = (200, 200, 200)
"""Of a label that is none of the classes."""


@dataclass(frozen=True, slots=True)
class ClassColours:
    """The colours of a set's classes: those that were chosen, and for the others one by their place.

    Attributes:
        names: The classes in their pinned order.
        chosen: Colours that are not those of the place, by class.
    """

    names: tuple[str, ...] = ()
    chosen: Mapping[str, Rgb] = field(default_factory=dict)
    _by_name: dict[str, Rgb] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {name: self.chosen.get(name, default_colour(at)) for at, name in enumerate(self.names)}
        object.__setattr__(self, "_by_name", by_name)

    def of(self, label: str) -> Rgb:
        """The colour of a class; grey for what is none of them."""
        return self._by_name.get(label, NO_CLASS)

    def on(self, names: Sequence[str]) -> ClassColours:
        """The colours of another list of classes: a class that both have keeps its own."""
        return ClassColours(tuple(names), {name: self.of(name) for name in names if name in self._by_name})


def default_colour(place: int) -> Rgb:
    """Colour of the class at a place in the order; past the palette's end lighter, then darker."""
    turn, index = divmod(place, len(PALETTE))
    towards, share = ((0, 0.0), (255, 0.5), (0, 0.35))[turn % 3]
    red, green, blue = PALETTE[index]
    return (_mixed(red, towards, share), _mixed(green, towards, share), _mixed(blue, towards, share))


def class_colour(classes: Sequence[str] | ClassColours, label: str) -> Rgb:
    """Colour of a class: of the set's colours, or by its place in a bare list of classes."""
    colours = classes if isinstance(classes, ClassColours) else ClassColours(tuple(classes))
    return colours.of(label)


def class_colours(classes: Sequence[str] | ClassColours) -> dict[str, Rgb]:
    """A colour for each class."""
    names = classes.names if isinstance(classes, ClassColours) else classes
    return {name: class_colour(classes, name) for name in names}


def _mixed(value: int, towards: int, share: float) -> int:
    return round(value + (towards - value) * share)


def text_on(colour: Rgb) -> Rgb:
    """Black or white, whichever reads better on ``colour`` (WCAG relative luminance)."""
    linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.18 else (255, 255, 255)
