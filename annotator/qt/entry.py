"""One action of the window as a value: pages and modules hand over lists of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ANYWHERE: str | None = None
"""An action that needs nothing, not even an open set."""
SET = "set"
"""An action that needs an open set, on whatever page."""
LABELLING = "label"
"""An action of the labelling page. Any other context is the name of a page as well (``"gallery"``)."""

MENUS = ("File", "Edit", "Go", "View", "Help")
"""The menus, in their order; what is in none is reached by its keys and by the command palette."""


@dataclass(frozen=True)
class Entry:
    """One action.

    Attributes:
        name: Its name in the code and in the settings; never changes.
        text: What it is called in the menu and in the command palette, through ``tr``.
        keys: Its default keys, the first is shown.
        menu: The menu it stands in, one of :data:`MENUS`; empty: by key and palette only.
        run: What it does.
        needs: Where it can be used: ``set`` (an open set), a page's name, several of them, or None.
            Two actions may have the same key where they can never be used at the same time.
        separated: Whether a line is drawn above it in the menu.
        checked: For what is switched on and off: whether it is on now.
        family: Actions of one family share a line in the map of the keys, with this text.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    menu: str
    run: Callable[[], object]
    needs: str | tuple[str, ...] | None = ANYWHERE
    separated: bool = False
    checked: Callable[[], bool] | None = None
    family: str = ""

    @property
    def pages(self) -> tuple[str, ...]:
        """The pages it is bound to; none: it is not bound to a page."""
        if self.needs is None or self.needs == SET:
            return ()
        return (self.needs,) if isinstance(self.needs, str) else self.needs

    def is_possible(self, page: str, is_open: bool) -> bool:
        """Whether it can be used now.

        Args:
            page: Name of the page that is shown.
            is_open: Whether a set is open.
        """
        if self.needs is None:
            return True
        return is_open and (not self.pages or page in self.pages)
