"""Predictions of which a person said that they are wrong: remembered with the set."""

from __future__ import annotations

from annotator.core.edit_json import pack, unpack
from annotator.core.sidecar import Sidecar
from converters.errors import FormatError
from converters.model import Box, Xyxy

Mark = tuple[Xyxy, str]
"""Edges (on whole pixels) and label of a prediction."""

_FACT = "dismissed_predictions"
_MOST_PICTURES = 5000
"""Of more pictures those that were looked at first are forgotten."""


class DismissedPredictions:
    """What was dismissed, by picture. A prediction elsewhere or of another class is another one."""

    def __init__(self, sidecar: Sidecar | None = None) -> None:
        self._sidecar = sidecar
        self._marks: dict[str, frozenset[Mark]] = {}
        data = sidecar.fact(_FACT) if sidecar is not None else None
        if data is not None:
            try:
                self._marks = {
                    str(key): frozenset((_edges(edges), str(label)) for edges, label in marks)
                    for key, marks in unpack(data)
                }
            except (FormatError, TypeError, ValueError):
                self._marks = {}  # they can be dismissed again

    def of(self, key: str) -> frozenset[Mark]:
        """What was dismissed in a picture."""
        return self._marks.get(key, frozenset())

    def add(self, key: str, box: Box) -> None:
        """Dismiss a prediction."""
        marks = self._marks.pop(key, frozenset()) | {(box.xyxy, box.label)}
        self._marks[key] = marks
        while len(self._marks) > _MOST_PICTURES:
            del self._marks[next(iter(self._marks))]
        self._keep()

    def bring_back(self, key: str) -> bool:
        """Show those of a picture again; returns whether there are any."""
        if self._marks.pop(key, None) is None:
            return False
        self._keep()
        return True

    def _keep(self) -> None:
        if self._sidecar is not None:
            rows = [(key, sorted(marks)) for key, marks in self._marks.items()]
            self._sidecar.keep_fact(_FACT, pack(rows) if rows else None)


def _edges(values: list[float]) -> Xyxy:
    x1, y1, x2, y2 = (float(value) for value in values)
    return (x1, y1, x2, y2)
