"""What is seen of the picture and its boxes: the actions of the menu View."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from annotator.qt.entry import LABELLING, Entry
from annotator.qt.picture_view import ZOOM_STEP
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


def view_entries(window: MainWindow) -> list[Entry]:
    """Zooming, and what is painted."""
    return [*_zoom_entries(window), *_shown_entries(window)]


def _zoom_entries(window: MainWindow) -> list[Entry]:
    label = window.label
    canvas = label.canvas
    actions: tuple[tuple[str, str, tuple[str, ...], Callable[[], object]], ...] = (
        ("zoom_in", tr("Zoom in"), ("+", "="), lambda: canvas.zoom_by(ZOOM_STEP)),
        ("zoom_out", tr("Zoom out"), ("-",), lambda: canvas.zoom_by(1 / ZOOM_STEP)),
        ("fit", tr("Fit the picture"), ("F",), canvas.fit),
        ("actual", tr("100 %"), ("Ctrl+1",), canvas.zoom_to_actual),
        (
            "zoom_box",
            tr("Zoom to the selected box, then to the next"),
            ("Z",),
            lambda: window.suggestions.zoom(1),
        ),
        ("zoom_box_back", tr("Zoom to the box before"), ("Shift+Z",), lambda: window.suggestions.zoom(-1)),
    )
    entries = [Entry(name, text, keys, "View", run, LABELLING) for name, text, keys, run in actions]
    entries.append(
        Entry(
            "keep_zoom",
            tr("Keep the zoom from picture to picture"),
            (),
            "View",
            label.toggle_keep_zoom,
            LABELLING,
            checked=lambda: canvas.keep_zoom,
        )
    )
    return entries


def _shown_entries(window: MainWindow) -> list[Entry]:
    canvas = window.label.canvas

    def toggle(name: str) -> None:
        setattr(canvas, name, not getattr(canvas, name))
        canvas.update()
        if name == "show_boxes":
            hidden = tr("Boxes are hidden ({key} shows them)", key=window.keys.shown_keys("hide_boxes"))
            window.statusBar().showMessage("" if canvas.show_boxes else hidden)

    kinds = (
        ("hide_boxes", tr("Boxes"), "H", "show_boxes"),
        ("hide_labels", tr("Labels"), "L", "show_labels"),
        ("crosshair", tr("Crosshair while drawing"), "X", "show_crosshair"),
    )
    return [
        Entry(
            name,
            text,
            (key,),
            "View",
            lambda shown=shown: toggle(shown),
            LABELLING,
            separated=place == 0,
            checked=lambda shown=shown: bool(getattr(canvas, shown)),
        )
        for place, (name, text, key, shown) in enumerate(kinds)
    ]
