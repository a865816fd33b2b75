"""The menu under the pointer on the labelling page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtWidgets import QMenu

from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

FOR_BOXES = ("duplicate", "copy", "delete")
FOR_PREDICTION = ("accept_prediction", "dismiss_prediction", "accept_predictions")
FOR_PICTURE = ("paste", "draw", "fit")


def context_menu(window: MainWindow) -> QMenu | None:
    """What can be done with the selected boxes and the picture; None where the pointer is elsewhere."""
    label = window.label
    if window.project is None or window.page_name != "label" or not label.canvas.underMouse():
        return None
    menu = QMenu(window)
    actions = window.actions_by_name
    if label.canvas.selected:
        for name in window.project.session.class_names:
            menu.addAction(
                tr("Relabel as {name}", name=name).replace("&", "&&"),
                lambda name=name: label.choose_class(name),
            )
        menu.addSeparator()
        menu.addActions([actions[name] for name in FOR_BOXES])
        menu.addSeparator()
    elif label.canvas.suggested is not None:
        for name in window.project.session.class_names:
            menu.addAction(
                tr("Accept as {name}", name=name).replace("&", "&&"),
                lambda name=name: label.choose_class(name),
            )
        menu.addSeparator()
        menu.addActions([actions[name] for name in FOR_PREDICTION])
        menu.addSeparator()
    menu.addActions([actions[name] for name in FOR_PICTURE])
    return menu
