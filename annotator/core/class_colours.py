"""The colours a person chose for the classes of a set. They are kept in its sidecar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from annotator.core.edit_json import pack, unpack
from annotator.core.edits import ColourChange, SetColours
from annotator.core.sidecar import Sidecar
from converters.colours import ClassColours, Rgb
from converters.errors import FormatError
from converters.model import Dataset

FACT = "colours"
"""Name of the fact of the sidecar that holds them."""


class ChosenColours:
    """The colours that were chosen, by class; a class that is not among them has that of its place."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._is_stored = True
        self.now: Mapping[str, Rgb] = chosen_from(sidecar.fact(FACT))

    def carry_out(self, changes: Iterable[ColourChange]) -> None:
        """Have other colours from now on."""
        now = dict(self.now)
        for name, _, after in changes:
            if after is None:
                now.pop(name, None)
            else:
                now[name] = after
        if now != self.now:
            self.now, self._is_stored = now, False

    def store(self) -> None:
        """Write them down, inside a transaction of the sidecar."""
        if not self._is_stored:
            self._sidecar.set_fact(FACT, pack(dict(self.now)) if self.now else None)

    def stored(self) -> None:
        """What :meth:`store` wrote has reached the database."""
        self._is_stored = True


def recolour(dataset: Dataset, name: str, colour: Rgb | None) -> SetColours:
    """The edit that gives a class a colour.

    Args:
        dataset: The set.
        name: The class.
        colour: Its colour; None: that of its place in the order.

    Raises:
        FormatError: There is no such class.
    """
    if name not in dataset.class_names:
        raise FormatError(f"there is no class {name!r}; there are {', '.join(dataset.class_names)}.")
    if colour == ClassColours(dataset.class_names).of(name):
        colour = None
    return SetColours(((name, dataset.chosen_colours.get(name), colour),), f"recolour {name}")


def chosen_from(data: bytes | None) -> dict[str, Rgb]:
    """What was written; nothing where it is damaged: it is only colours."""
    if data is None:
        return {}
    try:
        rows = {str(name): tuple(int(part) for part in rgb) for name, rgb in unpack(data).items()}
    except (FormatError, ValueError, TypeError, AttributeError):
        return {}
    return {
        name: (rgb[0], rgb[1], rgb[2])
        for name, rgb in rows.items()
        if len(rgb) == 3 and all(0 <= part <= 255 for part in rgb)
    }
