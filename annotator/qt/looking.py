"""The way to pictures that a network looks at: on the predictions page, or on a page without a set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.qt.entry import ANYWHERE, Entry
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow
    from annotator.qt.pages.look import LookPage


def look_at_pictures(window: MainWindow) -> None:
    """Go where any pictures and videos are looked at."""
    if window.project is not None:
        window.show_page("predict")
        window.predict.parts.setCurrentWidget(window.predict.any_pictures)
        return
    page = _page(window)
    window.stack.setCurrentWidget(page)
    page.begin()


def _page(window: MainWindow) -> LookPage:
    """The page without a set; made when it is first wanted."""
    from annotator.qt.pages.look import LookPage

    for index in range(window.stack.count()):
        found = window.stack.widget(index)
        if isinstance(found, LookPage):
            return found
    page = LookPage(window.loader)
    window.stack.addWidget(page)
    # Among those that are asked whether they are busy, and ended before the window closes.
    window.page_was_built(page)
    page.left.connect(window.show_start)
    page.any_pictures.set_wanted.connect(window.open_path)
    return page


def entries(window: MainWindow) -> list[Entry]:
    """See ``annotator.qt.actions``."""
    return [
        Entry(
            "look_at_pictures",
            tr("Look at pictures with a network…"),
            (),
            "File",
            lambda: look_at_pictures(window),
            ANYWHERE,
            separated=True,
        )
    ]
